"""The flask commands."""

from __future__ import annotations

from flask import Flask

from app.cli import admin, board, bundle, demo, embedded, machine, serve, submit


def register(app: Flask) -> None:
    """Add every command of ours to ``flask``."""
    for group in (admin.group, board.group, bundle.group, demo.group, machine.group):
        app.cli.add_command(group)
    for command in (serve.migrate, serve.jobs, serve.cron, serve.embedded_queue, serve.migration):
        app.cli.add_command(command)
    for command in (submit.submit, embedded.embedded):
        app.cli.add_command(command)
