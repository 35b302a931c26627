"""Runs the cases of one SDK in order and writes what came of them as JSON.

The judging is left to xtask: it knows the deviations. A case says what the SDK must do against a faithful service.
"""

import inspect
import json
import os
import pathlib
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STANDINS = json.loads(os.environ.get("UPDOCK_STANDINS", "{}"))
# Where the REST API is: the stand-ins themselves, or signers in front of them.
REST = json.loads(os.environ.get("UPDOCK_REST", "null")) or STANDINS
# Keys of agents by what they may do, `all` and `reader`; none where no signer is in between.
AGENTS = json.loads(os.environ.get("UPDOCK_AGENT_KEYS", "null"))
SAMPLES = pathlib.Path(os.environ.get("UPDOCK_SAMPLES", "."))
PUBLIC_KEY = "demopublickey"
SECRET_KEY = "demosecretkey"
# A file id that nobody has.
NOBODY = "00000000-0000-4000-8000-000000000000"


class Suite:
    """Cases by the function that they exercise; `functions` are all the public ones."""

    def __init__(self, name, version, functions):
        self.name, self.version, self.functions = name, version, functions
        self._cases, self._harmless = [], {}

    def success(self, of, title):
        """What `of` does when all is well."""
        return self._add("success", of, title)

    def error(self, of, title):
        """What `of` does when the service refuses."""
        return self._add("error", of, title)

    def cannot_fail(self, why, *names):
        """They ask the service nothing that could be refused."""
        for name in names:
            self._known(name)
            self._harmless[name] = why

    def _add(self, kind, of, title):
        names = [of] if isinstance(of, str) else of
        for name in names:
            self._known(name)

        def keep(body):
            self._cases.extend((kind, name, title, body) for name in names)
            return body

        return keep

    def _known(self, name):
        if name not in self.functions:
            raise ValueError(f"{self.name} has no {name}")

    def run(self):
        """Runs every case and writes the report."""
        results = {name: [] for name in self.functions}
        only = os.environ.get("UPDOCK_ONLY")
        for kind, of, title, body in self._cases:
            if only and only not in f"{of} {title}":
                continue
            message = None
            try:
                body()
            except Exception as error:  # noqa: BLE001: whatever a case raises is its failure
                message = f"{type(error).__name__}: {error}"[:2000]
                if os.environ.get("UPDOCK_VERBOSE"):
                    traceback.print_exc()
            if message:
                print(f"  {of}: {title}: {message}", file=sys.stderr)
            results[of].append({"kind": kind, "title": title, "passed": message is None, "message": message})
        functions = [
            {"name": name, "cannot_fail": self._harmless.get(name), "cases": results[name]} for name in self.functions
        ]
        report = {"name": self.name, "registry": "PyPI", "version": self.version}
        report |= {"functions": functions, "problems": []}
        pathlib.Path(os.environ["UPDOCK_REPORT"]).write_text(json.dumps(report, indent=1))


def public_methods(*classes):
    """`Class.method` for each public method and property of the classes, inherited ones of the same package too."""
    found = []
    for one in classes:
        package = one.__module__.split(".")[0]
        for name, member in inspect.getmembers(one):
            if name.startswith("_"):
                continue
            function = member.fget if isinstance(member, property) else member
            if callable(function) and getattr(function, "__module__", "").split(".")[0] == package:
                if not inspect.isclass(function):
                    found.append(f"{one.__name__}.{name}")
    return found


def until(look, what, seconds=15.0):
    """Waits until `look` gives something."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.05)


class refused:
    """`with refused(SomeError, "text"):` the body raises that, with that text in it."""

    def __init__(self, error, text=""):
        self.error, self.text = error, text

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _trace):
        if error is None:
            raise AssertionError("was not refused")
        if not isinstance(error, self.error):
            return False
        assert self.text in str(error), f"{str(error)!r} does not hold {self.text!r}"
        return True


class Neighbour(ThreadingHTTPServer):
    """A server of our own: what the stand-in fetches files from, and where it delivers webhooks."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        # (path, headers, body as it came)
        self.delivered = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/gone"):
            self._answer(404, "text/plain", b"gone")
        elif self.path.endswith(".jpg"):
            self._answer(200, "image/jpeg", (SAMPLES / "photo.jpg").read_bytes())
        else:
            self._answer(200, "text/plain", b"from afar")

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.delivered.append((self.path, dict(self.headers), body))
        self._answer(200, "text/plain", b"")

    def _answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass
