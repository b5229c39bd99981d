"""The leaderboards and dataset splits of an EvalAI challenge as the columns of one board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.bundles.fields import NoteKind, Section
from app.competitions.drafts import ColumnDraft, LeaderboardDraft, Sorting, SubmissionRule

T = TypeVar("T")

_SWITCHES = {
    "show_execution_time": "Leaderboards have no column for the time of a run.",
    "is_multi_metric_leaderboard": "A leaderboard shows all its columns, always.",
}
PUBLIC = 3


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
    slot: int
    """Which of its phase's splits it is; splits of one slot share columns."""

    def key(self, label: str) -> str:
        """Return the key of a score of this split."""
        return label if self.slot == 0 else f"{self.slot + 1}: {label}"


def splits(top: Section) -> list[Split]:
    """Read how phases, splits and leaderboards belong together, in the order of the file."""
    boards = {one.text("id"): _metrics(one) for one in top.sections("leaderboard", "a list")}
    names = {}
    for one in top.sections("dataset_splits", "a list of dataset splits"):
        names[one.text("id")] = (one.text("codename"), one.text("name"))
        one.close()
    found: list[Split] = []
    for section in top.sections("challenge_phase_splits", "a list of phase splits"):
        split = _split(section, boards, names, found)
        if split is not None:
            found.append(split)
    return found


def board(top: Section, found: Sequence[Split]) -> tuple[LeaderboardDraft, ...]:
    """Return the one board that stands for all of them."""
    if not found:
        return ()
    columns: dict[str, ColumnDraft] = {}
    for split in sorted(found, key=lambda one: one.slot):
        peers = [one for one in found if one.slot == split.slot]
        for label in split.metrics.labels:
            if split.key(label) not in columns:
                columns[split.key(label)] = _column(split, label, peers, len(columns))
    first = found[0]
    tops = {(one.metrics.primary, one.key(one.metrics.primary)) for one in found}
    if len(found) > 1:
        sentence = (
            "EvalAI has a leaderboard for each split of a phase. Here a phase has one: its splits "
            f"are groups of columns, and it ranks by “{first.metrics.primary}” of the first."
        )
        kind = NoteKind.CHANGED if len(tops) > 1 else NoteKind.CONVERTED
        top.note("challenge_phase_splits", sentence, kind)
    primary = columns[first.key(first.metrics.primary)].index
    draft = LeaderboardDraft(
        title="Leaderboard", key="leaderboard", columns=tuple(columns.values()),
        primary_index=primary, submission_rule=rule(found), where="leaderboard",
    )  # fmt: skip
    return (draft,)


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
    section: Section, boards: dict[str, Metrics], names: dict[str, tuple[str, str]],
    before: Sequence[Split],
) -> Split | None:  # fmt: skip
    phase = section.text("challenge_phase_id")
    metrics = _named(section, "leaderboard_id", boards)
    named = _named(section, "dataset_split_id", names)
    visibility = section.whole("visibility", PUBLIC)
    if visibility == 2:
        sentence = (
            "On EvalAI a submission's owner sees these scores. Here only organizers see scores that "
            "are not public."
        )
        section.note("visibility", sentence, NoteKind.CHANGED)
    elif visibility == 1:
        section.note("visibility", "Only organizers see these scores.", NoteKind.CONVERTED)
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
    slot = sum(one.phase == phase for one in before)
    return Split(
        phase, named[0], named[1], metrics, visibility, precision, is_latest, section.where, slot
    )


def _named(section: Section, key: str, known: dict[str, T]) -> T | None:
    wanted = section.text(key)
    if wanted not in known:
        listed = ", ".join(known) or "none is there"
        expected = f"the id of one of these: {listed}"
        section.wrong(key, f"“{wanted}”", expected, "Copy the id from there.")
    return known.get(wanted)


def _column(split: Split, label: str, peers: Sequence[Split], index: int) -> ColumnDraft:
    names = dict.fromkeys(one.name or one.codename for one in peers)
    is_public = any(one.visibility == PUBLIC for one in peers if label in one.metrics.labels)
    return ColumnDraft(
        title=label, key=split.key(label), index=index,
        sorting=Sorting.ASC if label in split.metrics.ascending else Sorting.DESC,
        group=" / ".join(names)[:200], hidden=not is_public, precision=split.precision,
        where=split.where,
    )  # fmt: skip
