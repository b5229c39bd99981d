"""An image registry on this machine that has one image, for a processor that no machine here has."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LIST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [
            {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "digest": "sha256:" + "0" * 64, "size": 100,
                "platform": {"architecture": "s390x", "os": "linux"},
            }
        ],
    }
).encode()  # fmt: skip
_MISSING = json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}).encode()


class _Registry(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer that this is a registry, or with the one manifest."""
        if self.path == "/v2/":
            self._answer(200, "application/json", b"{}")
        elif self.path.startswith("/v2/foreign/"):
            kind = "application/vnd.docker.distribution.manifest.list.v2+json"
            self._answer(200, kind, _LIST)
        else:
            self._answer(404, "application/json", _MISSING)

    do_HEAD = do_GET

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def registry() -> Iterator[str]:
    """Serve it; yields its host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
