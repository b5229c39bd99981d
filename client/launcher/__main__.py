"""``./run``, ``./run demo`` and ``./run flask``, once ``run`` has prepared Python."""

from __future__ import annotations

import argparse
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

from honcho.printer import Printer

from client.launcher import leftovers
from client.launcher.environment import (
    DataServers,
    app_environ,
    child_environ,
    data_servers,
    python_module,
    worker_environ,
)
from client.launcher.errors import LaunchError
from client.launcher.home import ROOT, Home, write_private
from client.launcher.services import HOST, drop_unfinished_uploads, free_port, is_taken
from client.launcher.stack import Stack
from client.launcher.terminal import Terminal

_PORT = 8000
_LOG = "stack.log"
"""The file of a state folder that holds what the processes say."""


def main(arguments: list[str]) -> int:
    """Carry out one command; return its exit code."""
    options = _parse(arguments)
    home = Home(options.var.resolve())
    try:
        if options.command == "serve":
            return serve(home, options.port, empty=options.empty)
        return beside_stack(home, options.flask)
    except LaunchError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"The disk that holds {home.path} is full: free some space there.", file=sys.stderr)
    return 1


def serve(home: Home, port: int, *, empty: bool = False) -> int:
    """Start everything and serve until stopped; load the demo the first time."""
    home.prepare()
    with home.locked():
        _clear_leftovers(home)
        if is_taken(port):
            raise LaunchError(
                f"Port {port} is taken by another program: choose another, e.g. ./run --port {port + 1}"
            )
        load = python_module("flask", "demo", "load")
        first_time = ["--once", str(home.path / "demo-loaded"), "--", *load]
        log = home.logs / _LOG
        with Terminal(log) as screen:
            stack = _stack(
                home, port, screen, serves_on=True,
                command=["--greet", *([] if empty else first_time)],
            )  # fmt: skip
            print(f"Starting. What the processes say goes to {log}", flush=True)
            code = stack.run()
        print("Stopped. What was made is kept.")
        return code


def beside_stack(home: Home, command: list[str]) -> int:
    """Run a flask command with the stack that runs, else with one of its own."""
    home.prepare()
    record = home.running()
    settings = record["environ"] if record else None
    if settings is None and "--help" in command:
        settings, _ = _settings(home, f"http://{HOST}:{_PORT}")
    if settings is not None:
        # The stack runs, or is not needed.
        flask = python_module("app.cli", *command)
        return subprocess.run(flask, env=child_environ(settings), check=False).returncode
    with home.locked():
        _clear_leftovers(home)
        log = home.logs / _LOG
        with log.open("w", encoding="utf-8") as output:
            stack = _stack(
                home, free_port(_PORT), Printer(output, colour=False), serves_on=False,
                command=["--", *python_module("app.cli", *command)],
            )  # fmt: skip
            try:
                return stack.run()
            except LaunchError as error:
                raise LaunchError(f"{error} The output of its processes is in {log}") from error


def _stack(
    home: Home, port: int, printer: Printer, *, command: list[str], serves_on: bool
) -> Stack:
    address = f"http://{HOST}:{port}"
    settings, servers = _settings(home, address)
    if servers.notice:
        print(servers.notice, file=sys.stderr)
    write_private(home.record, json.dumps({"base_url": address, "environ": settings}))
    environ = child_environ(settings | worker_environ(home, home.read_secrets()))
    return Stack(home, port, servers, environ, printer, command, serves_on)


def _settings(home: Home, address: str) -> tuple[dict[str, str], DataServers]:
    secrets = home.read_secrets()
    servers = data_servers(home, secrets, origin=address)
    return app_environ(home, secrets, address) | servers.environ, servers


def _clear_leftovers(home: Home) -> None:
    stopped = leftovers.stop(home)
    if stopped:
        print(
            f"Stopped what an earlier run had left behind: {', '.join(stopped)}.", file=sys.stderr
        )
    drop_unfinished_uploads(home.objects)


def _parse(arguments: list[str]) -> argparse.Namespace:
    if arguments[:1] == ["flask"]:
        # Everything after the word belongs to flask, options included.
        return argparse.Namespace(command="flask", flask=arguments[1:], var=_default_var())
    parser = argparse.ArgumentParser(prog="./run")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--var", type=Path, default=_default_var(), metavar="DIR",
                        help="the folder that keeps the state")  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", parents=[shared], help="start everything and serve")
    serving.add_argument("--port", type=int, default=int(os.environ.get("PORT", _PORT)))
    serving.add_argument("--empty", action="store_true", help="do not load the demo")
    demo = commands.add_parser("demo", parents=[shared], help="run the demo benchmark once")
    demo.add_argument("--json", dest="flask", action="store_const", const=["demo", "run", "--json"],
                      default=["demo", "run"], help="print the leaderboard as JSON")  # fmt: skip
    return parser.parse_args(arguments)


def _default_var() -> Path:
    return Path(os.environ.get("VAR", ROOT / "var"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
