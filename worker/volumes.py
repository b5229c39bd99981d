"""File systems of a fixed size, in files: a limit on what programs write that cannot be outrun.

Linux only, and only for root. An image is a nameless sparse file behind a loop device that clears
itself, so whatever is unmounted is gone; a copy of an empty file system costs about a millisecond.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
_STEP_MIB = 16
"""Sizes are multiples of this, so that there are few templates."""
_SPARE_BYTES = MIB
"""More than the limit, so that who fills the disk has certainly passed it."""
_INODE_BYTES = 256
_KEPT_BACK_BYTES = 16 * MIB
"""What ext4 keeps for itself: 2 % of the device, but no more than this."""

_NOSUID, _NODEV, _NOEXEC, _REMOUNT, _NOATIME, _BIND = 2, 4, 8, 32, 1024, 4096
_DETACH, _NOFOLLOW = 2, 8
_GET_FREE, _CONFIGURE, _AUTOCLEAR = 0x4C82, 0x4C0A, 4
_CONFIG = struct.Struct("<II QQQQQ IIII 64s 64s 32s QQ 64x")
"""``struct loop_config``: descriptor, block size, then ``struct loop_info64``."""
_TRIES = 20


@dataclass(frozen=True)
class Room:
    """How much may still be written."""

    bytes: int
    files: int


@dataclass(frozen=True)
class Volume:
    """One mounted file system."""

    folder: Path

    def take_over(self, folder: Path, *, executable: bool) -> None:
        """Move what a folder holds to this file system, and let the folder lead there.

        Args:
            executable: whether programs may be started from it.
        """
        inner = self.folder / os.urandom(4).hex()
        inner.mkdir()
        for entry in list(folder.iterdir()):
            shutil.move(entry, inner)
        shutil.copystat(folder, inner)
        flags = _NOSUID | _NODEV | _NOATIME | (0 if executable else _NOEXEC)
        _mount(os.fspath(inner), folder, "", _BIND)
        _mount("", folder, "", _REMOUNT | _BIND | flags)

    def room(self) -> Room:
        """Return what is left."""
        facts = os.statvfs(self.folder)
        return Room(facts.f_bavail * facts.f_frsize, facts.f_favail)

    def flush(self) -> None:
        """Hand everything to the disk below; OSError when that cannot take it."""
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _check(_libc().syncfs(fd), self.folder)
        finally:
            os.close(fd)


class Volumes:
    """Makes file systems of fixed size, where this machine can.

    Args:
        folder: keeps an empty file system of each size, to be copied.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lack: str | None = None

    def lack(self, *, seen: bool) -> str:
        """Return why none can be used here, or "". Found out once, by making one.

        Args:
            seen: whether the engine sees what this process mounts.
        """
        if self._lack is None:
            self._lack = self._find_lack()
        return self._lack if seen else "the engine does not see what the worker mounts"

    def _find_lack(self) -> str:
        if os.geteuid() != 0:
            return "the worker is not root"
        if _mkfs() is None:
            return "mkfs.ext4 is not installed"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as probe:
                try:
                    self.make(Path(probe), _STEP_MIB * MIB, 1000)
                finally:
                    release(Path(probe))
        except OSError as error:
            return f"a loop file system cannot be mounted: {error.strerror or error}"
        return ""

    def make(self, folder: Path, size: int, files: int) -> Volume:
        """Mount an empty file system at a folder.

        Args:
            size: how many bytes it holds at least; at most ``_STEP_MIB`` more.
            files: how many files and folders it holds at least.

        Raises:
            OSError: it cannot be made.
        """
        template = self._template(-(-(size + _SPARE_BYTES) // (_STEP_MIB * MIB)) * _STEP_MIB, files)
        with tempfile.TemporaryFile(dir=self._folder) as image, template.open("rb") as empty:
            _copy_sparse(empty.fileno(), image.fileno())
            _attach(
                image.fileno(),
                lambda device: _mount(
                    device, folder, "ext4", _NOSUID | _NODEV | _NOATIME, "noinit_itable,nobarrier"
                ),
            )
        return Volume(folder)

    def _template(self, size_mib: int, files: int) -> Path:
        path = self._folder / f"{size_mib}-{files}.ext4"
        if path.exists():
            return path
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f"{path.name}.{os.getpid()}.draft"
        try:
            with draft.open("wb") as file:
                file.truncate(_image_bytes(size_mib * MIB, files))
            # Nothing is worth a journal: after a crash the whole file system is gone anyway.
            command = [
                _mkfs() or "mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-I", str(_INODE_BYTES),
                "-N", str(files), "-O", "^has_journal,^resize_inode",
                "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", str(draft),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise OSError(errno.EIO, f"mkfs.ext4 failed: {done.stderr.strip()[:200]}")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return path


def _mkfs() -> str | None:
    # The PATH of a service may lack the folders of administrators' programs.
    return shutil.which("mkfs.ext4") or shutil.which("/usr/sbin/mkfs.ext4")


def release(folder: Path) -> int:
    """Unmount whatever is mounted at or below a folder; return how many mounts there were.

    Their file systems vanish with the last process that uses them.
    """
    below = [place for place in _mounted() if place == folder or folder in place.parents]
    for place in reversed(below):
        with suppress(FileNotFoundError):
            _check(_libc().umount2(os.fsencode(place), _DETACH | _NOFOLLOW), place)
    return len(below)


def _mounted() -> Iterator[Path]:
    """Yield every mount point that this process sees, in the order of mounting."""
    try:
        text = Path("/proc/self/mountinfo").read_bytes()
    except FileNotFoundError:  # not Linux: there is nothing of ours
        return
    for line in text.splitlines():
        written = line.split(b" ")[4]
        # Blanks, newlines and backslashes are written as octal numbers.
        yield Path(os.fsdecode(written.decode("unicode_escape").encode("latin-1")))


def _image_bytes(size: int, files: int) -> int:
    """Return how large a device must be to hold that much beside ext4's own tables."""
    needed = size + files * _INODE_BYTES + size // 1000 + MIB
    whole = min(needed * 100 // 98, needed + _KEPT_BACK_BYTES)
    return -(-whole // MIB) * MIB


def _copy_sparse(source: int, target: int) -> None:
    """Copy a file's data and none of its holes."""
    end, size = 0, os.fstat(source).st_size
    os.ftruncate(target, size)
    while end < size:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        while start < end:
            start += os.pwrite(target, os.pread(source, min(end - start, MIB), start), start)


def _attach(image: int, use: Callable[[str], None]) -> None:
    """Put a file behind a free loop device for as long as ``use`` makes something hold it."""
    info = (0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR, b"plumbline", b"", b"", 0, 0)
    config = _CONFIG.pack(image, 0, *info)
    for left in reversed(range(_TRIES)):
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        try:
            number = fcntl.ioctl(control, _GET_FREE)
        finally:
            os.close(control)
        device = os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, _CONFIGURE, config)
            use(f"/dev/loop{number}")
            return
        except OSError as error:
            if error.errno != errno.EBUSY or not left:  # else another worker was faster
                raise
        finally:
            os.close(device)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    words = (source.encode(), os.fsencode(target), kind.encode())
    _check(_libc().mount(*words, ctypes.c_ulong(flags), options.encode()), target)


def _check(result: int, place: Path) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(place))
