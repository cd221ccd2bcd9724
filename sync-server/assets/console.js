// Freshens what is marked data-live when the office says that something changed. Every page works without this file.
"use strict";

(() => {
  const QUIET_MS = 400; // changes closer together than this are fetched once
  const LOST_MS = 8000; // a stream silent in reconnection for this long is shown as lost
  const state = document.getElementById("link-state");
  const live = document.querySelectorAll("[data-live]");
  if (!live.length || !window.EventSource) return;

  let waiting = 0, fetching = false, again = false, lost = 0, stream = null;

  // A region is left alone while someone works in it.
  const isBusy = (region) =>
    region.querySelector("details[open]") !== null ||
    (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

  // What a row says, without the times that pass by themselves.
  const said = (row) => {
    const copy = row.cloneNode(true);
    for (const time of copy.querySelectorAll("time")) time.remove();
    return copy.textContent;
  };

  const replace = (region, fresh) => {
    if (isBusy(region) || region.innerHTML === fresh.innerHTML) return;
    const focused = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const before = new Set(Array.from(region.querySelectorAll("tr"), said));
    region.replaceChildren(...document.importNode(fresh, true).childNodes);
    for (const row of region.querySelectorAll("tr")) row.classList.toggle("fresh", !before.has(said(row)));
    if (focused) region.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  };

  const freshen = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const reply = await fetch(location.href, { headers: { "X-Freshen": "1" }, cache: "no-store" });
      if (reply.redirected) { location.reload(); return; } // signed out meanwhile
      if (reply.ok) {
        const page = new DOMParser().parseFromString(await reply.text(), "text/html");
        for (const region of document.querySelectorAll("[data-live]")) {
          const fresh = page.getElementById(region.id);
          if (fresh) replace(region, fresh);
        }
      }
    } catch { /* the stream notices and says so */ }
    fetching = false;
    if (again) { again = false; freshen(); }
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(freshen, QUIET_MS);
  };

  // A browser opens only a handful of connections to one server. A page that nobody looks at gives its own back, and so
  // does a page that is left, which the browser may keep for the way back.
  const close = () => {
    clearTimeout(lost);
    clearTimeout(waiting);
    stream?.close();
    stream = null;
  };

  const open = (isReturn) => {
    if (stream || document.hidden) return;
    stream = new EventSource("/events");
    let isAgain = isReturn;
    stream.addEventListener("open", () => {
      clearTimeout(lost);
      state.hidden = true;
      if (isAgain) soon(); // what happened while there was no stream
      isAgain = true;
    });
    stream.addEventListener("changed", soon);
    stream.addEventListener("error", () => {
      clearTimeout(lost);
      lost = setTimeout(() => { state.hidden = false; }, LOST_MS);
    });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open(true)));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(true); });
  open(false);
})();
