from __future__ import annotations

import pytest

from worker.contract import Blame
from worker.engines import pulling


@pytest.mark.parametrize(
    ("said", "reason", "blame"),
    [
        ("manifest for x/y:1 not found: manifest unknown", "manifest for x/y:1 not", "organizer"),
        ("pull access denied for x/y", "pull access denied for x/y", "organizer"),
        ("no matching manifest for linux/amd64 in the manifest list entries",
         "not made for the kind of processor", "platform"),
        ("no match for platform in manifest: not found", "the kind of processor", "platform"),
        ("failed to register layer: write /usr/lib/x: no space left on device",
         "the disk of this machine is full", "platform"),
        ("toomanyrequests: You have reached your pull rate limit.", "asks this machine to wait",
         "platform"),
        ("dial tcp 10.1.2.3:443: connect: connection refused", "does not answer", "platform"),
    ],
)  # fmt: skip
def test_failed_pull_says_why_and_whose_it_is(said: str, reason: str, blame: str) -> None:
    failed = pulling.failure("x/y:1", said)
    assert reason in str(failed)
    assert str(failed).startswith("The container image x/y:1 could not be pulled: ")
    assert failed.blame == Blame(blame)
    assert "10.1.2.3" not in str(failed)
