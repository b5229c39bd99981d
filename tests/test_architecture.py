"""The import rules of the house (docs/why/architecture.md), read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FEATURES = (
    "accounts", "queues", "resources", "competitions", "submissions", "leaderboards", "bundles",
    "home", "api",
)  # fmt: skip
"""Foundations first; each may import only from those before it."""
SHARED = {"models", "drafts", "queries", "services"}
RANKS = {"models": 1, "drafts": 1, "queries": 3, "services": 3, "forms": 4, "routes": 5, "jobs": 5}
WORKER_FOR_APP = {"worker.acl", "worker.contract", "worker.guard"}
EXEMPT = {
    ("app.api.worker", "app.submissions.events"): "a service of its own size: what workers report",
}
"""(module, imported module): the reason."""


def modules(root: Path, package: str) -> Iterator[tuple[str, Path]]:
    """Yield dotted names and files of a package, ``__init__`` under the package's own name."""
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def imports(root: Path, path: Path) -> set[str]:
    """Return the modules that a file imports, as dotted names, submodules resolved."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                file = root.joinpath(*name.split("."))
                is_module = file.with_suffix(".py").exists() or file.is_dir()
                found.add(name if is_module else node.module)
    return found


def feature(module: str) -> str:
    """Return the feature that a module belongs to, empty for none."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "app" and parts[1] in FEATURES else ""


def is_edge(module: str) -> bool:
    """Return whether a module may know HTTP, RQ or argv."""
    parts = module.split(".")
    return module == "app" or parts[1] in ("platform", "cli", "api") or parts[-1] in ("routes", "forms", "jobs")  # fmt: skip


def violations(root: Path) -> list[str]:
    """Return everything that breaks rules 1 to 4, each with what to do about it."""
    app = {name: imports(root, path) for name, path in modules(root, "app")}

    @cache
    def rank(module: str) -> int:
        parts = module.split(".")
        if module == "app" or parts[1] in ("cli", "api"):
            return 5
        if parts[1] in ("platform", "errors", "settings"):
            return 0
        if parts[1] == "policy":
            return 2
        if len(parts) == 2 or parts[2] in RANKS:
            return RANKS.get(parts[-1], 0)
        # A module named for a noun is vocabulary while it is pure, and a service once it is not.
        above = {m for m in app.get(module, ()) if m.startswith("app.") and m != module}
        return 3 if "app.platform.db" in above or any(rank(m) > 1 for m in above) else 1

    found = []
    for module, imported in app.items():
        for target in sorted(imported):
            broken = ""
            if target.startswith("app.") and target != module:
                broken = _inside(module, target, rank(module), rank(target))
            elif target.split(".")[0] == "worker" and target not in WORKER_FOR_APP:
                broken = "rule 4: app knows only worker.contract, guard and acl; move it there"
            elif (
                target.split(".")[0].startswith("flask") and feature(module) and not is_edge(module)
            ):
                broken = "rule 3: only edges import Flask; pass what is needed as an argument"
            if broken and (module, target) not in EXEMPT:
                found.append(f"{module} imports {target}: {broken}")
    for name, path in modules(root, "worker"):
        found += [
            f"{name} imports {target}: rule 4: a worker knows nothing of the app; use worker.contract"
            for target in sorted(imports(root, path))
            if target.split(".")[0] == "app"
        ]
    return found


def _inside(module: str, target: str, own_rank: int, rank: int) -> str:
    own, other = feature(module), feature(target)
    if own_rank < rank:
        return "rule 1: arrows only point down; move the code up, or what it needs down"
    if not own or not other or own == other:
        return ""
    if FEATURES.index(own) < FEATURES.index(other):
        return "rule 2: that feature comes later; let it hand over a callable in create_app"
    if rank > 1 and target.split(".")[-1] not in SHARED:
        return "rule 2: use that feature's models, drafts, queries or services"
    return ""


def test_imports_keep_the_rules() -> None:
    assert violations(ROOT) == []


def test_exemptions_are_still_needed() -> None:
    for module, target in EXEMPT:
        assert target in imports(ROOT, dict(modules(ROOT, "app"))[module])


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("app/platform/x.py", "from app.accounts.models import User", "rule 1"),
        ("app/accounts/models.py", "from app.accounts import services", "rule 1"),
        ("app/accounts/services.py", "from app.accounts.routes import bp", "rule 1"),
        ("app/accounts/names.py", "import app.policy\nimport app.accounts.routes", "rule 1"),
        ("app/policy.py", "from app.accounts.queries import get", "rule 1"),
        ("app/queues/queries.py", "from app.submissions import queries", "rule 2"),
        ("app/submissions/services.py", "from app.accounts.sessions import end", "rule 2"),
        ("app/submissions/routes.py", "from app.accounts.forms import LogInForm", "rule 2"),
        ("app/accounts/services.py", "from flask import session", "rule 3"),
        ("app/accounts/queries.py", "import flask_login", "rule 3"),
        ("app/submissions/services.py", "from worker import runner", "rule 4"),
        ("worker/runner.py", "from app.errors import AppError", "rule 4"),
    ],
)
def test_each_rule_is_caught(tmp_path: Path, file: str, line: str, rule: str) -> None:
    for name in ("app/accounts/routes.py", "app/accounts/services.py", "app/accounts/queries.py",
                 "app/accounts/forms.py", "app/submissions/queries.py", "worker/runner.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "app/accounts/sessions.py").write_text("from app.platform.db import db\n")
    (tmp_path / "app/platform").mkdir()
    (tmp_path / "app/platform/db.py").touch()
    assert violations(tmp_path) == []
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n")
    found = violations(tmp_path)
    assert found
    assert all(rule in sentence for sentence in found)
