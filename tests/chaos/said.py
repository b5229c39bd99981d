"""What the machines of a stack say on their way through its gate."""

from __future__ import annotations

import json
from typing import Any

from tests.gate import Passing, Rule


def events(passing: Passing) -> list[dict[str, Any]]:
    """Return the events that a request brings; none if it brings something else."""
    if not passing.path.endswith("/events"):
        return []
    found: list[dict[str, Any]] = json.loads(passing.body)["events"]
    return found


def says(step: str) -> Rule:
    """Return a rule for the request that says that a step begins.

    While it is held, its run cannot end for the site, however fast the machine is.
    """
    return lambda passing: any(event.get("step") == step for event in events(passing))
