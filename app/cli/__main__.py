"""``./run flask``: the administrator's commands, without what Flask adds for developers."""

from __future__ import annotations

import click
from flask.cli import FlaskGroup

import wsgi

_HELP = """Plumbline's commands: accounts, bundles, boards, machines, and the server's own processes.

They run beside the stack that ./run has started, or start one for their time. On a server with
settings of its own, "flask COMMAND" does the same.
"""


class Commands(FlaskGroup):
    """Lists the app's own commands, and none that packages bring along."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See :class:`click.Group`."""
        return wsgi.app.cli.list_commands(ctx)


cli = Commands(
    name="./run flask", help=_HELP, create_app=lambda: wsgi.app, add_default_commands=False,
    add_version_option=False,
)  # fmt: skip
cli.params.clear()  # which app, which environment file: there is nothing to choose here

if __name__ == "__main__":
    cli.main(prog_name="./run flask")
