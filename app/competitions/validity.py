"""Everything that can be wrong with a draft: the only validator of meaning, whatever the door."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from app.competitions import findings
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
MAX_REWARD = 256
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


def problems(draft: CompetitionDraft) -> list[Problem]:
    """List everything that keeps ``draft`` from being a benchmark, in the order of the draft."""
    return [problem for check in _CHECKS for problem in check(draft)]


def place(item: object, collection: str, position: int) -> str:
    """Name an item of a draft: where it was written, else its position."""
    return getattr(item, "where", "") or f"{collection}[{position}]"


def _general(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.short_text("title", draft.title, "The title", MAX_TITLE)
    yield from findings.long_text("description", draft.description, "The description")
    yield from findings.long_text("terms", draft.terms, "The terms")
    if len(draft.reward) > MAX_REWARD:
        yield findings.too_long("reward", draft.reward, "The reward", MAX_REWARD)
    email = draft.contact_email
    if email and (len(email) > 254 or not _EMAIL.fullmatch(email)):
        yield findings.wrong(
            "contact_email", "The contact address", findings.shown(email), "one e-mail address",
            "Write it as name@example.org, without anything around it.",
        )  # fmt: skip
    image = draft.docker_image
    if image and not _IMAGE_NAME.fullmatch(image):
        yield findings.wrong(
            "docker_image", "The container image", findings.shown(image),
            "a name such as python:3.11-slim", "Copy the name from where the image is published.",
        )  # fmt: skip


def _pages(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.count("pages", draft.pages, 0, MAX_PAGES)
    for position, page in enumerate(draft.pages):
        where = place(page, "pages", position)
        yield from findings.short_text(
            f"{where}.title", page.title, f"The title of page {position + 1}", MAX_TITLE
        )
        yield from findings.long_text(f"{where}.file", page.content, f"Page {position + 1}")
        if not page.content.strip():
            yield findings.wrong(
                f"{where}.file", f"Page {position + 1}", "no text", "a page with text",
                "Write the file, or take the page out of the list.",
            )  # fmt: skip


def _tasks(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.count("tasks", draft.tasks, 1, MAX_TASKS)
    indexes = [task.index for task in draft.tasks]
    places = [place(task, "tasks", i) for i, task in enumerate(draft.tasks)]
    yield from findings.unique("index", places, indexes, "task")
    for where, task in zip(places, draft.tasks, strict=True):
        yield from _task(f"{where}.", task, f"task {task.index}")


def task_problems(draft: TaskDraft) -> list[Problem]:
    """List everything that keeps ``draft`` from being a task that stands alone."""
    return list(_task("", draft, "the task"))


def _task(at: str, task: TaskDraft, name: str) -> Iterator[Problem]:
    """Check one task; ``at`` is its place with a dot after it, or empty."""
    if task.key is not None:
        return
    yield from findings.short_text(f"{at}name", task.name, f"The name of {name}", MAX_TITLE)
    yield from findings.long_text(f"{at}description", task.description, "The description")
    if task.scoring_program is None:
        yield findings.wrong(
            f"{at}scoring_program", f"The scoring program of {name}", "nothing",
            "a file, a folder or the key of a stored program",
            "Name the program that computes the scores under scoring_program.",
        )  # fmt: skip
    if task.ingestion_only_during_scoring and task.ingestion_program is None:
        yield findings.wrong(
            f"{at}ingestion_only_during_scoring",
            "The setting “ingestion only during scoring”",
            "on, without an ingestion program",
            "off, or an ingestion program beside it",
            "Switch it off, or name an ingestion_program.",
        )


def _solutions(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.count("solutions", draft.solutions, 0, MAX_TASKS)
    places = [place(solution, "solutions", i) for i, solution in enumerate(draft.solutions)]
    yield from findings.unique("index", places, [s.index for s in draft.solutions], "solution")
    for where, solution in zip(places, draft.solutions, strict=True):
        yield from _known_tasks(where, solution.tasks, draft, f"Solution {solution.index}")
        if solution.key is None and solution.file is None:
            what = f"The file of solution {solution.index}"
            yield findings.wrong(
                f"{where}.path", what, "nothing", "a file, a folder or a stored key",
                "Name its file under path, or a stored solution under key.",
            )  # fmt: skip
        if len(solution.name) > MAX_TITLE:
            what = f"The name of solution {solution.index}"
            yield findings.too_long(f"{where}.name", solution.name, what, MAX_TITLE)


def _phases(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.count("phases", draft.phases, 1, MAX_PHASES)
    for position, phase in enumerate(draft.phases):
        where, name = place(phase, "phases", position), f"phase {position + 1}"
        yield from findings.short_text(
            f"{where}.name", phase.name, f"The name of {name}", MAX_TITLE
        )
        yield from findings.long_text(f"{where}.description", phase.description, "The description")
        yield from _known_tasks(where, phase.tasks, draft, name.capitalize())
        yield from _phase_limits(where, phase)
        if draft.leaderboards and not 0 <= phase.leaderboard_index < len(draft.leaderboards):
            found, last = f"number {phase.leaderboard_index}", len(draft.leaderboards) - 1
            yield findings.wrong(
                f"{where}.leaderboard_index", f"The leaderboard of {name}", found,
                f"0 to {last}" if last else "0", "Count the leaderboards from 0.",
            )  # fmt: skip
        if phase.is_parallel and position == 0:
            yield findings.wrong(
                f"{where}.is_parallel", "“Beside the phase before” of phase 1", "on",
                "off, for no phase comes before it", "Set it to false.",
            )  # fmt: skip
        is_in_first_step = all(one.is_parallel for one in draft.phases[1 : position + 1])
        if phase.auto_migrate_to_this_phase and is_in_first_step:
            yield findings.wrong(
                f"{where}.auto_migrate_to_this_phase",
                f"Automatic migration into {'a track of ' * bool(position)}the first phase",
                "on",
                "off, for no phase comes before it",
                "Set it to false.",
            )
        if phase.required_phase is not None and not 0 <= phase.required_phase < position:
            found = f"phase {phase.required_phase + 1}"
            yield findings.wrong(
                f"{where}.required_phase", f"What {name} requires", found, "an earlier phase",
                "Choose a phase that comes before it.",
            )  # fmt: skip
    yield from _phase_order(draft.phases)


def _phase_limits(where: str, phase: PhaseDraft) -> Iterator[Problem]:
    for key, limit in (
        ("max_submissions_per_day", phase.max_submissions_per_day),
        ("max_submissions", phase.max_submissions_per_person),
    ):
        if not 0 <= limit <= MAX_SUBMISSIONS:
            expected = f"0 (unlimited) to {MAX_SUBMISSIONS}"
            hint = f"Write a number in this range under {key}."
            yield findings.wrong(
                f"{where}.{key}", "The submission limit", str(limit), expected, hint
            )
    seconds = phase.execution_time_limit_s
    if not 1 <= seconds <= MAX_TIME_LIMIT_S:
        expected = f"1 to {MAX_TIME_LIMIT_S} seconds"
        hint = "Write the seconds that one run may take."
        key, what = f"{where}.execution_time_limit", "The time limit"
        yield findings.wrong(key, what, str(seconds), expected, hint)


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
            hint = "Give this phase an end."
            yield findings.wrong(f"{where}.end", f"The end of {name}", "nothing", expected, hint)
        if phase.end is not None and phase.end <= phase.start:
            found, hint = findings.time(phase.end), "Move the end, or the start."
            expected = f"a time after its start, {findings.time(phase.start)}"
            yield findings.wrong(f"{where}.end", f"The end of {name}", found, expected, hint)
        own = max((i for i in starts if i <= position), default=0)
        earlier = max((i for i in starts if i < own), default=own)
        ends = [(one.end, i) for i, one in enumerate(phases[earlier:own], earlier) if one.end]
        if ends and phase.start < max(ends)[0]:
            end, other = max(ends)
            found = findings.time(phase.start)
            expected = f"{findings.time(end)}, when phase {other + 1} ends, or later"
            hint = "Begin it later, end the other one earlier, or set is_parallel."
            yield findings.wrong(f"{where}.start", f"The start of {name}", found, expected, hint)


def _leaderboards(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.count("leaderboards", draft.leaderboards, 1, MAX_PHASES)
    for position, board in enumerate(draft.leaderboards):
        where = place(board, "leaderboards", position)
        what = f"leaderboard {position + 1}"
        yield from findings.short_text(
            f"{where}.title", board.title, f"The title of {what}", MAX_TITLE
        )
        yield from findings.key_text(f"{where}.key", board.key, f"The key of {what}")
        yield from findings.count(f"{where}.columns", board.columns, 1, MAX_COLUMNS)
        yield from _columns(where, board)


def _columns(board_where: str, board: LeaderboardDraft) -> Iterator[Problem]:
    columns = board.columns
    places = [place(c, f"{board_where}.columns", i) for i, c in enumerate(columns)]
    indexes = {column.index for column in columns}
    yield from findings.unique("index", places, [column.index for column in columns], "column")
    yield from findings.unique("key", places, [column.key for column in columns], "column")
    if columns and board.primary_index not in indexes:
        expected = f"the index of a column: {findings.listed(sorted(indexes))}"
        found = str(board.primary_index)
        key, hint = f"{board_where}.primary_index", "Name the column that ranks by its index."
        yield findings.wrong(key, "The primary column", found, expected, hint)
    for where, column in zip(places, columns, strict=True):
        what = f"column {column.index}"
        yield from findings.short_text(
            f"{where}.title", column.title, f"The title of {what}", MAX_TITLE
        )
        yield from findings.key_text(f"{where}.key", column.key, f"The key of {what}")
        if not 0 <= column.precision <= MAX_PRECISION:
            expected = f"0 to {MAX_PRECISION} decimals"
            key, found = f"{where}.precision", str(column.precision)
            hint = "Write how many decimals are shown."
            yield findings.wrong(key, "The precision", found, expected, hint)
        if len(column.group) > MAX_TITLE:
            yield findings.too_long(
                f"{where}.group", column.group, f"The group of {what}", MAX_TITLE
            )
        yield from _computation(where, column, indexes)
        yield from _weights(where, column)
    yield from _cycles(places, columns)


def _computation(where: str, column: ColumnDraft, indexes: set[int]) -> Iterator[Problem]:
    listed, key = column.computation_indexes, f"{where}.computation_indexes"
    what = f"The list of columns that column {column.index} is computed from"
    if column.computation is None and listed:
        expected = f"{', '.join(Computation)} beside computation_indexes"
        hint = "Add the computation, or take computation_indexes away."
        yield findings.wrong(f"{where}.computation", "The computation", "nothing", expected, hint)
    if column.computation is not None and not listed:
        hint = "List the indexes of the columns that it is computed from."
        yield findings.wrong(key, what, "empty", "at least one column index", hint)
    unknown = sorted(set(listed) - indexes)
    if unknown:
        expected = f"only indexes in use: {findings.listed(sorted(indexes))}"
        hint = "Take the others out, or add the columns."
        yield findings.wrong(key, what, findings.listed(unknown), expected, hint)
    if len(set(listed)) < len(listed):
        hint = "Take out what is there twice; computation_weights can count a column more."
        yield findings.wrong(key, what, findings.listed(listed), "each column once", hint)


def _weights(where: str, column: ColumnDraft) -> Iterator[Problem]:
    weights, key = column.computation_weights, f"{where}.computation_weights"
    what = f"The list of weights of column {column.index}"
    if not weights:
        return
    if column.computation is None or not column.computation.is_mean:
        expected = "none, for only avg, avg_rank, avg_dense_rank and mrr have weights"
        yield findings.wrong(
            key, what, findings.listed(weights), expected, "Take the weights away."
        )
    elif len(weights) != len(column.computation_indexes):
        expected = f"{len(column.computation_indexes)}, one for each of computation_indexes"
        yield findings.wrong(
            key, what, f"{len(weights)} long", expected, "Give one for each column."
        )
    elif not all(math.isfinite(one) and 0 < one <= MAX_WEIGHT for one in weights):
        expected, hint = f"numbers above 0 and up to {MAX_WEIGHT}", "Write such numbers."
        yield findings.wrong(key, what, findings.listed(weights), expected, hint)


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
            key, what = f"{where}.computation_indexes", f"Column {column.index}"
            expected = "columns that do not depend on it"
            hint = "Take out the index that leads back to it."
            yield findings.wrong(key, what, "computed from itself", expected, hint)


def _fact_sheet(draft: CompetitionDraft) -> Iterator[Problem]:
    yield from findings.count("fact_sheet", draft.fact_sheet, 0, MAX_QUESTIONS)
    places = [q.where or f"fact_sheet.{q.key}" for q in draft.fact_sheet]
    yield from findings.unique("key", places, [q.key for q in draft.fact_sheet], "question")
    for where, question in zip(places, draft.fact_sheet, strict=True):
        yield from findings.key_text(
            f"{where}.key", question.key, "The key of a fact-sheet question"
        )
        yield from findings.short_text(
            f"{where}.title", question.title, "The title of a question", MAX_TITLE
        )
        is_select, choices = question.type is QuestionType.SELECT, question.selection
        what = f"The selection of question {findings.shown(question.key)}"
        if is_select and not any(choices):
            hint = "List the choices, or make it a text."
            yield findings.wrong(f"{where}.selection", what, "no choice", "a list of choices", hint)
        if not is_select and choices:
            found, expected = (
                f"{len(choices)} choices",
                f"empty, for a {question.type} has no choices",
            )
            hint = "Take them away, or make it a select."
            yield findings.wrong(f"{where}.selection", what, found, expected, hint)
        if len(set(choices)) < len(choices):
            found, hint = findings.listed(choices), "Take out what is there twice."
            yield findings.wrong(f"{where}.selection", what, found, "each choice once", hint)


_CHECKS: tuple[Callable[[CompetitionDraft], Iterator[Problem]], ...] = (
    _general,
    _fact_sheet,
    _pages,
    _tasks,
    _solutions,
    _phases,
    _leaderboards,
)


def _known_tasks(
    where: str, listed: Sequence[TaskIndex], draft: CompetitionDraft, what: str
) -> Iterator[Problem]:
    known = [task.index for task in draft.tasks if task.index != ""]
    unknown = [index for index in listed if index not in known]
    what = f"The task list of {what[0].lower()}{what[1:]}"
    if not listed:
        hint = "List the indexes of its tasks."
        yield findings.wrong(f"{where}.tasks", what, "empty", "at least one task index", hint)
    if unknown:
        expected = (
            f"only indexes under tasks: {findings.listed(known)}" if known else "a task under tasks"
        )
        hint = "Take the unknown ones out, or add the tasks."
        yield findings.wrong(f"{where}.tasks", what, findings.listed(unknown), expected, hint)
    if len(set(listed)) < len(listed):
        hint = "Take out what is there twice."
        yield findings.wrong(
            f"{where}.tasks", what, findings.listed(listed), "each task once", hint
        )
