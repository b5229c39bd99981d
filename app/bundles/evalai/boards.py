"""The leaderboards and dataset splits of an EvalAI challenge as the columns of one board or two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.bundles.fields import NoteKind, Section
from app.competitions.drafts import ColumnDraft, LeaderboardDraft, Sorting, SubmissionRule

T = TypeVar("T")

_SWITCHES = {
    "show_execution_time": "Leaderboards have no column for the time of a run.",
    "is_multi_metric_leaderboard": "A leaderboard shows all its columns, always.",
}
HOSTS, OWNERS, PUBLIC = 1, 2, 3
"""Who sees the scores of a split."""


@dataclass(frozen=True)
class Metrics:
    """One leaderboard of EvalAI: what it shows, and by what it ranks."""

    labels: tuple[str, ...]
    primary: str
    ascending: frozenset[str]


@dataclass(frozen=True)
class Split:
    """One phase split of EvalAI: the leaderboard of a phase on one dataset split."""

    phase: str
    codename: str
    name: str
    metrics: Metrics
    visibility: int
    precision: int
    is_latest: bool
    where: str
    is_private: bool = False
    """Whether fewer people see its scores than those of another split of its phase."""
    slot: int = 0
    """Which of its phase's splits it is, private ones apart; splits of one slot share columns."""

    def key(self, label: str) -> str:
        """Return the key of a score of this split."""
        numbered = label if self.slot == 0 else f"{self.slot + 1}: {label}"
        return f"private: {numbered}" if self.is_private else numbered


def splits(top: Section) -> list[Split]:
    """Read how phases, splits and leaderboards belong together, in the order of the file."""
    boards = {one.text("id"): _metrics(one) for one in top.sections("leaderboard", "a list")}
    names = {}
    for one in top.sections("dataset_splits", "a list of dataset splits"):
        names[one.text("id")] = (one.text("codename"), one.text("name"))
        one.close()
    read: list[tuple[Section, Split]] = []
    for section in top.sections("challenge_phase_splits", "a list of phase splits"):
        split = _split(section, boards, names)
        if split is not None:
            read.append((section, split))
    found = _numbered([split for _section, split in read])
    for (section, _split_alone), split in zip(read, found, strict=True):
        _note_visibility(section, split)
    return found


def _numbered(read: Sequence[Split]) -> list[Split]:
    """Say of each split whether it is private, and which of its phase's it is."""
    found: list[Split] = []
    for one in read:
        beside = [other for other in read if other.phase == one.phase]
        is_private = one.visibility < audience(beside)
        slot = sum(other.phase == one.phase and other.is_private == is_private for other in found)
        found.append(replace(one, is_private=is_private, slot=slot))
    return found


def audience(splits: Iterable[Split]) -> int:
    """Return who sees something of the scores of a phase: hosts, owners their own, or the public."""
    return max((one.visibility for one in splits), default=PUBLIC)


def index_of(phase: str, found: Sequence[Split]) -> int:
    """Return which of the boards a phase has; see :func:`board`."""
    hidden, shown = _by_audience(found)
    return 1 if shown and any(one.phase == phase for one in hidden) else 0


def board(top: Section, found: Sequence[Split]) -> tuple[LeaderboardDraft, ...]:
    """Return one board for all phases, and a hidden one for those seen by owners alone."""
    hidden, shown = _by_audience(found)
    drafts = []
    for splits in filter(None, (shown, hidden)):
        is_hidden = splits is hidden
        suffix = "_of_owners" if is_hidden and shown else ""
        drafts.append(_board(top, splits, f"leaderboard{suffix}", is_hidden=is_hidden))
    return tuple(drafts)


def _by_audience(found: Sequence[Split]) -> tuple[list[Split], list[Split]]:
    """Return the splits of phases of which people see their own scores alone, and all others."""
    alone = {
        one.phase
        for one in found
        if audience(other for other in found if other.phase == one.phase) == OWNERS
    }
    return [one for one in found if one.phase in alone], [
        one for one in found if one.phase not in alone
    ]


def _note_visibility(section: Section, split: Split) -> None:
    if split.visibility == HOSTS:
        section.note("visibility", "Only organizers see these scores.", NoteKind.CONVERTED)
    elif split.visibility == OWNERS and not split.is_private:
        sentence = (
            "Participants see these scores of their own submissions; the leaderboard of the phase is "
            "hidden from them."
        )
        section.note("visibility", sentence, NoteKind.CONVERTED)
    elif split.visibility == OWNERS:
        sentence = (
            "On EvalAI a submission's owner sees these scores. Here only organizers do, for the phase "
            "has public ones beside them: make a phase of its own for this split to change that."
        )
        section.note("visibility", sentence, NoteKind.CHANGED)


def _board(top: Section, found: Sequence[Split], key: str, *, is_hidden: bool) -> LeaderboardDraft:
    columns: dict[str, ColumnDraft] = {}
    for split in sorted(found, key=lambda one: (one.is_private, one.slot)):
        peers = [
            one for one in found if (one.is_private, one.slot) == (split.is_private, split.slot)
        ]
        for label in split.metrics.labels:
            if split.key(label) not in columns:
                columns[split.key(label)] = _column(split, label, peers, len(columns))
    first = next((one for one in found if not one.is_private), found[0])
    tops = {(one.metrics.primary, one.key(one.metrics.primary)) for one in found}
    if len(found) > 1:
        sentence = (
            "EvalAI has a leaderboard for each split of a phase. Here a phase has one: its splits "
            f"are groups of columns, and it ranks by “{first.metrics.primary}” of the first."
        )
        kind = NoteKind.CHANGED if len(tops) > 1 else NoteKind.CONVERTED
        top.note("challenge_phase_splits", sentence, kind)
    return LeaderboardDraft(
        title="Leaderboard", key=key, columns=tuple(columns.values()), hidden=is_hidden,
        primary_index=columns[first.key(first.metrics.primary)].index, submission_rule=rule(found),
        where="leaderboard",
    )  # fmt: skip


def rule(found: Iterable[Split]) -> SubmissionRule:
    """Return which submission of each participant stands on a board: the best, or the latest."""
    is_latest = any(one.is_latest for one in found)
    return SubmissionRule.FORCE_LAST if is_latest else SubmissionRule.FORCE_BEST


def _metrics(section: Section) -> Metrics:
    schema = section.section("schema", "a mapping with labels") or Section({}, (), section.report)
    labels = tuple(
        str(label) for _path, label in schema.items("labels", "a list of labels") if label
    )
    primary = schema.text("default_order_by")
    if labels and primary not in labels:
        sentence = f"“{primary}” is no label of this leaderboard; it ranks by “{labels[0]}”."
        schema.note("default_order_by", sentence, NoteKind.CHANGED)
        primary = labels[0]
    ascending = set()
    for label, one in schema.named_sections("metadata", "a mapping of labels").items():
        if one.flag("sort_ascending", False):
            ascending.add(label)
        one.miss({"description": "Columns have no descriptions; say it on a page."})
        one.close()
    schema.close()
    section.close()
    return Metrics(labels, primary, frozenset(ascending))


def _split(
    section: Section, boards: dict[str, Metrics], names: dict[str, tuple[str, str]]
) -> Split | None:  # fmt: skip
    phase = section.text("challenge_phase_id")
    metrics = _named(section, "leaderboard_id", boards)
    named = _named(section, "dataset_split_id", names)
    visibility = section.whole("visibility", PUBLIC)
    is_latest = section.flag("show_leaderboard_by_latest_submission", False)
    ascending = metrics.ascending if metrics else frozenset()
    order = "is_leaderboard_order_descending"
    if metrics and section.get(order) is not None:
        is_ascending = not section.flag(order, True)
        if is_ascending != (metrics.primary in ascending) and metrics.ascending:
            sentence = "The metadata of the leaderboard sort otherwise; this order was taken."
            section.note(order, sentence, NoteKind.CHANGED)
        own = {metrics.primary} if is_ascending else set()
        metrics = Metrics(metrics.labels, metrics.primary, (ascending - {metrics.primary}) | own)
    if not section.flag("show_scores_on_leaderboard", True):
        sentence = "Leaderboards show the scores that they rank by."
        section.note("show_scores_on_leaderboard", sentence, NoteKind.NO_EQUIVALENT)
    section.miss(_SWITCHES)
    precision = section.whole("leaderboard_decimal_precision", 2)
    section.ignore("Splits need no numbers.", "id")
    section.close()
    if metrics is None or named is None or not metrics.labels:
        return None
    where = section.where
    return Split(phase, named[0], named[1], metrics, visibility, precision, is_latest, where)


def _named(section: Section, key: str, known: dict[str, T]) -> T | None:
    wanted = section.text(key)
    if wanted not in known:
        listed = ", ".join(known) or "none is there"
        expected = f"the id of one of these: {listed}"
        section.wrong(key, f"“{wanted}”", expected, "Copy the id from there.")
    return known.get(wanted)


def _column(split: Split, label: str, peers: Sequence[Split], index: int) -> ColumnDraft:
    names = dict.fromkeys(one.name or one.codename for one in peers)
    return ColumnDraft(
        title=label, key=split.key(label), index=index,
        sorting=Sorting.ASC if label in split.metrics.ascending else Sorting.DESC,
        group=" / ".join(names)[:200], hidden=split.is_private, precision=split.precision,
        where=split.where,
    )  # fmt: skip
