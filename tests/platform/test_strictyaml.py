from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.encoding import WrongEncoding
from app.platform.strictyaml import MAX_BYTES, BadYaml, Duplicate, load, path_text


def refusal(raw: bytes) -> str:
    with pytest.raises(BadYaml) as caught:
        load(raw)
    assert caught.value.message == f"{caught.value.sentence} {caught.value.hint}"
    return caught.value.sentence


def test_values_and_their_places_are_kept() -> None:
    document = load(b"title: 1.10\nphases:\n- {name: Dev, limit: 012}\n")
    assert document.value == {"title": 1.1, "phases": [{"name": "Dev", "limit": 10}]}
    place = document.places["phases", 0, "limit"]
    assert (place.line, place.column, place.text) == (3, 22, "012")
    assert document.places["title",].text == "1.10"
    assert path_text(("phases", 0, "limit")) == "phases[0].limit"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01", date(2026, 1, 1)),
        ("2026-01-01 13:30:00", datetime(2026, 1, 1, 13, 30, tzinfo=UTC)),
        ("2026-01-01T13:30:00Z", datetime(2026, 1, 1, 13, 30, tzinfo=UTC)),
        ("2026-01-01T10:00:00+02:00", datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ("2026-01-01 23:00:00 -5", datetime(2026, 1, 2, 4, tzinfo=UTC)),
    ],
)
def test_unquoted_times_keep_their_time_and_convert_their_offset(text: str, value: date) -> None:
    assert load(f"start: {text}".encode()).value == {"start": value}


def test_keys_are_text_as_written() -> None:
    assert load(b"no: a\n1: b\n2026-01-01: c").value == {"no": "a", "1": "b", "2026-01-01": "c"}


def test_key_that_is_a_list_is_refused() -> None:
    assert refusal(b"? [1]\n: 2") == "Line 1, column 3: a key must be text."


def test_duplicate_keys_are_reported_with_both_places() -> None:
    document = load(b"a: 1\nb: 2\n'a': 3")
    assert document.value == {"a": 3, "b": 2}
    sentence = "Line 3, column 1: the key “a” is given a second time (first in line 1)."
    assert document.duplicates == (Duplicate(("a",), sentence),)


def test_merge_keys_fill_in_what_is_missing() -> None:
    document = load(b"a: &a {x: 1, y: 2}\nb: &b {y: 3}\nc: {<<: [*a, *b], x: 0}")
    assert document.value == {"a": {"x": 1, "y": 2}, "b": {"y": 3}, "c": {"x": 0, "y": 2}}
    assert document.duplicates == ()


@pytest.mark.security
def test_too_large_a_file_is_refused_before_parsing() -> None:
    assert refusal(b"#" * (MAX_BYTES + 1)) == "The file has 262145 bytes; the limit is 262144."


@pytest.mark.security
@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- "])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    raw = (opening * 100_000)[:MAX_BYTES]
    assert "the nesting is deeper than 20 levels" in refusal(raw)


@pytest.mark.security
def test_deep_nesting_through_aliases_is_refused() -> None:
    links = [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 30)]
    assert "aliases nest deeper than 20 levels" in refusal(
        "\n".join(["a0: &a0 1", *links]).encode()
    )


@pytest.mark.security
def test_alias_bomb_is_refused() -> None:
    links = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    raw = "\n".join(["a0: &a0 [lol, lol, lol]", *links]).encode()
    assert "it holds more than 50000 values" in refusal(raw)


@pytest.mark.security
def test_alias_bomb_of_long_text_is_refused() -> None:
    raw = b"a: &a " + b"x" * 60_000 + b"\nb: [" + b", ".join([b"*a"] * 50) + b"]"
    assert "it holds more than 1048576 characters" in refusal(raw)


@pytest.mark.security
def test_merge_bomb_is_refused() -> None:
    links = [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
    raw = "\n".join(["a0: &a0 {x: 1, y: 2}", *links]).encode()
    assert "it holds more than 50000 values" in refusal(raw)


@pytest.mark.security
def test_more_than_a_hundred_aliases_are_refused() -> None:
    raw = b"a: &a 1\nb: [" + b", ".join([b"*a"] * 101) + b"]"
    assert "there are more than 100 aliases" in refusal(raw)
    assert load(raw.replace(b"*a, ", b"", 1)).value


@pytest.mark.security
def test_cycle_is_refused() -> None:
    assert refusal(b"a: &a [*a]") == "Line 1, column 8: an alias points to what contains it."
    assert "points to what contains it" in refusal(b"a: &a {b: [{<<: *a}]}")


@pytest.mark.security
@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system ['id']", "!!binary aGk=", "!!set {a}", "!own 1", "!!int x"],
)
def test_tags_are_refused(tag: str) -> None:
    assert "is not allowed" in refusal(f"x: {tag}".encode())


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"a: b: c", "Line 1, column 5: mapping values are not allowed here."),
        (b"a:\n\tb: 1", "Line 2, column 1: a tab stands where YAML wants spaces."),
        (b"a: 2026-02-30", "Line 1, column 4: 2026-02-30 is not a date that exists."),
        (b"a: 9999-12-31T23:00:00-05:00", "Line 1, column 4: 9999-12-31T23:00:00-05:00 is not a date that exists."),
        (b"a: " + b"9" * 5000, "Line 1, column 4: the number has too many digits."),
        (b"a: 1\n---\nb: 2", "Line 2, column 1: a second document begins here."),
        (b"a: *b", "Line 1, column 4: found undefined alias 'b'."),
        (b"a: 1\nb: \x07", "Line 2: the control character U+0007 is not allowed."),
    ],
)  # fmt: skip
def test_faults_are_one_sentence_with_a_place(raw: bytes, sentence: str) -> None:
    assert refusal(raw) == sentence


def test_byte_order_mark_is_accepted() -> None:
    assert load("title: é".encode("utf-8-sig")).value == {"title": "é"}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("a: é".encode("utf-16"), "encoded as UTF-16"),
        ("a: é".encode("utf-32"), "encoded as UTF-32"),
        ("a: hello hello hello".encode("utf-16-le"), "it looks like UTF-16"),
        ("a: 1\nb: é".encode("latin-1"), "not UTF-8 in line 2; it looks like Windows-1252"),
    ],
)
def test_wrong_encoding_is_named(raw: bytes, name: str) -> None:
    with pytest.raises(WrongEncoding, match=name):
        load(raw)


@given(
    st.binary(max_size=300)
    | st.text(alphabet="[]{}:,-&*<!?'\"#|> \na1", max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(BadYaml, WrongEncoding):
        load(raw)
