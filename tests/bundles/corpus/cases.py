"""What the tables of the corpus are made of: a zip that is broken in one way, and what is said of it."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from app.bundles.checksums import FORMAT
from tests.bundles.bundle_factories import changed, make_files, zip_of
from tests.bundles.evalai import challenges
from tests.bundles.legacy.manifests import PLAIN

THEIRS = "aaaaaaaa-0000-4000-8000-000000000001"
"""Key of a file of somebody else, and of a task of theirs."""
MINE = "aaaaaaaa-0000-4000-8000-000000000002"
"""Key of input data, and of a task, of whoever imports."""
NOBODYS = "aaaaaaaa-0000-4000-8000-000000000003"
"""Key of nothing."""

TASK = "name: Triage\nscoring_program: scoring.zip\n"
PROGRAM = zip_of({"metadata.yaml": b"command: python3 $program/score.py"}).getvalue()

LARGE = zip_of({"late.txt": bytes(20_000)}).getvalue()
"""Larger than what is read of a file to see that it is a zip."""


@dataclass(frozen=True)
class Case:
    """A zip, and everything that is said of it, in order."""

    raw: bytes
    messages: tuple[str, ...]


def broken(raw: bytes, *messages: str) -> Case:
    """Return a case; the messages come last so that a table reads from cause to effect."""
    return Case(raw, messages)


def zipped(files: Mapping[str, bytes]) -> bytes:
    return zip_of(dict(files)).getvalue()


def bundle(*changes: tuple[str, str], **files: bytes) -> bytes:
    """A bundle of version 2 with pieces of its manifest replaced; ``terms__md`` is ``terms.md``."""
    named = {name.replace("__", "."): content for name, content in files.items()}
    return zipped(make_files(changed(*changes)) | named)


def phase(line: str) -> bytes:
    """A bundle whose phase has one more line."""
    return bundle(("  tasks: [0]\n", f"  tasks: [0]\n  {line}\n"))


def phases(*lines: str) -> bytes:
    """A bundle with these phases."""
    only = "- index: 0\n  name: Development\n  start: 2030-01-01\n  tasks: [0]\n"
    return bundle((only, "".join(f"- {{{line}, tasks: [0]}}\n" for line in lines)))


def start(text: str) -> bytes:
    """A bundle whose phase starts when this text says."""
    return bundle(("2030-01-01", text))


def top(line: str) -> bytes:
    """A bundle with one more line at the top."""
    return bundle(("title: A b", f"{line}\ntitle: A b"))


def task(line: str) -> bytes:
    """A bundle whose task has one more line."""
    return bundle(("  scoring_program: scoring/\n", f"  scoring_program: scoring/\n  {line}\n"))


def column(keys: str) -> bytes:
    """A bundle whose column has more keys."""
    return bundle(("index: 0}", f"index: 0, {keys}}}"))


def columns(*keys: str) -> bytes:
    """A bundle with more columns."""
    more = "".join(f"\n  - {{title: T{i}, {one}}}" for i, one in enumerate(keys, 1))
    return bundle(("index: 0}", f"index: 0}}{more}"))


def manifest(raw: bytes) -> bytes:
    """A bundle with this text for its manifest."""
    return zipped(make_files(raw))


def legacy(*changes: tuple[str, str], **files: bytes) -> bytes:
    """A bundle of CodaLab with pieces of its manifest replaced."""
    text = PLAIN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return zipped(make_files(text) | {n.replace("__", "."): c for n, c in files.items()})


def challenge(*changes: tuple[str, str], without: str = "", **files: bytes) -> bytes:
    """A challenge of EvalAI with pieces of its configuration replaced, perhaps less one file."""
    text = challenges.CONFIG
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    named = {name.replace("__", "."): content for name, content in files.items()}
    all_files = challenges.files(text) | named
    return zipped({name: content for name, content in all_files.items() if name != without})


def task_zip(text: str | bytes = TASK, /, **files: bytes) -> bytes:
    """A task zip with this text for its manifest."""
    raw = text if isinstance(text, bytes) else text.encode()
    named = {name.replace("__", "."): content for name, content in files.items()}
    return zipped({"task.yaml": raw, "scoring.zip": PROGRAM, "truth/a.csv": b"1", **named})


def with_entry(name: str, content: bytes = b"1", *, mode: int = stat.S_IFREG, twice: bool = False,
               method: int = zipfile.ZIP_STORED) -> bytes:  # fmt: skip
    """A sound bundle with one more entry, written as given."""
    out = io.BytesIO(bundle())
    with zipfile.ZipFile(out, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice is what some tests want
        for _ in range(1 + twice):
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o644) << 16
            archive.writestr(info, content, method)
    return out.getvalue()


def link(name: str, target: str) -> bytes:
    """A sound bundle with a symbolic link."""
    return with_entry(name, target.encode(), mode=stat.S_IFLNK)


def encrypted() -> bytes:
    """A bundle whose terms say that they are encrypted."""
    return _flagged(bundle(), b"terms.md", 0x1)


def _flagged(raw: bytes, name: bytes, flag: int) -> bytes:
    """Set a flag of an entry in both places where a zip keeps it."""
    changed_ = bytearray(raw)
    for signature, flags, at_name in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = raw.find(signature)
        while at >= 0:
            if raw[at + at_name : at + at_name + len(name)] == name:
                changed_[at + flags] |= flag
            at = raw.find(signature, at + 1)
    return bytes(changed_)


def damaged(raw: bytes, content: bytes) -> bytes:
    """The zip with the last byte of a stored content changed, so that its checksum is wrong."""
    assert raw.count(content) == 1
    return raw.replace(content, content[:-1] + bytes([content[-1] ^ 1]))


def overlapping() -> bytes:
    """A zip whose two entries share their bytes."""
    raw = bytearray(zipped({"competition.yaml": b"a: 1", "b.txt": b"a: 1"}))
    second = raw.rfind(b"PK\x01\x02")
    raw[second + 42 : second + 46] = bytes(4)  # where its content begins
    return bytes(raw)


def bomb() -> bytes:
    """A bundle with an entry that grows a thousandfold."""
    return with_entry("zeros.bin", bytes(4 * 1024 * 1024), method=zipfile.ZIP_DEFLATED)


def vast() -> bytes:
    """A bundle with entries that say that they unpack to 24 GiB."""
    raw = bytearray(zipped(make_files() | {f"vast{i}": b"1" * 64 for i in range(6)}))
    at = raw.find(b"PK\x01\x02")
    while at >= 0:
        if raw[at + 46 : at + 50] == b"vast":
            raw[at + 20 : at + 28] = (2**31).to_bytes(4, "little") + b"\xfe\xff\xff\xff"
        at = raw.find(b"PK\x01\x02", at + 1)
    return bytes(raw)


def checksums(members: Mapping[str, bytes], version: int = 1) -> bytes:
    """The list of checksums that a dump carries."""
    listed = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in members.items()
    }
    told = {"format": FORMAT, "format_version": version, "source": {}, "members": listed}
    return json.dumps(told).encode()
