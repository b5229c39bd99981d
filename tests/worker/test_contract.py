"""The golden messages, as the worker reads and writes them; the app's side reads the same files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from worker.contract import (
    MAX_SPEC_BYTES,
    Answer,
    Claim,
    ContractError,
    Download,
    RunEvent,
    RunSpec,
)

GOLDEN = Path(__file__).parents[1] / "contract"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("run_spec", RunSpec), ("claim", Claim), ("answer", Answer), ("answer_started", Answer)],
)
def test_golden_message_survives_the_round_trip(name: str, kind: Any) -> None:
    assert kind.from_json(golden(name)).to_json() == golden(name)


@pytest.mark.parametrize("name", ["events", "events_ends", "events_samples"])
def test_golden_events_survive_the_round_trip(name: str) -> None:
    for event in golden(name):
        assert RunEvent.from_json(event).to_json() == event


@pytest.mark.parametrize(("why", "event"), golden("events_refused"))
def test_event_that_breaks_the_contract_is_refused(why: str, event: Any) -> None:
    with pytest.raises(ContractError):
        RunEvent.from_json(event)


def test_number_that_is_none_is_refused_wherever_it_stands() -> None:
    for text in ('{"seq": 2, "kind": "finished", "scores": {"a": NaN}}',
                 '{"seq": 2, "kind": "finished", "container_s": Infinity}'):  # fmt: skip
        with pytest.raises(ContractError):
            RunEvent.from_json(json.loads(text))


def test_spec_of_another_version_is_refused() -> None:
    with pytest.raises(ContractError, match="version"):
        RunSpec.from_json({**golden("run_spec"), "version": 2})


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(RunSpec)][:12])
def test_spec_without_a_field_names_it(field: str) -> None:
    spec = golden("run_spec")
    del spec[field]
    with pytest.raises(ContractError, match=field):
        RunSpec.from_json(spec)


def test_secrets_stay_out_of_repr() -> None:
    spec = RunSpec.from_json(golden("run_spec"))
    claim = Claim.from_json(golden("claim"))
    download = Download(url="https://x/?X-Amz-Signature=1", file_name="a", size_bytes=1)
    assert "token-of-this-attempt" not in repr(spec)
    assert "Signature" not in repr(claim) + repr(download)


def test_spec_is_small() -> None:
    assert len(json.dumps(golden("run_spec"))) < MAX_SPEC_BYTES / 8
