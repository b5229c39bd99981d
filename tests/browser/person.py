"""Somebody at a browser of their own, and everything their pages complain about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

from tests.stack import RunningStack

PASSWORD = "a long pass phrase of the tests"

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by ${event.effectiveDirective}: ${event.blockedURI}`));
"""
_FAILED_LOAD = re.compile(r"Failed to load resource: .* status of \d+")
_UNKNOWN_DIRECTIVE = "Unrecognized Content-Security-Policy directive 'webrtc'."
"""Chromium does not know it yet; the policy of detailed results names it for browsers that do."""


class Person:
    """One browser profile; ``page`` is its first tab."""

    def __init__(self, context: BrowserContext, stack: RunningStack) -> None:
        self.context, self.base_url, self._stack = context, stack.base_url, stack
        self.is_traced = False
        self.problems: list[str] = []
        """Script errors, console errors, refusals by the content policy, foreign requests."""
        self.requests: list[Request] = []
        self._opened: set[str] = set()
        self._own = {_origin(stack.base_url), _origin(stack.environ["PLUMBLINE_S3_URL"])}
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("request", self._note_request)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))
        context.on("dialog", self._note_dialog)
        self.page: Page = context.new_page()

    def _note_request(self, request: Request) -> None:
        self.requests.append(request)
        if request.is_navigation_request():
            self._opened.add(request.url)
        if request.url.startswith("http") and _origin(request.url) not in self._own:
            self.problems.append(f"foreign request: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        # An error page is a failed load to Chromium; the tests look at the status themselves.
        if _FAILED_LOAD.match(message.text) and message.location["url"] in self._opened:
            return
        if message.text == _UNKNOWN_DIRECTIVE:
            return
        self.problems.append(f"console: {message.text} at {message.location['url']}")

    def _note_dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def go(self, path: str) -> int:
        """Open an address of the site; return the status of the answer."""
        answer = self.page.goto(self.base_url + path)
        assert answer is not None
        return answer.status

    def sign_up(self, name: str) -> None:
        """Make an account by the form that is open, which logs in."""
        self.fill({"User name": name, "E-mail address": f"{name}@example.org"})
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("Password again").fill(PASSWORD)
        self.press("Sign up")
        expect(self.page.locator("header .menu summary").first).to_contain_text(name)

    def log_in(self, name: str) -> None:
        """Fill in the log-in form that is open."""
        self.page.get_by_label("User name or e-mail").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Log in")
        expect(self.page.locator("header .menu summary")).to_contain_text(name)

    def fill(self, fields: Mapping[str, str]) -> None:
        """Fill in the fields with these labels."""
        for label, text in fields.items():
            self.page.get_by_label(label).fill(text)

    def press(self, name: str) -> None:
        """Press the button of the page's main part with this name."""
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow the link of the page's main part with this name: a tab before a breadcrumb."""
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first.click()

    def choose(self, file_name: str, content: bytes) -> None:
        """Choose a zip file in the upload form."""
        self.page.locator('input[type="file"]').set_input_files(
            {"name": file_name, "mimeType": "application/zip", "buffer": content}
        )

    def mark(self) -> None:
        """Leave a mark in the page that a reload would wipe out."""
        self.page.evaluate("window.notReloaded = true")

    def was_not_reloaded(self) -> bool:
        """Tell whether the mark is still there."""
        return self.page.evaluate("window.notReloaded") is True

    def keep(self, folder: Path) -> None:
        """Keep pictures of every open tab, what the stack said, and the trace if there is one."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(self.context.pages):
            page.screenshot(path=folder / f"page{number}.png", full_page=True)
        (folder / "stack.log").write_text(self._stack.output())
        if self.is_traced:
            self.context.tracing.stop(path=folder / "trace.zip")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
