"""Accounts from the command line."""

from __future__ import annotations

import re

import pytest
from click.testing import Result
from flask import Flask

from app.accounts import passwords, queries
from app.platform.db import db
from tests.factories import make_user

PASSWORD = "correct horse battery"


def run(app: Flask, *arguments: str, stdin: str = "") -> Result:
    result = app.test_cli_runner().invoke(args=["admin", *arguments], input=stdin)
    db.session.rollback()
    return result


def test_generated_password_is_printed_once_and_works(app: Flask) -> None:
    result = run(app, "create", "Admin", "--email", "admin@example.org", "--generate")
    assert result.exit_code == 0
    shown = re.findall(r"Password: (\S+)", result.output)
    assert len(shown) == 1
    user = queries.by_username("admin")
    assert user is not None
    assert user.is_staff
    assert passwords.matches(shown[0], user.password_hash)


def test_password_from_standard_input_is_not_printed(app: Flask) -> None:
    result = run(
        app, "create", "olga", "--email", "o@example.org", "--password-stdin", "--no-staff",
        stdin=PASSWORD + "\n",
    )  # fmt: skip
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    user = queries.by_username("olga")
    assert user is not None
    assert not user.is_staff
    assert passwords.matches(PASSWORD, user.password_hash)


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (
            ("create", "olga", "--email", "x@example.org", "--generate"),
            "",
            "This user name is taken.",
        ),
        (("create", "new", "--email", "OLGA@example.org", "--generate"), "", "address exists"),
        (
            ("create", "new", "--email", "x@example.org", "--password-stdin"),
            "short\n",
            "5 characters",
        ),
        (("create", "new", "--email", "x@example.org"), "", "--password-stdin or --generate"),
        (("password", "nobody", "--generate"), "", "Nobody is called nobody."),
    ],
)
def test_refusals_are_sentences(
    app: Flask, arguments: tuple[str, ...], stdin: str, sentence: str
) -> None:
    make_user("olga")
    result = run(app, *arguments, stdin=stdin)
    assert result.exit_code != 0
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_password_is_set_again(app: Flask) -> None:
    make_user("olga")
    result = run(app, "password", "OLGA", "--password-stdin", stdin=PASSWORD + "\r\n")
    assert result.exit_code == 0
    user = queries.by_username("olga")
    assert user is not None
    assert passwords.matches(PASSWORD, user.password_hash)
