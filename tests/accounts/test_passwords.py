"""Which passwords are taken, and how they are compared."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from app.accounts import passwords


@pytest.mark.parametrize(
    ("password", "part"),
    [
        ("short", "5 characters"),
        ("x" * 129, "129 characters"),
        ("password", "tried first"),
        ("PassWord123!", "tried first"),
        ("qwertyuiop", "tried first"),
        ("hospital2027", "tried first"),
        ("aaaaaaaaaaaa", "tried first"),
        ("1212121212", "tried first"),
        ("my-olga-words", "your name"),
        ("OLGA is here", "your name"),
        ("curie.lab plus", "your name"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, part: str) -> None:
    assert part in passwords.problem(password, "olga", "curie.lab@example.org")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "żółć-и-漢字-🙂", " leading and trailing ", "x9" * 4 + "Qz!"],
)
def test_any_characters_make_a_password(password: str) -> None:
    assert passwords.problem(password, "olga", "olga@example.org") == ""
    assert passwords.matches(password, passwords.hash_password(password))


def test_nothing_is_cut_off() -> None:
    stored = passwords.hash_password("a" * 127 + "b")
    assert not passwords.matches("a" * 127 + "c", stored)
    assert not passwords.matches("a" * 127 + "b" + "x" * 500, stored)


def test_nobody_and_broken_hashes_match_nothing() -> None:
    assert not passwords.matches("whatever it is", None)
    assert not passwords.matches("whatever it is", "!")


def test_hash_carries_the_parameters_and_ages() -> None:
    stored = passwords.hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(PasswordHasher(1, 8192, 1).hash("correct horse battery"))


def test_generated_passwords_are_good_and_differ() -> None:
    first, second = passwords.generate(), passwords.generate()
    assert first != second
    assert passwords.problem(first) == ""
