"""The settings of the running app, for services that need one."""

from __future__ import annotations

from flask import current_app

from app.settings import Settings


def settings() -> Settings:
    """Return the settings this app was made with."""
    found: Settings = current_app.extensions["plumbline.settings"]
    return found
