"""The set-up script: what it says when a machine lacks something."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from client.launcher.home import ROOT

_FILES = ("run", "requirements.txt", "requirements-server.txt", "constraints.txt", "package.json",
          "package-lock.json", ".npmrc", "worker/requirements.txt")  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout as far as the set-up sees it."""
    folder = tmp_path / "a checkout"
    for name in _FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def _run(checkout: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "run"), *arguments], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, **environ},
    )  # fmt: skip


def _program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def _prepared(checkout: Path, pip: str) -> None:
    """Give a checkout a Python environment whose pip does what it is told."""
    bin_folder = checkout / ".venv" / "bin"
    _program(bin_folder, "python", f'case "$*" in *--version*) exit 0;; esac\n{pip}')
    (bin_folder / "pip").write_text(f"#!{bin_folder}/python\n")


def test_help_needs_nothing(checkout: Path) -> None:
    done = _run(checkout, "help")
    assert done.returncode == 0
    assert "./run demo" in done.stdout
    assert not (checkout / "var").exists()


def test_unknown_command_is_named(checkout: Path) -> None:
    done = _run(checkout, "tset")
    assert done.returncode != 0
    assert "There is no command 'tset'." in done.stderr


def test_old_python_is_refused_with_what_to_install(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "bin"
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        _program(old, name, "exit 1")
    done = _run(checkout, "demo", PATH=f"{old}:/usr/bin:/bin", PYTHON="python3")
    assert done.returncode == 1
    assert "Plumbline needs Python 3.11 or newer" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("Failed to establish a new connection: [Errno -2] Name or service not known", "cannot be reached"),
        ("ERROR: Could not find a version that satisfies the requirement x (from versions: none)", "cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: subprocess-exited-with-error", "The reason is at the end of"),
    ],
)  # fmt: skip
def test_failed_install_says_why_in_one_sentence(checkout: Path, words: str, sentence: str) -> None:
    _prepared(checkout, f"echo '{words}'; exit 1")
    done = _run(checkout, "demo")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Installing the Python packages failed")
    assert sentence in last


def test_set_up_is_not_repeated(checkout: Path) -> None:
    _prepared(checkout, "exit 0")
    npm = checkout.parent / "npm"
    _program(npm, "npm", f"echo npm $1 >>'{checkout}/calls'; mkdir -p '{checkout}/static/vendor'")
    path = f"{npm}:{os.environ['PATH']}"
    first = _run(checkout, "demo", PATH=path)
    assert first.returncode == 0, first.stderr
    assert "Installing the Python packages" in first.stderr
    calls = (checkout / "calls").read_text()
    assert _run(checkout, "demo", PATH=path).stderr == ""
    assert (checkout / "calls").read_text() == calls


def test_changed_requirement_is_installed(checkout: Path) -> None:
    test_set_up_is_not_repeated(checkout)
    with (checkout / "requirements-server.txt").open("a") as file:
        file.write("another==1.0\n")
    assert "Installing the Python packages" in _run(checkout, "demo").stderr
