"""Waits until the web process answers, then greets, and runs one command beside the stack."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_PATIENCE_S = 60.0


def main(arguments: list[str]) -> int:
    """Return the command's exit code."""
    parser = argparse.ArgumentParser(prog="client.launcher.companion")
    parser.add_argument("--address", required=True)
    parser.add_argument("--greet", action="store_true", help="say where the site is")
    parser.add_argument("--once", type=Path, help="skip the command when this file exists")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not answers(options.address, _PATIENCE_S):
        print(f"The web process did not answer within {_PATIENCE_S:.0f} seconds.", file=sys.stderr)
        return 1
    if options.greet:
        print(f"\nPlumbline is at {options.address} (Ctrl-C stops it)\n", flush=True)
    command = [part for part in options.command if part != "--"]
    if not command or (options.once and options.once.exists()):
        if options.greet:
            print("Forgot the password? ./run flask admin password admin --generate\n", flush=True)
        return 0
    code = subprocess.run(command, check=False).returncode
    if options.once and code == 0:
        options.once.touch()
    return code


def answers(address: str, seconds: float) -> bool:
    """Wait for the health page; the site is up when it says so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(URLError, OSError), urlopen(f"{address}/healthz", timeout=5):  # noqa: S310 - our own loopback address
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
