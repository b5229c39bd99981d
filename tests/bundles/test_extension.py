"""The keys of a bundle that only Plumbline reads."""

from __future__ import annotations

import pytest

from tests.bundles.bundle_factories import changed, read_manifest, written

SECOND = "- {{index: {index}, name: Final, start: 2030-03-01, tasks: [0], plumbline: {own}}}\n"


def manifest(own: str, index: int = 1) -> str:
    """Return a manifest with two phases, of which the second carries this extension."""
    second = SECOND.format(index=index, own=own)
    return changed(("  tasks: [0]\n", f"  tasks: [0]\n  end: 2030-02-01\n{second}"))


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("{requires: {phase: 0}}", (0, False)),
        ("{requires: {phase: 0, submission: finished}}", (0, False)),
        ("{requires: {phase: '0', submission: entry}}", (0, True)),
        ("{requires: null}", (None, False)),
        ("{}", (None, False)),
        ("null", (None, False)),
    ],
)
def test_phase_requires_an_earlier_one(own: str, expected: tuple[int | None, bool]) -> None:
    reading = read_manifest(manifest(own))
    assert written(reading) == []
    assert reading.draft is not None
    second = reading.draft.phases[1]
    assert (second.required_phase, second.requires_entry) == expected


@pytest.mark.parametrize(
    ("own", "index", "problem"),
    [
        ("soon", 1, "plumbline: Found “soon”; expected a mapping of keys to values."),
        ("{requires: 0}", 1, "plumbline.requires: Found 0; expected a mapping of keys to values."),
        ("{requires: {submission: entry}}", 1, "requires.phase: Found nothing; expected the index of an earlier phase."),
        ("{requires: {phase: 9}}", 1, "requires.phase: Found 9, which no phase is called; expected the index of a phase."),
        ("{requires: {phase: 1}}", 1, "requires.phase: Found 1, which is no earlier phase; expected an earlier phase."),
        ("{requires: {phase: 0}}", 0, "requires.phase: Found 0, which several phases are called; expected an index of one."),
        ("{requires: {phase: 0, submission: best}}", 1, "requires.submission: Found “best”; expected finished or entry."),
    ],
)  # fmt: skip
def test_requirement_that_cannot_be_met_is_named(own: str, index: int, problem: str) -> None:
    (sentence,) = written(read_manifest(manifest(own, index)))
    assert sentence.startswith("competition.yaml, line ")
    assert sentence.endswith(problem)


def test_keys_that_nobody_knows_become_notes() -> None:
    reading = read_manifest(manifest("{require: {}, requires: {phase: 0, what: entry}}"))
    notes = [str(note) for note in reading.notes]
    assert any("plumbline.require: This key is unknown" in note for note in notes)
    assert any("requires.what: This key is unknown" in note for note in notes)
