"""Evaluation scripts of EvalAI: what they would do at import, read and never run, and how one is packed."""

from __future__ import annotations

import ast
import dataclasses
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from app.bundles.members import Members
from app.competitions.drafts import FileRef, Packing
from app.platform import archive
from app.platform.archive import Archive, BadArchive

ADAPTER = Path(__file__).with_name("adapter.py")
COMMAND = "command: python3 $program/run.py $input $output\n"
FOLDER = "evaluation_script"
_MAX_SOURCE_BYTES = 2 * 1024 * 1024
_RUNNERS = frozenset(
    {"system", "popen", "run", "call", "check_call", "check_output", "Popen", "getoutput"}
)
_INSTALLERS = frozenset({"pip", "pip3", "conda", "apt", "apt-get", "easy_install"})


def packed(script: FileRef, asked: dict[str, object]) -> FileRef:
    """Return the scoring program that runs a script through the adapter.

    Args:
        asked: what ``evalai.json`` holds; see the adapter.
    """
    texts = (
        ("metadata.yaml", COMMAND),
        ("run.py", ADAPTER.read_text(encoding="utf-8")),
        ("evalai.json", json.dumps(asked, ensure_ascii=False, indent=1)),
    )
    packing = Packing(folder=FOLDER, is_unpacked=True, texts=texts)
    return FileRef(member=script.member, is_folder=script.is_folder, packing=packing)


def installs(members: Members, script: FileRef) -> tuple[list[str], list[str]]:
    """Return where a script installs packages, and which files of it are no Python 3."""
    found: list[str] = []
    unread: list[str] = []
    for name, source in _sources(members.archive, script):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a stranger's text is warned of is not ours
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            unread.append(name)
            continue
        found += [f"{name}, line {line}" for line in sorted(set(_installing(tree)))]
    return found, unread


def _sources(bundle: Archive, script: FileRef) -> Iterator[tuple[str, bytes]]:
    if script.is_folder:
        yield from _python(bundle, script.member)
        return
    with tempfile.TemporaryFile() as here:
        bundle.copy(script.member, here)
        try:
            yield from _python(Archive(here, archive.BUNDLE), "")
        except BadArchive as error:
            raise BadArchive(
                dataclasses.replace(
                    one, name=f"{script.member}, {one.name}".removesuffix(", "),
                    sentence=f"{script.member}: {one.sentence}",
                )
                for one in error.faults
            ) from error  # fmt: skip


def _python(found: Archive, folder: str) -> Iterator[tuple[str, bytes]]:
    for member in found.files(folder):
        if member.name.endswith(".py"):
            shown = member.name.removeprefix(f"{folder}/") if folder else member.name
            yield shown, found.read(member.name, _MAX_SOURCE_BYTES)


def _installing(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that import pip, or start it or another installer."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.split(".")[0] == "pip" for alias in node.names):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and (node.module or "").split(".")[0] == "pip":
                yield node.lineno
        elif isinstance(node, ast.Call) and _called(node.func) in _RUNNERS and _installs(node):
            yield node.lineno


def _called(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _installs(call: ast.Call) -> bool:
    texts = [
        node.value
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    words = {word.rpartition("/")[2] for text in texts for word in text.split()}
    return bool(words & _INSTALLERS)
