from __future__ import annotations

import math
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.scores import BadScores, read


def scores(
    folder: Path, name: str, content: str | bytes
) -> tuple[dict[str, float], dict[str, str]]:
    raw = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(raw)
    found = read(folder)
    return found.values, found.rejected


def refusal(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(BadScores) as caught:
        scores(folder, name, content)
    return str(caught.value)


def test_numbers_texts_of_numbers_and_truths_are_kept(tmp_path: Path) -> None:
    values, rejected = scores(
        tmp_path, "scores.json", '{"a": 1, "b": 0.5, "c": "2.5", "d": "1e-3", "e": true}'
    )
    assert values == {"a": 1.0, "b": 0.5, "c": 2.5, "d": 0.001, "e": 1.0}
    assert rejected == {}


def test_json_comes_before_text(tmp_path: Path) -> None:
    (tmp_path / "scores.txt").write_text("a: 1")
    assert scores(tmp_path, "scores.json", '{"a": 2}')[0] == {"a": 2}


def test_text_is_read_as_yaml_1_1(tmp_path: Path) -> None:
    content = "accuracy: 0.9\nloss: 1e-3\nold: 012\nFalse: 3\n7: 8\n"
    assert scores(tmp_path, "scores.txt", content)[0] == {
        "accuracy": 0.9, "loss": 0.001, "old": 10.0, "False": 3.0, "7": 8.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("NaN", "is nan, not a finite number"),
        ("-Infinity", "is -inf, not a finite number"),
        ("1e999", "is inf, not a finite number"),
        ("1" * 5000, "is inf, not a finite number"),
        ('"nan"', "is 'nan', not a number"),
        ('"1_000"', "is '1_000', not a number"),
        ('"high"', "is 'high', not a number"),
        ("null", "is nothing, not a number"),
        ("[1]", "is a list, not a number"),
        ('{"x": 1}', "is a mapping, not a number"),
        ('1, "odd": 2', "is there twice, not a number"),
    ],
)
def test_odd_value_is_left_out_with_its_reason(tmp_path: Path, value: str, reason: str) -> None:
    values, rejected = scores(tmp_path, "scores.json", f'{{"good": 1, "odd": {value}}}')
    assert values == {"good": 1.0}
    where = " (line 1 of scores.json)" if value.count("odd") == 0 else ""
    assert rejected == {"odd": reason + where}


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("scores.json", '{\n  "good": 1,\n  "odd": null\n}', 3),
        ("scores.json", '{"good": 1,\n"\\u00f6dd": null}', 2),
        ("scores.json", '{"odd": null,\n"deep": {"odd": 1}}', 0),
        ("scores.txt", "good: 1\n'odd': .nan\n", 2),
        ("scores.txt", "{good: 1, odd: .nan}\n", 0),
    ],
)
def test_odd_value_names_its_line_where_that_is_certain(
    tmp_path: Path, name: str, content: str, line: int
) -> None:
    _, rejected = scores(tmp_path, name, content)
    reason = next(why for key, why in rejected.items() if key.endswith("dd"))
    assert re.findall(r"line (\d+) of", reason) == ([str(line)] if line else [])


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("scores.json", '{\n  "a": 1,\n  b: 2\n}', "scores.json, line 3, column 3: "),
        ("scores.json", '{"a": 1,\n"b": 1', "scores.json, line 2, column 7: "),
        ("scores.json", b'{"a": 1,\n"b\xff": 1}', "scores.json, line 2: it is not UTF-8"),
        ("scores.txt", "a: 1\nb: [1\n", "scores.txt, line 3, column 1: "),
        ("scores.txt", b"a: 1\n\xff: 2\n", "scores.txt, line 2: it is not UTF-8"),
        ("scores.txt", "a: 1\nb: \x07\n", "scores.txt, line 2: "),
    ],
)
def test_broken_file_names_the_place(
    tmp_path: Path, name: str, content: str | bytes, place: str
) -> None:
    assert refusal(tmp_path, name, content).startswith(place)


def test_odd_values_of_yaml_are_left_out_too(tmp_path: Path) -> None:
    content = "good: 1\na: .nan\nb: 2027-01-01\nc: {x: 1}\nd:\n"
    values, rejected = scores(tmp_path, "scores.txt", content)
    assert values == {"good": 1.0}
    assert set(rejected) == {"a", "b", "c", "d"}


@pytest.mark.security
def test_yaml_payload_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    payload = f"a: !!python/object/apply:os.system ['touch {mark}']"
    assert "line 1" in refusal(tmp_path, "scores.txt", payload)
    assert not mark.exists()


@pytest.mark.security
@pytest.mark.parametrize(
    "content",
    [
        "[" * 60_000,
        "a: &a [*a]\n" * 1 + "b: " + "[" * 30,
        "x: " + "{a: " * 100,
        "- 1",
        "text",
        "",
        "\x00",
        "a: 'b",
    ],
)
def test_text_that_is_no_flat_mapping_is_refused(tmp_path: Path, content: str) -> None:
    assert "scores.txt" in refusal(tmp_path, "scores.txt", content)


@pytest.mark.security
def test_yaml_that_contains_itself_is_an_odd_value(tmp_path: Path) -> None:
    values, rejected = scores(tmp_path, "scores.txt", "a: &a [*a]\nb: 1")
    assert (values, set(rejected)) == ({"b": 1.0}, {"a"})


@pytest.mark.security
@pytest.mark.parametrize(
    "content", ["[" * 60_000, "[1]", "3", "{", '{"a": 1,}', b"\xff\xfe", '{"a": 01}']
)
def test_json_that_is_no_flat_mapping_is_refused(tmp_path: Path, content: str | bytes) -> None:
    assert "scores.json" in refusal(tmp_path, "scores.json", content)


def test_json_error_names_the_line(tmp_path: Path) -> None:
    assert "scores.json, line 2" in refusal(tmp_path, "scores.json", '{"a": 1,\n b: 2}')


def test_too_many_keys_are_refused(tmp_path: Path) -> None:
    many = "\n".join(f"k{n}: {n}" for n in range(201))
    assert "201 keys; the limit is 200" in refusal(tmp_path, "scores.txt", many)


def test_too_large_a_file_is_refused(tmp_path: Path) -> None:
    assert "the limit is 65536" in refusal(tmp_path, "scores.json", " " * 70_000)


@pytest.mark.security
def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a: 1")
    (tmp_path / "scores.json").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "scores.txt")
    with pytest.raises(BadScores, match="neither"):
        read(tmp_path)


@pytest.mark.security
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    for name in ("scores.json", "scores.txt"):
        folder = tmp_path_factory.mktemp("scores")
        try:
            values, _ = scores(folder, name, raw)
        except BadScores:
            continue
        assert all(math.isfinite(value) for value in values.values())
