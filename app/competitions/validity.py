"""Everything that can be wrong with a draft: the only validator of meaning, whatever the door."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    Computation,
    LeaderboardDraft,
    PhaseDraft,
    Problem,
    QuestionType,
    TaskDraft,
    TaskIndex,
)

MAX_TITLE = 256
MAX_KEY = 128
MAX_REWARD = 256
MAX_TEXT_BYTES = 64 * 1024
MAX_PAGES = 100
MAX_TASKS = 200
MAX_PHASES = 50
MAX_COLUMNS = 200
MAX_QUESTIONS = 100
MAX_SUBMISSIONS = 1_000_000
MAX_TIME_LIMIT_S = 3 * 24 * 3600
"""Of each of the two steps; the links of a run to the store outlive both, and no store makes them
live longer than a week."""
MAX_PRECISION = 10
MAX_WEIGHT = 1_000_000

_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)+")
_IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,255}")
_KEY = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")


def problems(draft: CompetitionDraft) -> list[Problem]:
    """List everything that keeps ``draft`` from being a benchmark, in the order of the draft."""
    return [problem for check in _CHECKS for problem in check(draft)]


def place(item: object, collection: str, position: int) -> str:
    """Name an item of a draft: where it was written, else its position."""
    return getattr(item, "where", "") or f"{collection}[{position}]"


def _general(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _text("title", draft.title, "The title", MAX_TITLE)
    yield from _long_text("description", draft.description, "The description")
    yield from _long_text("terms", draft.terms, "The terms")
    if len(draft.reward) > MAX_REWARD:
        yield _too_long("reward", draft.reward, "The reward", MAX_REWARD)
    email = draft.contact_email
    if email and (len(email) > 254 or not _EMAIL.fullmatch(email)):
        yield _wrong("contact_email", "The contact address", _shown(email), "one e-mail address")
    image = draft.docker_image
    if image and not _IMAGE_NAME.fullmatch(image):
        yield _wrong(
            "docker_image", "The container image", _shown(image), "a name such as python:3.11-slim"
        )


def _pages(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _count("pages", draft.pages, 0, MAX_PAGES)
    for position, page in enumerate(draft.pages):
        where = place(page, "pages", position)
        yield from _text(
            f"{where}.title", page.title, f"The title of page {position + 1}", MAX_TITLE
        )
        yield from _long_text(f"{where}.file", page.content, f"Page {position + 1}")
        if not page.content.strip():
            yield _wrong(f"{where}.file", f"Page {position + 1}", "no text", "a page with text")


def _tasks(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _count("tasks", draft.tasks, 1, MAX_TASKS)
    indexes = [task.index for task in draft.tasks]
    places = [place(task, "tasks", i) for i, task in enumerate(draft.tasks)]
    yield from _unique("index", places, indexes, "task")
    for where, task in zip(places, draft.tasks, strict=True):
        yield from _task(f"{where}.", task, f"task {task.index}")


def task_problems(draft: TaskDraft) -> list[Problem]:
    """List everything that keeps ``draft`` from being a task that stands alone."""
    return list(_task("", draft, "the task"))


def _task(at: str, task: TaskDraft, name: str) -> Iterator[Problem]:
    """Check one task; ``at`` is its place with a dot after it, or empty."""
    if task.key is not None:
        return
    yield from _text(f"{at}name", task.name, f"The name of {name}", MAX_TITLE)
    yield from _long_text(f"{at}description", task.description, "The description")
    if task.scoring_program is None:
        yield _wrong(
            f"{at}scoring_program", f"The scoring program of {name}", "nothing",
            "a file, a folder or the key of a stored program",
        )  # fmt: skip
    if task.ingestion_only_during_scoring and task.ingestion_program is None:
        yield _wrong(
            f"{at}ingestion_only_during_scoring",
            "The setting “ingestion only during scoring”",
            "on, without an ingestion program",
            "off, or an ingestion program beside it",
        )


def _solutions(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _count("solutions", draft.solutions, 0, MAX_TASKS)
    places = [place(solution, "solutions", i) for i, solution in enumerate(draft.solutions)]
    yield from _unique("index", places, [s.index for s in draft.solutions], "solution")
    for where, solution in zip(places, draft.solutions, strict=True):
        yield from _known_tasks(where, solution.tasks, draft, f"Solution {solution.index}")
        if solution.key is None and solution.file is None:
            what = f"The file of solution {solution.index}"
            yield _wrong(f"{where}.path", what, "nothing", "a file, a folder or a stored key")
        if len(solution.name) > MAX_TITLE:
            what = f"The name of solution {solution.index}"
            yield _too_long(f"{where}.name", solution.name, what, MAX_TITLE)


def _phases(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _count("phases", draft.phases, 1, MAX_PHASES)
    for position, phase in enumerate(draft.phases):
        where, name = place(phase, "phases", position), f"phase {position + 1}"
        yield from _text(f"{where}.name", phase.name, f"The name of {name}", MAX_TITLE)
        yield from _long_text(f"{where}.description", phase.description, "The description")
        yield from _known_tasks(where, phase.tasks, draft, name.capitalize())
        yield from _phase_limits(where, phase)
        if phase.is_parallel and position == 0:
            expected = "off, for no phase comes before it"
            yield _wrong(f"{where}.is_parallel", "“Beside the phase before” of phase 1", "on",
                         expected)  # fmt: skip
        is_in_first_step = all(one.is_parallel for one in draft.phases[1 : position + 1])
        if phase.auto_migrate_to_this_phase and is_in_first_step:
            yield _wrong(
                f"{where}.auto_migrate_to_this_phase",
                f"Automatic migration into {'a track of ' * bool(position)}the first phase",
                "on",
                "off, for no phase comes before it",
            )
        if phase.required_phase is not None and not 0 <= phase.required_phase < position:
            found = f"phase {phase.required_phase + 1}"
            yield _wrong(
                f"{where}.required_phase", f"What {name} requires", found, "an earlier phase"
            )
    yield from _phase_order(draft.phases)


def _phase_limits(where: str, phase: PhaseDraft) -> Iterator[Problem]:
    for key, limit in (
        ("max_submissions_per_day", phase.max_submissions_per_day),
        ("max_submissions", phase.max_submissions_per_person),
    ):
        if not 0 <= limit <= MAX_SUBMISSIONS:
            expected = f"0 (unlimited) to {MAX_SUBMISSIONS}"
            yield _wrong(f"{where}.{key}", "The submission limit", str(limit), expected)
    seconds = phase.execution_time_limit_s
    if not 1 <= seconds <= MAX_TIME_LIMIT_S:
        expected = f"1 to {MAX_TIME_LIMIT_S} seconds"
        yield _wrong(f"{where}.execution_time_limit", "The time limit", str(seconds), expected)


def _phase_order(phases: Sequence[PhaseDraft]) -> Iterator[Problem]:
    """Check each phase alone, and against the stage before: phases side by side are one stage."""
    starts = [i for i, phase in enumerate(phases) if i == 0 or not phase.is_parallel]
    last_stage = starts[-1] if starts else 0
    for position, phase in enumerate(phases):
        where = place(phase, "phases", position)
        name = f"phase {position + 1}"
        if phase.start.tzinfo is None or (phase.end and phase.end.tzinfo is None):
            raise ValueError(f"{where}: times of a draft carry their time zone")
        if phase.end is None and position < last_stage:
            expected = "a time, for only the last phase may stay open"
            yield _wrong(f"{where}.end", f"The end of {name}", "nothing", expected)
        if phase.end is not None and phase.end <= phase.start:
            expected = f"a time after its start, {_time(phase.start)}"
            yield _wrong(f"{where}.end", f"The end of {name}", _time(phase.end), expected)
        own = max((i for i in starts if i <= position), default=0)
        earlier = max((i for i in starts if i < own), default=own)
        ends = [(one.end, i) for i, one in enumerate(phases[earlier:own], earlier) if one.end]
        if ends and phase.start < max(ends)[0]:
            end, other = max(ends)
            expected = f"{_time(end)}, when phase {other + 1} ends, or later"
            yield _wrong(f"{where}.start", f"The start of {name}", _time(phase.start), expected)


def _leaderboards(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _count("leaderboards", draft.leaderboards, 1, MAX_PHASES)
    for position, board in enumerate(draft.leaderboards):
        where = place(board, "leaderboards", position)
        what = f"leaderboard {position + 1}"
        yield from _text(f"{where}.title", board.title, f"The title of {what}", MAX_TITLE)
        yield from _key_text(f"{where}.key", board.key, f"The key of {what}")
        yield from _count(f"{where}.columns", board.columns, 1, MAX_COLUMNS)
        yield from _columns(where, board)


def _columns(board_where: str, board: LeaderboardDraft) -> Iterator[Problem]:
    columns = board.columns
    places = [place(c, f"{board_where}.columns", i) for i, c in enumerate(columns)]
    indexes = {column.index for column in columns}
    yield from _unique("index", places, [column.index for column in columns], "column")
    yield from _unique("key", places, [column.key for column in columns], "column")
    if columns and board.primary_index not in indexes:
        expected = f"the index of a column: {_listed(sorted(indexes))}"
        found = str(board.primary_index)
        yield _wrong(f"{board_where}.primary_index", "The primary column", found, expected)
    for where, column in zip(places, columns, strict=True):
        what = f"column {column.index}"
        yield from _text(f"{where}.title", column.title, f"The title of {what}", MAX_TITLE)
        yield from _key_text(f"{where}.key", column.key, f"The key of {what}")
        if not 0 <= column.precision <= MAX_PRECISION:
            expected = f"0 to {MAX_PRECISION} decimals"
            yield _wrong(f"{where}.precision", "The precision", str(column.precision), expected)
        if len(column.group) > MAX_TITLE:
            yield _too_long(f"{where}.group", column.group, f"The group of {what}", MAX_TITLE)
        yield from _computation(where, column, indexes)
        yield from _weights(where, column)
    yield from _cycles(places, columns)


def _computation(where: str, column: ColumnDraft, indexes: set[int]) -> Iterator[Problem]:
    listed, key = column.computation_indexes, f"{where}.computation_indexes"
    what = f"The list of columns that column {column.index} is computed from"
    if column.computation is None and listed:
        expected = f"{', '.join(Computation)} beside computation_indexes"
        yield _wrong(f"{where}.computation", "The computation", "nothing", expected)
    if column.computation is not None and not listed:
        yield _wrong(key, what, "empty", "at least one column index")
    unknown = sorted(set(listed) - indexes)
    if unknown:
        yield _wrong(
            key, what, _listed(unknown), f"only indexes in use: {_listed(sorted(indexes))}"
        )
    if len(set(listed)) < len(listed):
        yield _wrong(key, what, _listed(listed), "each column once")


def _weights(where: str, column: ColumnDraft) -> Iterator[Problem]:
    weights, key = column.computation_weights, f"{where}.computation_weights"
    what = f"The list of weights of column {column.index}"
    if not weights:
        return
    if column.computation is None or not column.computation.is_mean:
        expected = "none, for only avg, avg_rank, avg_dense_rank and mrr have weights"
        yield _wrong(key, what, _listed(weights), expected)
    elif len(weights) != len(column.computation_indexes):
        expected = f"{len(column.computation_indexes)}, one for each of computation_indexes"
        yield _wrong(key, what, f"{len(weights)} long", expected)
    elif not all(math.isfinite(one) and 0 < one <= MAX_WEIGHT for one in weights):
        yield _wrong(key, what, _listed(weights), f"numbers above 0 and up to {MAX_WEIGHT}")


def _cycles(places: Sequence[str], columns: Sequence[ColumnDraft]) -> Iterator[Problem]:
    """Report the columns that are computed, directly or not, from themselves."""
    sources = {column.index: set(column.computation_indexes) for column in columns}
    for where, column in zip(places, columns, strict=True):
        reached: set[int] = set()
        frontier = set(sources[column.index])
        while frontier:
            reached |= frontier
            frontier = {i for j in frontier for i in sources.get(j, ())} - reached
        if column.index in reached:
            what = f"Column {column.index}"
            expected = "columns that do not depend on it"
            yield _wrong(f"{where}.computation_indexes", what, "computed from itself", expected)


def _fact_sheet(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from _count("fact_sheet", draft.fact_sheet, 0, MAX_QUESTIONS)
    places = [q.where or f"fact_sheet.{q.key}" for q in draft.fact_sheet]
    yield from _unique("key", places, [q.key for q in draft.fact_sheet], "question")
    for where, question in zip(places, draft.fact_sheet, strict=True):
        yield from _key_text(f"{where}.key", question.key, "The key of a fact-sheet question")
        yield from _text(f"{where}.title", question.title, "The title of a question", MAX_TITLE)
        is_select, choices = question.type is QuestionType.SELECT, question.selection
        what = f"The selection of question {_shown(question.key)}"
        if is_select and not any(choices):
            yield _wrong(f"{where}.selection", what, "no choice", "a list of choices")
        if not is_select and choices:
            expected = f"empty, for a {question.type} has no choices"
            yield _wrong(f"{where}.selection", what, f"{len(choices)} choices", expected)
        if len(set(choices)) < len(choices):
            yield _wrong(f"{where}.selection", what, _listed(choices), "each choice once")


_CHECKS: tuple[Callable[[CompetitionDraft], Iterator[Problem]], ...] = (
    _general,
    _fact_sheet,
    _pages,
    _tasks,
    _solutions,
    _phases,
    _leaderboards,
)


def _wrong(where: str, what: str, found: str, expected: str) -> Problem:
    return Problem(where, found, expected, f"{what} is {found}; expected {expected}.")


def _too_long(where: str, text: str, what: str, limit: int) -> Problem:
    found = f"{len(text)} characters long"
    return _wrong(where, what, found, f"at most {limit} characters")


def _text(where: str, text: str, what: str, limit: int) -> Iterator[Problem]:
    if not text.strip():
        yield _wrong(where, what, "empty", f"1 to {limit} characters")
    elif len(text) > limit:
        yield _too_long(where, text, what, limit)


def _long_text(where: str, text: str, what: str) -> Iterator[Problem]:
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MAX_TEXT_BYTES:
        yield _wrong(where, what, f"{size} bytes long", f"at most {MAX_TEXT_BYTES} bytes")


def _key_text(where: str, key: str, what: str) -> Iterator[Problem]:
    if not _KEY.fullmatch(key) or len(key) > MAX_KEY:
        expected = f"1 to {MAX_KEY} characters without spaces around them"
        yield _wrong(where, what, _shown(key), expected)


def _count(where: str, items: Sequence[object], least: int, most: int) -> Iterator[Problem]:
    if not least <= len(items) <= most:
        found = f"{len(items)} entries long" if items else "empty"
        yield _wrong(where, "The list", found, f"{least} to {most} entries")


def _unique(
    key: str, places: Sequence[str], values: Sequence[TaskIndex], noun: str
) -> Iterator[Problem]:
    first: dict[TaskIndex, str] = {}
    for where, value in zip(places, values, strict=True):
        if value in first:
            expected = f"a value that {first[value]} does not use"
            yield _wrong(f"{where}.{key}", f"The {key} of a {noun}", _shown(value), expected)
        first.setdefault(value, where)


def _known_tasks(
    where: str, listed: Sequence[TaskIndex], draft: CompetitionDraft, what: str
) -> Iterator[Problem]:
    known = [task.index for task in draft.tasks if task.index != ""]
    unknown = [index for index in listed if index not in known]
    what = f"The task list of {what[0].lower()}{what[1:]}"
    if not listed:
        yield _wrong(f"{where}.tasks", what, "empty", "at least one task index")
    if unknown:
        expected = f"only indexes under tasks: {_listed(known)}" if known else "a task under tasks"
        yield _wrong(f"{where}.tasks", what, _listed(unknown), expected)
    if len(set(listed)) < len(listed):
        yield _wrong(f"{where}.tasks", what, _listed(listed), "each task once")


def _listed(values: Iterable[object]) -> str:
    texts = [str(value) for value in values]
    more = f" and {len(texts) - 10} more" if len(texts) > 10 else ""
    return ", ".join(texts[:10]) + more


def _shown(value: object) -> str:
    text = str(value)
    return f"“{text[:60]}…”" if len(text) > 61 else f"“{text}”"


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"
