"""What lies between a phone and its office, for the smoke test: passes requests on, and goes wrong as it is told."""

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Wire:
    """A proxy on a free port. `too_large`: bodies above so many bytes are refused as a proxy does. `swallows`: the office
    gets what is sent, and its answer does not come back."""

    def __init__(self, office_url):
        self.too_large = None
        self.swallows = False
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if wire.too_large is not None and len(body) > wire.too_large:
                    return self._answer(413, {}, b"<html>too large</html>")
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                request = urllib.request.Request(
                    office_url + self.path, data=body or None, headers=headers, method=self.command
                )
                try:
                    answer = urllib.request.urlopen(request, timeout=30)
                except urllib.error.HTTPError as other:
                    answer = other
                with answer:
                    content = answer.read()
                if wire.swallows:
                    return self._answer(503, {"retry-after": "3600"}, b"<html>gateway</html>")
                return self._answer(answer.status, answer.headers, content)

            do_GET = do_PUT = do_POST = do_HEAD = _pass

            def _answer(self, status, headers, content):
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._listener.server_port}"

    def close(self):
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
