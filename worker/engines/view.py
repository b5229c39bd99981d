"""Whether what the worker mounts is there for the engine, too."""

from __future__ import annotations

import os
import socket
import struct

_UCRED = struct.Struct("iii")
_PATIENCE_S = 5


def shares_mounts(url: str) -> bool:
    """Return whether the process behind a socket sees the mounts that this process makes.

    A worker inside a container, or an engine on another machine, does not: what such a worker
    mounts, the engine knows as an empty folder.
    """
    if not url.startswith("unix://") or not hasattr(socket, "SO_PEERCRED"):
        return False
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PATIENCE_S)
            line.connect(url.removeprefix("unix://"))
            peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid = _UCRED.unpack(peer)[0]  # 0 for a process of another process namespace
        return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except OSError:
        return False
