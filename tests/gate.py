"""A door between two servers that a test can watch, hold shut, knock on twice or slam."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.patience import PATIENCE_S

HOST = "127.0.0.1"
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


@dataclass
class Passing:
    """A request on its way through, and later its answer."""

    method: str
    path: str
    asked: dict[str, str]
    """Headers of the request."""
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the answer."""
    status: int = 0
    """Of the answer; 0 before it."""
    answer: bytes = b""
    copies: int = 1
    """How often it is sent on; the last answer counts."""
    is_dropped: bool = False
    """Whether the connection is cut in place of an answer."""


Rule = Callable[[Passing], bool]
Deed = Callable[[Passing], None]


@dataclass
class Hold:
    """A request that stands at the door."""

    arrived: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Return once a request stands at the door."""
        assert self.arrived.wait(PATIENCE_S), "nothing came to the door"


class Gate:
    """An HTTP proxy on loopback that passes everything on unchanged, ``Host`` included.

    Args:
        upstream: host and port of the server behind it.
    """

    def __init__(self, upstream: str) -> None:
        self.seen: list[Passing] = []
        self._upstream = upstream
        self._before: list[tuple[Rule, Deed]] = []
        self._after: list[tuple[Rule, Deed]] = []
        self._holds: list[Hold] = []
        gate = self

        class Handler(_Handler):
            def passed(self, passing: Passing) -> bool:
                return gate.pass_on(passing)

        self._server = _Server((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where the door is."""
        return f"http://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        """Its port on loopback."""
        port: int = self._server.server_address[1]
        return port

    def __enter__(self) -> Gate:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def before(self, rule: Rule, deed: Deed) -> None:
        """Do something before a request that fits is passed on."""
        self._before.append((rule, deed))

    def after(self, rule: Rule, deed: Deed) -> None:
        """Do something once such a request was answered, before the answer is passed back."""
        self._after.append((rule, deed))

    def hold(self, rule: Rule) -> Hold:
        """Let requests that fit stand at the door until :meth:`open`."""
        hold = Hold()

        def stand(_passing: Passing) -> None:
            hold.arrived.set()
            hold.go.wait(PATIENCE_S)

        self._holds.append(hold)
        self.before(rule, stand)
        return hold

    def open(self) -> None:
        """Forget every rule and let everything pass."""
        self._before.clear()
        self._after.clear()
        for hold in self._holds:
            hold.go.set()
        self._holds.clear()

    def pass_on(self, passing: Passing) -> bool:
        """Send a request on and fill in its answer; return whether there is one to pass back."""
        self.seen.append(passing)
        for rule, deed in list(self._before):
            if rule(passing):
                deed(passing)
        if passing.is_dropped:
            return False
        try:
            for _ in range(passing.copies):
                passing.headers = self._ask(passing)
        except (OSError, http.client.HTTPException):
            return False
        for rule, deed in list(self._after):
            if rule(passing):
                deed(passing)
        return not passing.is_dropped

    def _ask(self, passing: Passing) -> dict[str, str]:
        connection = http.client.HTTPConnection(self._upstream, timeout=PATIENCE_S)
        try:
            connection.putrequest(
                passing.method, passing.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in passing.asked.items():
                connection.putheader(name, value)
            connection.endheaders(passing.body)
            reply = connection.getresponse()
            passing.status, passing.answer = reply.status, reply.read()
            return dict(reply.getheaders())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that are killed leave broken connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def passed(self, passing: Passing) -> bool:
        raise NotImplementedError

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        passing = Passing(self.command, self.path, dict(self.headers.items()), body)
        if not self.passed(passing):
            self.close_connection = True
            return
        self.send_response_only(passing.status)
        for name, value in passing.headers.items():
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = passing.headers.get("Content-Length", "0") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(passing.answer)))
        self.end_headers()
        self.wfile.write(passing.answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
