"""What a program may leave behind, and how it is read without trusting it: paths, sizes, logs."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_DEPTH = 16
MAX_ENTRIES = 100_000
MAX_NAME_BYTES = 255
HTML_NAME = "detailed_results.html"
MAX_HTML_BYTES = 10 * 1024 * 1024
TAIL_CHARS = 2000
_HELD_CHARS = 4096
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;:?]{0,64})?$")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Found:
    """One entry of a folder: an open regular file, or a refusal with its reason."""

    path: str
    """Relative to the folder, with ``/``."""
    size: int = 0
    fd: int = -1
    """Closed after the iteration step; -1 when refused."""
    refused: str = ""


class TooMuch(Exception):
    """A folder holds more entries, or is deeper, than is walked."""


def walk(folder: Path) -> Iterator[Found]:
    """Yield every regular file below ``folder`` as an open descriptor, and what is refused.

    Links are never followed: each name is opened relative to its directory's descriptor, and only
    regular files with a single link are given out. So nothing outside the folder can be read.

    Raises:
        TooMuch: more than ``MAX_ENTRIES`` entries.
    """
    fd = os.open(folder, _FLAGS | os.O_DIRECTORY)
    try:
        yield from _walk(fd, "", 1, [0])
    finally:
        os.close(fd)


def _walk(folder: int, prefix: str, depth: int, count: list[int]) -> Iterator[Found]:
    for name in sorted(os.listdir(folder)):
        count[0] += 1
        if count[0] > MAX_ENTRIES:
            raise TooMuch(f"more than {MAX_ENTRIES} files and folders")
        path = prefix + name
        if problem := _name_problem(name):
            yield Found(repr(path), refused=problem)
            continue
        try:
            fd = os.open(name, _FLAGS, dir_fd=folder)
        except OSError as error:
            yield Found(path, refused=_why_closed(folder, name, error))
            continue
        try:
            facts = os.fstat(fd)
            if stat.S_ISDIR(facts.st_mode):
                if depth >= MAX_DEPTH:
                    yield Found(path, refused=f"is more than {MAX_DEPTH} folders deep")
                else:
                    yield from _walk(fd, path + "/", depth + 1, count)
            elif problem := _file_problem(facts):
                yield Found(path, refused=problem)
            else:
                yield Found(path, facts.st_size, fd)
        finally:
            os.close(fd)


def _name_problem(name: str) -> str:
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if len(raw) > MAX_NAME_BYTES or any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "has control characters in its name"
    return ""


def _why_closed(folder: int, name: str, error: OSError) -> str:
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return "vanished"
    if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
        return _file_problem(facts)
    return f"cannot be read ({error.strerror})"


def _file_problem(facts: os.stat_result) -> str:
    kinds = {
        stat.S_IFLNK: "is a symbolic link", stat.S_IFIFO: "is a pipe",
        stat.S_IFSOCK: "is a socket", stat.S_IFCHR: "is a device", stat.S_IFBLK: "is a device",
    }  # fmt: skip
    kind = stat.S_IFMT(facts.st_mode)
    if kind != stat.S_IFREG:
        return kinds.get(kind, "is not a regular file")
    return "has more than one hard link" if facts.st_nlink > 1 else ""


def drop_special(folder: Path) -> list[str]:
    """Remove every link, pipe, socket and device below a folder that nobody writes to any more.

    Whatever reads the folder next would follow a link to where its writer could not look, and wait
    for ever at a pipe.

    Returns:
        What was removed, in words.
    """
    removed, todo = [], [folder]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    todo.append(Path(entry.path))
                elif not stat.S_ISREG(facts.st_mode):
                    os.unlink(entry.path)
                    name = _shown(Path(entry.path).relative_to(folder).as_posix())
                    removed.append(f"{name} {_file_problem(facts)}")
    return sorted(removed)


def _shown(path: str) -> str:
    return repr(path) if _name_problem(path.rpartition("/")[2]) else path


def open_file(folder: Path, name: str) -> tuple[int, int] | None:
    """Open a plain file in the root of ``folder`` without following anything.

    Returns:
        (descriptor, size in bytes), or None when there is no such plain file.
    """
    try:
        parent = os.open(folder, _FLAGS | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fd = os.open(name, _FLAGS, dir_fd=parent)
    except OSError:
        return None
    finally:
        os.close(parent)
    facts = os.fstat(fd)
    if _file_problem(facts):
        os.close(fd)
        return None
    return fd, facts.st_size


def html_file(folder: Path) -> tuple[str, int] | None:
    """Open ``detailed_results.html``, else the first ``*.html``, in the root of an output.

    Returns:
        (name, descriptor), or None when there is none.
    """
    others = sorted(name for name in os.listdir(folder) if name.lower().endswith(".html"))
    for name in [HTML_NAME, *others]:
        if opened := open_file(folder, name):
            return name, opened[0]
    return None


def used_bytes(folder: Path) -> int:
    """Return how much disk a folder takes: blocks, not claims; links are not followed.

    A folder with more entries than may be collected counts as endless.
    """
    total, left, todo = 0, MAX_ENTRIES, [os.fspath(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    left -= 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    if left < 0:
                        return 1 << 62
        except OSError:
            continue  # changed under our feet; the next look sees it
    return total


class LogTap:
    """Passes the first half of a log's budget on as it comes, and keeps the last half for the end.

    Args:
        emit: takes decoded text.
        budget_bytes: of the whole stream; what lies between the halves is counted and left out.
    """

    def __init__(self, emit: Callable[[str], None], budget_bytes: int) -> None:
        self._emit = emit
        self._budget = budget_bytes
        self._head_left = budget_bytes // 2
        self._tail_room = budget_bytes - self._head_left
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._last = ""
        self._held = ""

    @property
    def tail(self) -> str:
        """The last text of the stream, for the reason of a failure."""
        kept = b"".join(self._kept).decode("utf-8", "replace")
        return (self._last + self._held + kept)[-TAIL_CHARS:]

    @property
    def dropped(self) -> int:
        """How many bytes were left out so far."""
        return self._dropped

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._head_left > 0:
            head, data = data[: self._head_left], data[self._head_left :]
            self._head_left -= len(head)
            self._hold_unfinished(self._decoder.decode(head))
        if data:
            self._keep(data)

    def close(self) -> None:
        """Emit what was kept, saying first how much was left out."""
        self._release()
        kept = b"".join(self._kept)
        self._dropped += max(0, len(kept) - self._tail_room)
        if self._dropped:
            self._emit(
                f"\n[{self._dropped} bytes are left out here: a log keeps its first and last "
                f"{self._budget // 2048} KiB]\n"
            )
        self._kept.clear()
        self._pass_on(kept[-self._tail_room :].decode("utf-8", "replace"))

    def _pass_on(self, text: str) -> None:
        if text:
            self._last = (self._last + text)[-TAIL_CHARS:]
            self._emit(text)

    def _hold_unfinished(self, text: str) -> None:
        """Pass text on, but for the beginning of what is only understood as a whole.

        That is a line that begins like JSON, and half of a terminal's code for a colour.
        """
        text = self._held + text
        line = text.rfind("\n") + 1
        unfinished = _UNFINISHED.search(text, line)
        cut = unfinished.start() if unfinished else len(text)
        if text.startswith("{", line) and len(text) - line < _HELD_CHARS:
            cut = line
        self._held = text[cut:]
        self._pass_on(text[:cut])

    def _release(self) -> None:
        held, self._held = self._held, ""
        self._pass_on(held + self._decoder.decode(b"", final=True))

    def _keep(self, data: bytes) -> None:
        if not self._kept:
            self._release()
        self._kept.append(data)
        self._kept_bytes += len(data)
        while self._kept_bytes - len(self._kept[0]) >= self._tail_room:
            left_out = self._kept.popleft()
            self._kept_bytes -= len(left_out)
            self._dropped += len(left_out)
