"""The leaderboards of a CodaLab bundle: columns in groups, and columns made of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.bundles.fields import MAPPING_HINT, NoteKind, Section, one_of
from app.competitions.drafts import (
    ColumnDraft,
    Computation,
    LeaderboardDraft,
    Sorting,
    SubmissionRule,
)
from app.competitions.validity import MAX_PRECISION

_A_BOARD = "leaderboards and columns"
_KEYS = "Copy the keys from under columns."
_OPERATIONS = {"avg": Computation.AVG_DENSE_RANK, "mrr": Computation.MRR}


@dataclass(frozen=True)
class _Group:
    label: str
    rank: int


@dataclass(frozen=True)
class _Column:
    key: str
    section: Section
    board: str
    """Label or key of its leaderboard, folded; empty when it names none."""
    group: _Group | None
    rank: int
    preference: int
    """Of a board's columns the one with the largest ranks it."""
    operation: Computation | None
    fields: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class _Table:
    """One leaderboard of CodaLab, with its columns in order."""

    key: str
    section: Section
    columns: Sequence[_Column]

    @property
    def label(self) -> str:
        return self.section.text("label") or self.key


def read(top: Section, rule: SubmissionRule) -> tuple[LeaderboardDraft, ...]:
    """Read the leaderboards with their columns, and make one of them that serves every phase."""
    section = top.section("leaderboard", _A_BOARD)
    if section is None:
        if top.get("leaderboard") is None:
            top.wrong("leaderboard", "nothing", _A_BOARD, MAPPING_HINT)
        return ()
    boards = section.named_sections("leaderboards", "a mapping of leaderboards")
    groups = {
        key: _Group(one.text("label") or key, one.whole("rank", 1))
        for key, one in section.named_sections("column_groups", "a mapping of groups").items()
    }
    if groups:
        sentence = "Groups became titles over their columns."
        section.note("column_groups", sentence, NoteKind.CONVERTED)
    found = section.named_sections("columns", "a mapping of columns")
    columns = {key: _column(key, one, groups, section) for key, one in found.items()}
    section.close()
    ordered = sorted(boards.items(), key=lambda item: item[1].whole("rank", 1))
    placed = [
        _Table(key, one, _of(key, one, columns, i == 0)) for i, (key, one) in enumerate(ordered)
    ]
    _strays(columns, boards)
    return (_united(placed, rule),) if placed else ()


def _of(
    key: str, section: Section, columns: Mapping[str, _Column], is_first: bool
) -> list[_Column]:
    names = {(section.text("label") or key).casefold(), key.casefold()}
    section.close()
    own = [one for one in columns.values() if one.board in names or (is_first and not one.board)]
    return _in_order(own)


def _united(tables: Sequence[_Table], rule: SubmissionRule) -> LeaderboardDraft:
    """Return the leaderboard that all of CodaLab's became: the first, with the others as groups."""
    first = tables[0]
    groups: dict[str, str] = {}
    ordered: dict[str, _Column] = {}
    for table in tables:
        for column in table.columns:
            own = column.group.label if column.group else ""
            parts = [own] if table is first else [table.label, own]
            groups.setdefault(column.key, ": ".join(part for part in parts if part))
            ordered.setdefault(column.key, column)
        if table is not first:
            _note(table, first)
    indexes = {key: index for index, key in enumerate(ordered)}
    ranking = max(first.columns, key=lambda one: one.preference, default=None)
    return LeaderboardDraft(
        title=first.label,
        key=first.key,
        columns=tuple(_draft(one, indexes, groups[one.key]) for one in ordered.values()),
        primary_index=indexes[ranking.key] if ranking else 0,
        submission_rule=rule,
        where=first.section.where,
    )


def _note(table: _Table, first: _Table) -> None:
    if table.columns:
        sentence = (
            f"Here a phase has one leaderboard: this one's columns are the group “{table.label}” of "
            f"it, and the column of “{first.label}” ranks. To rank by one of these, give a phase a "
            "leaderboard of its own in a bundle of format 2 (leaderboard_index)."
        )
    else:
        sentence = "No column names this leaderboard; it was left out."
    table.section.report.note(table.section.path, sentence, NoteKind.CHANGED)


def _in_order(columns: Sequence[_Column]) -> list[_Column]:
    """Sort columns as CodaLab did: groups among columns by rank, and within a group again."""
    seen: dict[_Group | str, int] = {}
    for column in columns:
        seen.setdefault(column.group or column.key, len(seen))

    def place(column: _Column) -> tuple[int, int, int]:
        outer = column.group.rank if column.group else column.rank
        return outer, seen[column.group or column.key], column.rank

    return sorted(columns, key=place)


def _column(key: str, section: Section, groups: Mapping[str, _Group], around: Section) -> _Column:
    computed = section.section("computed", "a mapping with operation and fields")
    operation = _operation(computed) if computed else None
    fields = _listed(computed, "fields") if computed else ()
    if operation and computed:
        for name in fields:
            if name not in _names(around):
                computed.wrong("fields", f"“{name[:60]}”", "keys of columns", _KEYS)
        means = "ranks" if operation is Computation.AVG_DENSE_RANK else "reciprocal ranks"
        weighted = f", weighted {', '.join(_listed(computed, 'weights'))}"
        sentence = (
            f"As on CodaLab, the column is the mean of {means} in {', '.join(fields)}"
            f"{weighted if computed.has('weights') else ''}."
        )
        section.note("computed", sentence, NoteKind.CONVERTED)
    preference = section.whole("selection_default", 0)
    if preference:
        sentence = "Of the first leaderboard the column with the largest selection_default ranks."
        section.note("selection_default", sentence, NoteKind.CONVERTED)
    own = tuple(name for name in fields if name in _names(around))
    weights = _weights(computed) if computed else ()
    column = _Column(
        key=key,
        section=section,
        board=_reference(section, "leaderboard").casefold(),
        group=_group(section, groups),
        rank=section.whole("rank", 1),
        preference=preference,
        operation=operation,
        fields=own,
        # An unknown field is reported; that its weight is one too many only follows from it.
        weights=weights if own == fields else (),
    )
    if computed:
        computed.close()
    return column


def _names(around: Section) -> frozenset[str]:
    columns = around.get("columns")
    return frozenset(columns) if isinstance(columns, dict) else frozenset()


def _operation(computed: Section) -> Computation | None:
    word = computed.text("operation")
    if word.lower() not in _OPERATIONS:
        found = f"“{word[:60]}”" if word else "nothing"
        computed.wrong("operation", found, "Avg or MRR", one_of(word, ("Avg", "MRR")))
    return _OPERATIONS.get(word.lower())


def _listed(section: Section, key: str) -> tuple[str, ...]:
    """Read names in a list, or in one text with commas between."""
    if isinstance(section.get(key), list):
        texts = [section.report.written(path, item) if item is not None and not isinstance(item, list | dict) else ""
                 for path, item in section.items(key, "names")]  # fmt: skip
    else:
        texts = section.text(key).split(",")
    return tuple(text.strip() for text in texts if text.strip())


def _weights(computed: Section) -> tuple[float, ...]:
    found = []
    for text in _listed(computed, "weights"):
        try:
            found.append(float(text))
        except ValueError:
            hint = "Write numbers with commas between."
            computed.wrong("weights", f"“{text[:60]}”", "numbers, one for each field", hint)
    return tuple(found)


def _reference(section: Section, key: str) -> str:
    """Return what a column calls its board or group: a label, or a key; empty for nothing."""
    value = section.get(key)
    if not isinstance(value, dict):
        return section.text(key)
    inner = section.section(key, "a label")
    return inner.text("label") if inner else ""


def _group(section: Section, groups: Mapping[str, _Group]) -> _Group | None:
    name = _reference(section, "column_group")
    if not name:
        return None
    for key, group in groups.items():
        if name.casefold() in (key.casefold(), group.label.casefold()):
            return group
    return _Group(name, section.whole("rank", 1))


def _strays(columns: Mapping[str, _Column], boards: Mapping[str, Section]) -> None:
    known = {key.casefold() for key in boards}
    known |= {one.text("label").casefold() for one in boards.values()}
    for column in columns.values():
        if not column.board:
            sentence = "The column names no leaderboard; it stands on the first."
            column.section.note("leaderboard", sentence, NoteKind.CHANGED)
        elif column.board not in known:
            found = f"“{_reference(column.section, 'leaderboard')[:60]}”"
            hint = "Copy the label from under leaderboards."
            column.section.wrong("leaderboard", found, "the label of a leaderboard", hint)


def _draft(column: _Column, indexes: Mapping[str, int], group: str) -> ColumnDraft:
    section = column.section
    draft = ColumnDraft(
        title=section.text("label") or column.key,
        key=column.key,
        index=indexes[column.key],
        sorting=_sorting(column),
        computation=column.operation,
        computation_indexes=tuple(indexes[name] for name in column.fields if name in indexes),
        computation_weights=column.weights,
        group=group,
        hidden=section.flag("hidden", False),
        precision=_precision(section),
        where=section.where,
    )
    section.ignore("Leaderboards here show places, not the rank in each column.", "show_rank")
    section.close()
    return draft


def _sorting(column: _Column) -> Sorting:
    section = column.section
    if section.get("sort") is None and column.operation is Computation.AVG_DENSE_RANK:
        sentence = "Not given: the smallest mean rank is best. CodaLab put the largest first."
        section.note("sort", sentence, NoteKind.CHANGED)
        return Sorting.ASC
    return section.choice("sort", Sorting, Sorting.DESC)


def _precision(section: Section) -> int:
    precision = section.whole("numeric_format", 2)
    if 0 <= precision <= MAX_PRECISION:
        return precision
    sentence = f"Scores are shown with at most {MAX_PRECISION} decimals."
    section.note("numeric_format", sentence, NoteKind.CHANGED)
    return min(max(precision, 0), MAX_PRECISION)
