"""A real office for the smoke test: the shipped server in a folder of its own, on a free port, and its console."""

import re
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

LOGIN, PASSWORD = "ines", "correct-horse-battery"


class _Stay(urllib.request.HTTPRedirectHandler):
    """Answers are looked at where they are given."""

    def redirect_request(self, *_):
        return None


class Office:
    """Starts with `with`, ends with it."""

    def __init__(self, server: Path):
        self._server = server
        self._scratch = tempfile.TemporaryDirectory(prefix="fieldsync-office")
        self.folder = Path(self._scratch.name) / "office"
        self._http = urllib.request.build_opener(_Stay)
        self.cli("user", "add", LOGIN, "--name", "Ines Duarte", "--password-stdin", typed=PASSWORD)
        self._log = open(Path(self._scratch.name) / "log", "w", encoding="utf-8")
        self._process = subprocess.Popen(
            [server, "serve", "--data", self.folder, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.url = re.search(r"http://[0-9.:]+", self._process.stdout.readline())[0]
        answer = self._post("/login", {"name": LOGIN, "password": PASSWORD})
        self._cookie = answer.headers["set-cookie"].split(";")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._scratch.cleanup()

    def cli(self, *arguments, typed=""):
        """Runs a command of the server beside the running one."""
        command = [self._server, *arguments, "--data", self.folder]
        return subprocess.run(command, input=typed, capture_output=True, text=True, check=True).stdout.strip()

    def technician(self, name):
        return uuid.UUID(self.cli("technician", "add", name))

    def link(self, technician):
        """What the QR code of a new enrolment says."""
        code = self.cli("enrol", str(technician), "--code-only")
        return "fieldsync://enrol?" + urllib.parse.urlencode({"server": self.url, "code": code})

    def order(self, problem, technician, customer="Quarry North"):
        """A work order entered at the console and assigned."""
        entered = {
            "customer": customer, "phone": "", "site": "Pit 3", "street": "", "asset": "Excavator B",
            "problem": problem, "instructions": "mind the slope", "due": "", "priority": "high",
            "category": "a_paid", "technician": str(technician),
        }
        place = self._post("/jobs/new", entered).headers["location"]
        return uuid.UUID(re.search(r"/jobs/([0-9a-f-]{36})", place)[1])

    def dispatch(self, order, technician):
        """Assigns an order to exactly this technician: whoever had it loses it."""
        page = self._send(f"/jobs/{order}/dispatch").page
        version = re.search(r'name="version" value="([^"]*)"', page)
        form = {"technician": str(technician), "version": version[1] if version else "", "start": ""}
        self._post(f"/jobs/{order}/dispatch", form)

    def page(self, path):
        """A page of the console."""
        return self._send(path).page

    def _post(self, path, form):
        answer = self._send(path, urllib.parse.urlencode(form).encode())
        assert answer.status == 303, f"{path}: {answer.status}"
        return answer

    def _send(self, path, body=None):
        headers = {"origin": self.url, "cookie": getattr(self, "_cookie", "")}
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            answer = self._http.open(request, timeout=30)
        except urllib.error.HTTPError as other:
            answer = other
        with answer:
            answer.page = answer.read().decode()
        return answer
