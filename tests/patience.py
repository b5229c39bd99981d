"""How long a test waits for what must come, whatever the machine; nothing is measured by it."""

from __future__ import annotations

PATIENCE_S = 180.0
