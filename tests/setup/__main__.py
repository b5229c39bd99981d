"""``./run test``, ``./run bench`` and ``./run soak``: checks first, servers meanwhile, then the tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from client.launcher.environment import child_environ
from client.launcher.errors import LaunchError
from client.launcher.home import ROOT, Home
from tests.setup.machine import Machine

_PYTHON = str(ROOT / ".venv" / "bin" / "python")
_SLOW = "services or chaos or browser"
_CHECKED = ("app", "worker", "client", "tests", "wsgi.py")
_APP_TESTS = tuple(
    f"tests/{name}"
    for name in ("accounts", "api", "bundles", "competitions", "home", "leaderboards", "resources",
                 "submissions")
)  # fmt: skip
"""The tests whose meaning depends on the database."""
_NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Carry out ``test``, ``bench`` or ``soak``; return the exit code."""
    command, *rest = arguments
    signal.signal(signal.SIGTERM, _interrupt)
    home = Home(ROOT / "var" / "test")
    try:
        home.prepare()
        with home.locked():
            machine = Machine(home)
            try:
                if command == "bench":
                    return _bench(machine, rest)
                if command == "soak":
                    return _soak(machine, rest)
                return _chosen(machine, rest) if rest else _whole(machine)
            finally:
                machine.stop()
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _bench(machine: Machine, arguments: list[str]) -> int:
    machine.start()
    return _run("-m", "tests.bench", *arguments, extra=machine.environ)


def _soak(machine: Machine, arguments: list[str]) -> int:
    machine.start()
    _say_absent(machine)
    if machine.engine is not None:
        machine.engine.stop()  # the soak starts it again, to kill it
    return _run("-m", "tests.soak", *arguments, extra=machine.environ)


def _chosen(machine: Machine, arguments: list[str]) -> int:
    """Run the tests that were asked for, with everything they could need."""
    machine.start()
    code, _ = _pytest(machine, "chosen", *arguments)
    _say_absent(machine)
    return code


def _whole(machine: Machine) -> int:
    """Run every check and every test; the machine is prepared while the quick ones run."""
    problems: list[str] = []
    preparing = threading.Thread(target=_prepare, args=(machine, problems))
    preparing.start()
    try:
        problems += _lint()
        code, quick = _pytest(machine, "quick", "-n", "2", "-m", f"not ({_SLOW})")
        problems += ["The quick tests failed."] if code else []
    finally:
        preparing.join()
    code, again = _on_postgres(machine)
    problems += ["The quick tests failed on PostgreSQL."] if code else []
    # A file stays together: its tests share stacks, images and browsers that are dear to make.
    code, slow = _pytest(machine, "slow", "-n", "2", "--dist", "loadfile", "-m", _SLOW)
    problems += ["The slow tests failed."] if code else []
    _say_absent(machine)
    total = {key: quick[key] + again[key] + slow[key] for key in quick}
    if not total["passed"]:
        problems.append("No test ran.")
    for problem in problems:
        print(problem)
    # The plain closing line; a check that is no test counts as one failure.
    failed = total["failed"] or len(problems)
    print(f"{total['passed']} passed, {failed} failed, {total['skipped']} skipped")
    return 1 if problems else 0


def _on_postgres(machine: Machine) -> tuple[int, dict[str, int]]:
    """Run the app's own quick tests once more, on the database of production."""
    server = machine.environ.get("PLUMBLINE_TEST_POSTGRES_URL", "")
    if not server:  # the closing lines say why; tests that need it are skipped there, too
        return 0, {"passed": 0, "failed": 0, "skipped": 0}
    return _pytest(
        machine, "postgres", "-n", "2", "-m", f"not ({_SLOW})", *_APP_TESTS,
        extra={"PLUMBLINE_TEST_APP_POSTGRES": server},
    )  # fmt: skip


def _prepare(machine: Machine, problems: list[str]) -> None:
    try:
        machine.start()
    except (LaunchError, OSError, subprocess.SubprocessError) as error:
        problems.append(f"The machine could not be prepared: {error}")


def _lint() -> list[str]:
    checked = [name for name in _CHECKED if (ROOT / name).exists()]
    checks = {
        "ruff check": ("-m", "ruff", "check", "--quiet", "."),
        "ruff format": ("-m", "ruff", "format", "--quiet", "--check", "."),
        "mypy": ("-m", "mypy", "--no-error-summary", *checked),
    }
    return [f"{name} found problems." for name, command in checks.items() if _run(*command)]


def _pytest(
    machine: Machine, name: str, *arguments: str, extra: dict[str, str] | None = None
) -> tuple[int, dict[str, int]]:
    """Run one tier; return its exit code and how many tests passed, failed and were skipped."""
    tally = machine.home.path / f"tally-{name}.json"
    tally.unlink(missing_ok=True)
    code = _run(
        "-m", "pytest", *arguments,
        extra={**machine.environ, **(extra or {}), "PLUMBLINE_TEST_TALLY": str(tally)},
    )  # fmt: skip
    counts: dict[str, int] = {"passed": 0, "failed": 0, "skipped": 0}
    if tally.exists():
        counts |= json.loads(tally.read_text())
    return (0 if code == _NOTHING_COLLECTED else code), counts


def _run(*arguments: str | Path, extra: dict[str, str] | None = None) -> int:
    environ = child_environ({}) | {"PYTHONPATH": str(ROOT)} | (extra or {})
    return subprocess.run(
        [_PYTHON, *map(str, arguments)],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def _say_absent(machine: Machine) -> None:
    for sentence in machine.absent:
        print(f"Not tested for this reason: {sentence}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
