from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.archive import Archive, BadArchive, Limits, check, normalise


def zipped(
    *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as target:
        for name, content in files:
            target.writestr(name, content)
    return out


def refusal(file: io.BytesIO, limits: Limits | None = None) -> list[str]:
    with pytest.raises(BadArchive) as caught:
        check(file, limits or Limits())
    assert all(fault.found and fault.expected and fault.hint for fault in caught.value.faults)
    return [str(fault) for fault in caught.value.faults]


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def renamed(old: bytes, new: bytes) -> io.BytesIO:
    """A zip whose one file has a name that the zipfile module would not write."""
    assert len(old) == len(new)
    return io.BytesIO(zipped((old.decode(), b"x")).getvalue().replace(old, new))


def test_members_are_listed_and_read_by_normalised_name() -> None:
    archive = Archive(zipped(("./data//a.txt", b"A"), ("data\\b.txt", b"B"), ("top.txt", b"T")))
    assert [m.name for m in archive.files()] == ["data/a.txt", "data/b.txt", "top.txt"]
    assert [m.name for m in archive.files("data")] == ["data/a.txt", "data/b.txt"]
    assert archive.read("data/b.txt", 10) == b"B"
    assert archive.is_folder("data")
    assert not archive.is_folder("dat")
    assert archive.is_file("top.txt")
    assert archive.total_bytes == 3


def test_folders_and_litter_of_desktops_are_passed_over() -> None:
    archive = Archive(
        zipped(("d/", b""), ("d/a", b"A"), ("__MACOSX/d/._a", b""), ("d/.DS_Store", b""))
    )
    assert [m.name for m in archive.files()] == ["d/a"]
    assert archive.wrapping_folder() == "d"


@pytest.mark.parametrize(
    ("names", "folder"),
    [(["a/b", "a/c/d"], "a"), (["a/b", "c"], ""), (["a"], ""), (["a/b", "c/d"], "")],
)
def test_wrapping_folder_is_the_one_that_holds_everything(names: list[str], folder: str) -> None:
    assert Archive(zipped(*((name, b"") for name in names))).wrapping_folder() == folder


def test_names_in_utf8_without_the_flag_are_understood() -> None:
    archive = Archive(renamed(b"aaaa.txt", "éé.txt".encode()))
    assert [m.name for m in archive.files()] == ["éé.txt"]
    assert archive.read("éé.txt", 5) == b"x"


def test_decomposed_names_are_found_composed() -> None:
    archive = Archive(zipped((unicodedata.normalize("NFD", "für.txt"), b"x")))
    assert archive.is_file("für.txt")


def test_head_and_copy_give_the_content() -> None:
    archive = Archive(zipped(("a", b"0123456789")))
    out = io.BytesIO()
    archive.copy("a", out)
    assert out.getvalue() == b"0123456789"
    assert archive.head("a", 4) == b"0123"


def test_read_refuses_more_than_the_limit() -> None:
    with pytest.raises(BadArchive, match="The file a has 10 bytes; the limit is 9"):
        Archive(zipped(("a", b"0123456789"))).read("a", 9)


def test_zipping_a_folder_is_deterministic_and_keeps_what_runs() -> None:
    script = entry("p/run.sh", stat.S_IFREG | 0o755)
    first = Archive(zipped(("p/z.txt", b"Z"), (script, b"#!"), ("other", b"")))
    second = Archive(zipped((script, b"#!"), ("p/z.txt", b"Z")))
    outs = io.BytesIO(), io.BytesIO()
    first.zip_folder("p", outs[0])
    second.zip_folder("p", outs[1])
    assert outs[0].getvalue() == outs[1].getvalue()
    with zipfile.ZipFile(outs[0]) as made:
        assert made.namelist() == ["run.sh", "z.txt"]
        modes = [info.external_attr >> 16 & 0o777 for info in made.infolist()]
        assert modes == [0o755, 0o644]


def test_nested_archives_stay_closed() -> None:
    bomb = zipped(("big", bytes(5_000_000))).getvalue()
    archive = Archive(zipped(("inner.zip", bomb)), Limits(total_bytes=100_000))
    assert archive.read("inner.zip", 100_000) == bomb


@pytest.mark.security
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "leads out of the archive"),
        ("a/../../evil", "leads out of the archive"),
        ("..\\evil", "leads out of the archive"),
        ("/etc/passwd", "is absolute"),
        ("\\\\server\\share", "is absolute"),
        ("C:\\evil", "is absolute"),
        ("c:evil", "is absolute"),
        ("a/b:stream", "has a colon"),
        ("a\nb", "has a control character"),
        ("a\x1b[31m", "has a control character"),
        ("x" * 201, "has 201 characters; the limit is 200"),
    ],
)
def test_dangerous_names_are_refused(name: str, reason: str) -> None:
    (sentence,) = refusal(zipped((name, b"x")))
    assert reason in sentence
    assert sentence.startswith("The name ")


@pytest.mark.security
def test_name_that_hides_its_end_behind_a_nul_is_refused() -> None:
    (sentence,) = refusal(renamed(b"good.txt.exe", b"good.txt\0exe"))
    assert "has a control character" in sentence


@pytest.mark.security
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("a.txt", "a.txt"), "The file a.txt is in the zip twice. Keep one."),
        (("DUP.txt", "dup.txt"), "The file DUP.txt is in the zip as DUP.txt and as dup.txt. Keep one."),
        (("d/a", "d//a"), "The file d/a is in the zip twice. Keep one."),
        (("straße", "STRASSE"), "The file straße is in the zip as straße and as STRASSE. Keep one."),
        (("a", "a/b"), "The name a is both a file and a folder. Rename one of them."),
        (("A", "a/b"), "The name A is both a file and a folder. Rename one of them."),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_collide_somewhere_are_refused(names: tuple[str, str], sentence: str) -> None:
    assert refusal(zipped(*((name, b"x") for name in names))) == [sentence]


@pytest.mark.security
@pytest.mark.parametrize(
    ("mode", "what"),
    [
        (stat.S_IFLNK | 0o777, "a symbolic link"),
        (stat.S_IFIFO | 0o644, "not a regular file"),
        (stat.S_IFCHR | 0o644, "not a regular file"),
        (stat.S_IFBLK | 0o644, "not a regular file"),
        (stat.S_IFSOCK | 0o644, "not a regular file"),
    ],
)
def test_links_and_devices_are_refused(mode: int, what: str) -> None:
    assert refusal(zipped((entry("x", mode), b"/etc/passwd"))) == [
        f"x is {what}. Replace it by the file itself."
    ]


@pytest.mark.security
def test_encrypted_entries_are_refused() -> None:
    raw = bytearray(zipped(("a", b"x")).getvalue())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    assert refusal(io.BytesIO(raw)) == ["a is encrypted. Zip it without a password."]


@pytest.mark.security
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(method: int) -> None:
    (sentence,) = refusal(zipped(("a", b"x" * 100), method=method))
    assert sentence == f"a is compressed by method {method}. Use Deflate, the usual one."


@pytest.mark.security
def test_bomb_is_refused_by_ratio() -> None:
    (sentence,) = refusal(zipped(("bomb", bytes(3_000_000))))
    assert sentence.startswith("bomb would grow ")
    assert "-fold to 3000000 bytes when unpacked; the limit is 200-fold." in sentence
    assert Archive(zipped(("small", bytes(1_000_000))))


@pytest.mark.security
def test_total_size_is_bounded() -> None:
    file = zipped(("a", bytes(600)), ("b", bytes(600)))
    assert refusal(file, Limits(total_bytes=1000)) == [
        "The zip would unpack to 1200 bytes; the limit is 1000. "
        "Pack less, or upload the data by itself and name it by its key."
    ]


@pytest.mark.security
def test_entries_are_counted_before_they_become_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped(*((f"f{i}", b"") for i in range(11)))
    # The declared count lies: the walk must not believe it.
    raw = bytearray(file.getvalue())
    raw[-14:-10] = struct.pack("<HH", 1, 1)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refusal(io.BytesIO(raw), Limits(entries=10)) == [
        "The zip has more than 10 entries. Pack fewer, larger files."
    ]


@pytest.mark.security
def test_huge_directory_is_refused_unread() -> None:
    assert (
        "more than 1 entries" in refusal(zipped(*((f"f{i}", b"") for i in range(40))), Limits(1))[0]
    )


def _overlapping(count: int) -> io.BytesIO:
    """A bomb whose entries all share the bytes of the first."""
    raw = zipped(("a", bytes(1_000_000))).getvalue()
    start = raw.rindex(b"PK\x01\x02")
    end = raw.rindex(b"PK\x05\x06")
    body, record = raw[:start], raw[start:end]
    # Local header and directory must agree on the name, so each entry has the same one.
    directory = record * count
    tail = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    return io.BytesIO(body + directory + tail)


@pytest.mark.security
def test_overlap_bomb_is_refused() -> None:
    assert "Entries of the zip overlap. Zip the files again." in refusal(_overlapping(15))


@pytest.mark.security
def test_entry_that_reaches_into_the_directory_is_refused() -> None:
    raw = bytearray(zipped(("a", b"x" * 50), method=zipfile.ZIP_STORED).getvalue())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 20 : at + 28] = struct.pack("<LL", 5000, 5000)
    assert refusal(io.BytesIO(raw)) == [
        "An entry of the zip overlaps its directory. Zip the files again."
    ]


@pytest.mark.security
def test_declared_size_that_lies_is_noticed_while_reading() -> None:
    raw = bytearray(zipped(("a", b"x" * 5000)).getvalue())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<L", 50)
    with pytest.raises(BadArchive, match="The file a in the zip is damaged"):
        Archive(io.BytesIO(raw)).read("a", 10_000)


def test_all_problems_come_at_once_up_to_twenty() -> None:
    assert len(refusal(zipped(("../a", b""), ("/b", b""), (entry("c", stat.S_IFLNK), b"")))) == 3
    assert len(refusal(zipped(*((f"../{i}", b"") for i in range(50))))) == 20


@pytest.mark.parametrize("raw", [b"", b"hello", b"PK\x03\x04" + bytes(100), b"PK\x05\x06"])
def test_what_is_no_zip_is_refused(raw: bytes) -> None:
    assert refusal(io.BytesIO(raw)) == [
        "The file is not a zip file, or its end is missing. Zip the files, and upload the whole zip."
    ]


@pytest.mark.parametrize("cut", [slice(None, -30), slice(60, None), slice(None, 10)])
def test_cut_zip_is_refused(cut: slice) -> None:
    with pytest.raises(BadArchive):
        Archive(io.BytesIO(zipped(("a", b"x" * 99)).getvalue()[cut])).read("a", 100)


def test_damaged_content_is_refused() -> None:
    raw = bytearray(zipped(("a", bytes(range(256)) * 4), method=zipfile.ZIP_STORED).getvalue())
    raw[100] ^= 0xFF
    with pytest.raises(BadArchive, match="The file a in the zip is damaged: Bad CRC-32"):
        Archive(io.BytesIO(raw)).read("a", 2000)


def test_zip64_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    file = zipped(("a", b"x" * 50), ("b", b"y" * 50))
    assert b"PK\x06\x06" in file.getvalue()
    assert Archive(file).read("b", 50) == b"y" * 50
    assert "more than 1 entries" in refusal(file, Limits(entries=1))[0]


def test_empty_zip_has_no_members() -> None:
    assert Archive(zipped()).files() == []


@given(st.text(max_size=30) | st.text(alphabet="./\\:aA\u0301é \x00", max_size=12))
def test_normalised_names_stay_inside_and_are_fixed_points(name: str) -> None:
    try:
        path = normalise(name)
    except ValueError:
        return
    parts = path.split("/")
    assert not path.startswith("/")
    assert ".." not in parts
    assert "\\" not in path
    assert ":" not in path
    assert normalise(path) == path


_NAMES = st.text(alphabet="aAbBß./\\:\n\u0301", min_size=1, max_size=6)


@given(st.lists(_NAMES, max_size=5, unique=True))
def test_any_names_are_refused_or_readable_and_distinct(names: list[str]) -> None:
    try:
        archive = Archive(zipped(*((name, name.encode()) for name in names)))
    except BadArchive:
        return
    listed = [member.name for member in archive.files()]
    assert len({name.casefold() for name in listed}) == len(listed)
    for name in listed:
        assert archive.read(name, 100)


def _flip(raw: bytes, flips: list[tuple[int, int]]) -> io.BytesIO:
    changed = bytearray(raw)
    for position, value in flips:
        changed[position % len(changed)] = value
    return io.BytesIO(changed)


@pytest.mark.security
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_zips_are_read_or_refused(flips: list[tuple[int, int]]) -> None:
    raw = zipped(("a/b.txt", b"hello" * 10), ("c", b"y")).getvalue()
    with suppress(BadArchive):
        archive = Archive(_flip(raw, flips))
        for member in archive.files():
            archive.read(member.name, 1000)
