"""Commands about accounts: the first administrator, and a way back in."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from app.accounts import passwords, services
from app.errors import AppError
from app.platform.clock import now
from app.platform.db import unit_of_work


@click.group("admin")
def group() -> None:
    """Make accounts and set passwords."""


def _password(*, from_stdin: bool, generated: bool) -> str:
    if from_stdin == generated:
        raise click.UsageError("Give either --password-stdin or --generate.")
    if generated:
        return passwords.generate()
    return sys.stdin.readline().rstrip("\r\n")


@group.command("create")
@click.argument("name")
@click.option("--email", required=True, help="Address of the account.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--generate", is_flag=True, help="Make a password and print it, once.")
@click.option("--staff/--no-staff", default=True, help="Whether it is an administrator (default).")
@with_appcontext
def create(name: str, email: str, password_stdin: bool, generate: bool, staff: bool) -> None:
    """Make an account, an administrator unless told otherwise."""
    password = _password(from_stdin=password_stdin, generated=generate)
    try:
        with unit_of_work():
            user = services.create_user(name, email, password, is_staff=staff, now=now())
            username = user.username
    except AppError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"Made the account {username}.")
    if generate:
        click.echo(f"Password: {password}")


@group.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--generate", is_flag=True, help="Make a password and print it, once.")
@with_appcontext
def password(name: str, password_stdin: bool, generate: bool) -> None:
    """Set somebody's password and log them out everywhere."""
    new = _password(from_stdin=password_stdin, generated=generate)
    try:
        with unit_of_work():
            username = services.reset_password(name, new).username
    except AppError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"Set the password of {username}.")
    if generate:
        click.echo(f"Password: {new}")
