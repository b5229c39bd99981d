"""Reserved names and what looks like them."""

from __future__ import annotations

import pytest

from app.accounts import names


@pytest.mark.parametrize(
    "name",
    ["admin", "Admin", "ＡＤＭＩＮ", " admin ", "adm1n", "adrnin", "a-d-m-i-n", "4dmin", "_root_", "r00t",
     "plumb1ine", "pIumbline", "supp0rt", "5taff", "---", "___"],
)  # fmt: skip
def test_reserved_names_and_their_look_alikes_are_refused(name: str) -> None:
    assert names.is_reserved(names.fold(name))


@pytest.mark.parametrize(
    "name", ["olga", "pavel-2", "x_1", "administrative", "benchmarker", "rooter"]
)
def test_ordinary_names_are_free(name: str) -> None:
    assert not names.is_reserved(names.fold(name))
    assert names.NAME.fullmatch(names.fold(name))


@pytest.mark.parametrize(
    "name",
    ["аdmin", "оlga", "οlga", "ol ga", "ol\u200bga", "ol\u202ega", "olga\n", "ab", "x" * 31, "olgá",
     "ol.ga", "olga@x", "", "ｏlga\u0301"],
)  # fmt: skip
def test_other_alphabets_and_invisible_characters_do_not_pass(name: str) -> None:
    folded = names.fold(name)
    assert folded == "olga" or not names.NAME.fullmatch(folded)
