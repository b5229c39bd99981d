"""No room grows without a ceiling; every exemption says why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE, MAX_FUNCTION, MAX_PAGE, MAX_PARTIAL = 400, 50, 120, 60

EXEMPT = {
    "templates/competitions/_frame.html": "a page's frame that others extend, no partial",
    "templates/styleguide.html": "a list of every component in every state",
    "templates/_ui/fields.html": "one macro family: label, help, control and error of any field",
}


def code() -> Iterator[Path]:
    for folder in ("app", "worker", "client"):
        yield from (ROOT / folder).rglob("*.py")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_files_stay_short() -> None:
    found = {name(path): lines(path) for path in code() if lines(path) > MAX_FILE}
    assert not found, f"split them by what they are about: {found}"


def test_functions_stay_short() -> None:
    found = {}
    for path in code():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                length = node.end_lineno - node.lineno + 1
                key = f"{name(path)}:{node.name}"
                if length > MAX_FUNCTION and key not in EXEMPT:
                    found[key] = length
    assert not found, f"name a part of what they do: {found}"


def test_templates_stay_short() -> None:
    found = {}
    for path in (ROOT / "templates").rglob("*.html"):
        is_partial = path.name.startswith("_") or path.parent.name == "_ui"
        limit = MAX_PARTIAL if is_partial else MAX_PAGE
        if lines(path) > limit and name(path) not in EXEMPT:
            found[name(path)] = lines(path)
    assert not found, f"move a part to a partial: {found}"


def test_every_exemption_is_still_needed() -> None:
    for key in EXEMPT:
        assert (ROOT / key.partition(":")[0]).exists(), key
