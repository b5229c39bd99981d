"""Writes the user file of a runs Redis in a container, from the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from client.launcher.redis_servers import users_text


def main(file: Path) -> None:
    """Write the users: the app, the keeper and one machine. Only hashes of passwords are stored."""
    version = tuple(map(int, os.environ.get("REDIS_VERSION", "7.2").split(".")[:2]))
    text = users_text(
        (version[0], version[1]),
        app_password=os.environ["RUNS_APP_PASSWORD"],
        keeper_password=os.environ["RUNS_KEEPER_PASSWORD"],
        queue_id=os.environ["QUEUE_ID"],
        worker_password=os.environ["RUNS_WORKER_PASSWORD"],
    )
    file.write_text(text)
    # Redis reads it as a user of its own.
    file.chmod(0o644)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
