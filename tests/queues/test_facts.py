"""What a machine says of itself is read as the text of a stranger."""

from __future__ import annotations

import pytest

from app.queues import facts


def test_honest_machine_is_read() -> None:
    found = facts.read(
        {
            "worker_version": "0.1.0", "version": "28.0", "gpus": ["NVIDIA A100"],
            "disk_free_bytes": 5, "has_data": True, "warning": "old",
        }
    )  # fmt: skip
    assert found == facts.Facts("0.1.0", "28.0", ("NVIDIA A100",), 5, True, "old")


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"worker_version": 7, "version": ["x"], "gpus": "all", "disk_free_bytes": "5"},
        {"gpus": {"a": 1}, "disk_free_bytes": True, "has_data": "yes", "warning": None},
        {"disk_free_bytes": -1},
        {"disk_free_bytes": 2**63},
        {"disk_free_bytes": 1e300},
    ],
)
def test_what_does_not_fit_is_left_out(strange: dict[str, object]) -> None:
    assert facts.read(strange) == facts.Facts("", "", (), None, False, "")


def test_endless_words_are_cut() -> None:
    found = facts.read({"gpus": ["x" * 1000, 7] * 50, "worker_version": "y" * 1000})
    assert len(found.gpus) == facts.MAX_GPUS
    assert max(map(len, found.gpus)) == len(found.worker_version) == facts.MAX_TEXT
