"""Networks that lead nowhere, kept ready: an engine takes longer to make one than to start a program.

A container that sleeps holds each of them open, and programs join it. What one program leaves in a
network namespace is nothing the next could trip over: sockets end with their program, and none
lingers after its end (no TIME_WAIT), so that no port stays taken.
"""

from __future__ import annotations

import hashlib
import io
import logging
import struct
import tarfile
from typing import Any

import requests
from docker import APIClient
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.types import LogConfig

from worker.logs import event

log = logging.getLogger("worker.engines.loopback")

NOWHERE = "none"
"""What an engine calls a network of the container's own that holds nothing but ``lo``."""
_IMAGE = "plumbline/loopback"
_SLEEP = "/sleep"
_PROCESSOR = "amd64"
"""The one that :data:`_CODE` is written for."""
_CODE = bytes.fromhex(
    "b822000000"  # mov eax, 34: pause()
    "0f05"  # syscall
    "ebf7"  # jmp to the start
)
_ADDRESS = 0x400000
_HEADERS = 64 + 56
_MEMORY = 6 * 2**20
"""The least that Docker accepts."""


class Loopbacks:
    """The sleeping containers of one worker, one for each program that runs at the same time.

    Args:
        prefix: the beginning of their names, which no other worker uses.
        labels: say whose they are, for those who clear up.
        processor: what the engine runs on, in the engine's words.
    """

    def __init__(self, prefix: str, labels: dict[str, str], processor: str) -> None:
        self._prefix, self._labels = prefix, labels
        self._is_possible = processor == _PROCESSOR

    def network(self, client: APIClient, lane: str) -> str:
        """Return the network mode for a program that may reach nothing.

        Args:
            lane: programs that run at the same time have different ones, and cannot talk.
        """
        if not self._is_possible:
            return NOWHERE
        name = f"{self._prefix}-{lane}"
        try:
            self._wake(client, name)
        except (DockerException, requests.RequestException) as error:
            event(log, "loopback.failed", level=logging.WARNING, why=str(error)[:200])
            return NOWHERE
        return f"container:{name}"

    def _wake(self, client: APIClient, name: str) -> None:
        try:
            if client.inspect_container(name)["State"]["Running"]:
                return
        except NotFound:
            client.create_container(
                image=_provide_image(client), command=[_SLEEP], name=name, user="65534:65534",
                labels=self._labels, host_config=client.create_host_config(**_limits()),
            )  # fmt: skip
        client.start(name)


def _limits() -> dict[str, Any]:
    return {
        "network_mode": NOWHERE,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": _MEMORY,
        "memswap_limit": _MEMORY,
        "pids_limit": 1,
        "sysctls": {"net.ipv4.tcp_max_tw_buckets": "0"},
        "log_config": LogConfig(type="none"),
    }


def _provide_image(client: APIClient) -> str:
    program = _program()
    tag = hashlib.sha256(program).hexdigest()[:12]
    try:
        client.inspect_image(f"{_IMAGE}:{tag}")  # type: ignore[no-untyped-call]
    except ImageNotFound:
        client.import_image_from_data(_layer(program), repository=_IMAGE, tag=tag)
    return f"{_IMAGE}:{tag}"


def _layer(program: bytes) -> bytes:
    """Return a tar that holds nothing but the program."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(_SLEEP.lstrip("/"))
        member.size, member.mode = len(program), 0o755
        tar.addfile(member, io.BytesIO(program))
    return packed.getvalue()


def _program() -> bytes:
    """Return one that sleeps, as an ELF file: nobody has to fetch an image that does nothing."""
    size = _HEADERS + len(_CODE)
    # Identity, type, machine, version, entry, program headers, sections, flags, and their sizes.
    head = struct.pack(
        "<4s5B7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 2, 62, 1, _ADDRESS + _HEADERS, 64, 0, 0,
        64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    # To be loaded, readable and executable: offset, addresses, sizes, alignment.
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 4096)
    return head + segment + _CODE
