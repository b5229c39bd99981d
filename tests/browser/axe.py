"""What axe-core finds wrong with the page that is open."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from client.launcher.home import ROOT

_SCRIPT = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def findings(page: Page) -> list[str]:
    """Return one line for each element that breaks a rule, best practices included."""
    if not page.evaluate("'axe' in window"):
        # Through the debugger, for the page's own policy forbids scripts from elsewhere.
        page.evaluate(_SCRIPT.read_text(encoding="utf-8") + ";0")
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
