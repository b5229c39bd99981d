"""A site of the tests: takes run events, gives claims, and is the object store besides."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.patience import PATIENCE_S
from worker.contract import Answer, Claim, Download, Kind, Output, RunEvent, RunSpec

TOKEN = "run-token-canary"
SIGNATURE = "X-Amz-Signature=canary"


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_spec(**overrides: Any) -> RunSpec:
    """A run spec with small limits."""
    values: dict[str, Any] = {
        "run_id": 7, "attempt": 1, "queue_id": "q1w2e3r4", "api_url": "http://unused.test",
        "image": "example/image:1", "timeout_s": 120, "memory_mib": 256, "cpus": 1.0, "pids": 64,
        "output_mib": 8, "log_kib": 64, "token": TOKEN,
    }  # fmt: skip
    return RunSpec(**{**values, **overrides})


class Site:
    """One in-process HTTP server; everything it was told is in ``events`` and ``objects``."""

    def __init__(self) -> None:
        self.inputs: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.events: list[RunEvent] = []
        self.batches: list[int] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.downloads: list[str] = []
        self.proxy_answers: list[int] = []
        """Statuses that something before the app answers, one a request."""
        self.answers: list[int] = []
        """Statuses to answer event batches with before listening again."""
        self.object_answers: list[int] = []
        self.cancel_at: Kind | str | None = None
        """Answer ``cancel`` once an event of this kind, or step, or with this text, was heard."""
        self.with_checksums = True
        self.is_known = True
        """Whether the machine's token still counts; without it nothing of its runs is heard."""
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # What tests ask ----------------------------------------------------------------------------

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def steps(self) -> list[str]:
        return [event.step for event in self.events if event.kind == Kind.STEP]

    def last(self) -> RunEvent:
        return self.events[-1]

    def notes(self) -> str:
        return "\n".join(event.text for event in self.events if event.kind == Kind.NOTE)

    def log(self, stream: str) -> str:
        words = [e.text for e in self.events if e.kind == Kind.LOG and e.stream == stream]
        return "".join(words)

    def output(self, output: Output) -> dict[str, bytes]:
        """Return the files of an uploaded zip."""
        with zipfile.ZipFile(io.BytesIO(self.objects[f"out-{output}"])) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def wait_for(self, text: str, seconds: float = PATIENCE_S) -> None:
        """Wait until an event of this kind, step or text was heard."""
        with self.changed:
            heard = self.changed.wait_for(lambda: self._heard(text), seconds)
        assert heard, f"{text!r} was never said: {self.kinds()}"

    def _heard(self, text: str) -> bool:
        return any(text in (e.kind, e.step) or (text in e.text) for e in self.events)

    # What the worker sees ----------------------------------------------------------------------

    def _claim(self) -> Claim:
        downloads = {
            name: Download(
                url=f"{self.url}/in-{name}?{SIGNATURE}",
                file_name=f"{name}.zip",
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest() if self.with_checksums else "",
            )
            for name, content in self.inputs.items()
        }
        uploads = {str(output): f"{self.url}/out-{output}?{SIGNATURE}" for output in Output}
        return Claim(lease_s=60, downloads=downloads, uploads=uploads)

    def _take(self, listed: list[Any]) -> Answer:
        claim = None
        with self.changed:
            self.batches.append(len(listed))
            for one in listed:
                event = RunEvent.from_json(one)
                if event.seq == len(self.events) + 1:
                    self.events.append(event)
                if event.kind == Kind.STARTED:
                    claim = self._claim()
            self.changed.notify_all()
            cancel = self.cancel_at is not None and self._heard(self.cancel_at)
            return Answer(cancel=cancel, accepted_seq=len(self.events), claim=claim)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024  # head and body in one packet, or each answer waits for an ACK

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not site.is_known:
                    self._say(404, b'{"error": "No machine has this token."}')
                elif site.proxy_answers:
                    self._say(site.proxy_answers.pop(0), b"<h1>Not here</h1>")
                elif site.answers and (status := site.answers.pop(0)) != 200:
                    self._say(status, b'{"error": "as the test wished"}')
                elif self.path == "/api/worker/heartbeat":
                    site.heartbeats.append({**body, "auth": self.headers["Authorization"]})
                    self._say(200, b"{}")
                elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                    self._say(404, b"{}")
                else:
                    answer = site._take(body["events"])
                    self._say(200, json.dumps(answer.to_json()).encode())

            def do_GET(self) -> None:
                name = self.path.partition("?")[0].removeprefix("/in-")
                site.downloads.append(name)
                if site.object_answers:
                    self._say(site.object_answers.pop(0), b"")
                    return
                self._say(200, site.inputs[name])

            def do_PUT(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if site.object_answers:
                    self._say(site.object_answers.pop(0), b"")
                    return
                site.objects[self.path.partition("?")[0].removeprefix("/")] = content
                self._say(200, b"")

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_: Any) -> None:
                return

        return Handler
