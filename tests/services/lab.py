"""A lab elsewhere: a network of its own, from which only the site's public addresses are reached."""

from __future__ import annotations

import os
import secrets
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

SITE, LAB = "10.207.77.1", "10.207.77.2"


class Door:
    """A port of the site's public address that leads to one on loopback, as a proxy would."""

    def __init__(self) -> None:
        self._listener = socket.create_server((SITE, 0))
        self.port: int = self._listener.getsockname()[1]
        self._target = ("127.0.0.1", 0)

    def open(self, port: int) -> None:
        """Let connections through to this port from now on."""
        self._target = ("127.0.0.1", port)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                inside, _ = self._listener.accept()
                outside = socket.create_connection(self._target)
            except OSError:
                return
            threading.Thread(target=_carry, args=(inside, outside), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with one, other:
        across = {one: other, other: one}
        while True:
            for ready in select.select(list(across), [], [])[0]:
                try:
                    data = ready.recv(65536)
                    across[ready].sendall(data)
                except OSError:
                    return
                if not data:
                    return


@contextmanager
def network() -> Iterator[str]:
    """Make a network of two hosts, the site and the lab; yield the name of the lab's."""
    if os.geteuid() != 0:
        pytest.skip("only root makes networks")
    name = f"lab{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine makes no network namespaces")
    try:
        _ip("link", "add", f"{name}s", "type", "veth", "peer", "name", f"{name}l")
        _ip("link", "set", f"{name}l", "netns", name)
        _ip("addr", "add", f"{SITE}/30", "dev", f"{name}s")
        _ip("link", "set", f"{name}s", "up")
        _ip("-n", name, "addr", "add", f"{LAB}/30", "dev", f"{name}l")
        for device in ("lo", f"{name}l"):
            _ip("-n", name, "link", "set", device, "up")
        yield name
    finally:
        _ip("netns", "del", name)  # and the link with it


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
