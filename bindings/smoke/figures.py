"""The figures of docs/PERFORMANCE.md that have a baseline: what the bridge costs beside raw SQLite, in one run.

Run by `./check figures` as `figures.py BUILT [ORDERS]`; BUILT is as for the smoke test. Every engine's figure and its
baseline take turns, so that a disk that changes its mind changes both.
"""

import asyncio
import itertools
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BUILT = Path(sys.argv[1])
ORDERS = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
sys.path.insert(0, str(BUILT))

import fieldsync as fs  # noqa: E402
from office import Office  # noqa: E402

PROBLEM = "Hydraulic cylinder of the bucket leaks, left hand side, since yesterday"


def say(what, value):
    print(f"figure: python, {what}: {value}", flush=True)


def ms(seconds):
    return f"{seconds * 1e3:.2f} ms"


def took(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def beside(what, times, engine, raw):
    """Medians and the slowest of a hundred of both, turn by turn."""
    for call in (engine, raw):
        call()
    pairs = [(took(engine), took(raw)) for _ in range(times)]
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    slow = [sorted(side)[len(side) * 99 // 100] for side in (ours, theirs)]
    ratio = statistics.median(ours) / statistics.median(theirs)
    say(what, f"{ms(statistics.median(ours))} (99%: {ms(slow[0])})")
    say(f"{what}, raw SQLite", f"{ms(statistics.median(theirs))} (99%: {ms(slow[1])}); ours takes {ratio:.1f} times as long")


def peak_mib():
    """The most memory this process ever had, MiB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def fill(office, technician):
    """Orders with a customer, a site and an asset each, all with one technician."""
    rows = [f"N-{n};Customer {n};Site {n};Excavator {n};{PROBLEM}" for n in range(ORDERS)]
    file = office.folder.parent / "orders.csv"
    file.write_text("\n".join(["order number;customer;site;asset;problem", *rows]))
    office.cli("import", str(file))
    found, number = {}, 1
    while True:
        page = re.findall(r"/jobs/([0-9a-f-]{36})", office.page(f"/board?sort=number&page={number}"))
        if not set(page) - set(found):
            break
        found.update(dict.fromkeys(page))
        number += 1
    form = {"technician": str(technician), "version": "", "start": ""}
    with ThreadPoolExecutor(4) as several:
        list(several.map(lambda order: office._post(f"/jobs/{order}/dispatch", form), found))


def raw_store(file):
    """What a simple app would keep: the same orders as rows, as durable as the engine's."""
    raw = sqlite3.connect(file, isolation_level=None)
    raw.execute("pragma journal_mode = wal")
    raw.execute("pragma synchronous = full")
    raw.execute("create table if not exists job (id integer primary key, number, customer, site, asset, problem, status)")
    raw.execute("create table if not exists note (id integer primary key, job, text)")
    return raw


def main(scratch):
    with Office(BUILT / "fieldsync-server") as office:
        anna = office.technician("Anna Berg")
        fill(office, anna)
        options = fs.OpenOptions(dir=str(scratch / "phone"))
        device = fs.Device.open(options)
        asyncio.run(device.enrol(office.url, office.cli("enrol", str(anna), "--code-only"), "phone"))
        before, cpu, begun = peak_mib(), time.process_time(), time.perf_counter()
        receipt = asyncio.run(device.sync())
        assert receipt.agrees, receipt.text
        wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
        say("first pull", f"{receipt.received} records, {receipt.bytes_down // 1024} KiB, {wall:.2f} s, {cpu:.2f} s of CPU")
        say("peak memory of the process", f"{peak_mib():.1f} MiB, {before:.1f} MiB before the pull")

        raw = raw_store(scratch / "raw.sqlite")
        rows = [(n, f"N-{n}", f"Customer {n}", f"Site {n}", f"Excavator {n}", PROBLEM, "dispatched") for n in range(ORDERS)]
        raw.execute("begin")
        raw.executemany("insert into job values (?, ?, ?, ?, ?, ?, ?)", rows)
        raw.execute("commit")

        say("one call that returns a text", f"{statistics.median(took(fs.version) for _ in range(2_000)) * 1e6:.1f} us")
        say("status", ms(statistics.median(took(device.status) for _ in range(200))))
        page = fs.JobFilter(limit=100)
        orders = [job.id for job in device.jobs(page).items]
        assert len(orders) == 100
        # One order after the other: what an entry costs grows with what its order holds.
        turn = itertools.cycle(orders)
        select = "select * from job order by number limit 100"
        beside("a page of 100 jobs", 200, lambda: device.jobs(page), lambda: raw.execute(select).fetchall())
        beside(
            "an entry, durable when it returns", 200, lambda: device.add_note(next(turn), "a note"),
            lambda: raw.execute("insert into note (job, text) values (1, 'a note')"),
        )
        asyncio.run(device.sync())
        cpu = time.process_time()
        for _ in range(100):
            asyncio.run(device.sync())
        say("CPU of a sync with nothing to say", ms((time.process_time() - cpu) / 100))
        device.shutdown()
        raw.close()

        def opened():
            again = fs.Device.open(options)
            assert again.jobs(fs.JobFilter()).items
            return again

        def opened_raw():
            again = raw_store(scratch / "raw.sqlite")
            again.execute("select * from job order by number limit 50").fetchall()
            again.close()

        times = []
        for _ in range(11):
            begun = time.perf_counter()
            again = opened()
            times.append((time.perf_counter() - begun, took(opened_raw)))
            again.shutdown()
        ours, theirs = (statistics.median(pair[side] for pair in times) for side in (0, 1))
        say(f"open a store of {receipt.received} records to its first page", f"{ms(ours)}, raw SQLite {ms(theirs)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fieldsync-figures") as folder:
        main(Path(folder))
