"""The phases of a CodaLab bundle: when each is open, its task, and tracks side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.bundles.fields import A_TIME, NEVER, TIME_HINT, NoteKind, Section
from app.bundles.legacy import links
from app.bundles.members import Members
from app.competitions import findings
from app.competitions.drafts import PageDraft, PhaseDraft, SubmissionRule, TaskDraft
from app.competitions.validity import MAX_TITLE

_SUFFIX = " Task"
_DAY = timedelta(days=1)
_DEFAULTS = {"max_submissions_per_day": 999, "max_submissions": 100, "execution_time_limit": 300}
"""CodaLab's own, which the authors of its bundles count on."""

_ONE_IMAGE = "All programs of a benchmark run in one container image; this one is not used."
_NO_EQUIVALENT = {
    "color": "Phases have no colours here.",
    "max_submission_size": "The size of a submission is limited by the site, for all benchmarks.",
    "participant_max_storage_use": "The storage of a person is limited by the site.",
    "delete_submissions_except_best_and_last": "Submissions are kept until somebody deletes them.",
    "default_docker_image": _ONE_IMAGE,
    "scoring_program_docker_image": _ONE_IMAGE,
    "ingestion_program_docker_image": _ONE_IMAGE,
    "disable_custom_docker_image": "Participants do not choose container images here.",
}


class Mode(StrEnum):
    """Who sees the board of a phase on CodaLab."""

    DEFAULT = "default"
    HIDE_RESULTS = "hide_results"


@dataclass(frozen=True)
class Schedule:
    """The phases in order, a task for each, and the pages that their links became."""

    phases: tuple[PhaseDraft, ...]
    tasks: tuple[TaskDraft, ...]
    links: tuple[PageDraft, ...]


@dataclass(frozen=True)
class _Entry:
    number: int
    section: Section
    parent: int
    """Number of the parallel parent; 0 for none."""


@dataclass(frozen=True)
class _Step:
    """Phases side by side, usually one."""

    number: int
    entries: list[_Entry]
    parent: Section | None = None


@dataclass(frozen=True)
class _Window:
    """When a phase is open, and where it stands."""

    section: Section
    start: datetime
    end: datetime | None
    track: int
    tracks_before: int
    """How many phases the step before has; 0 before the first."""
    tracks: int = field(default=1)


def read(top: Section, members: Members, rule: SubmissionRule) -> Schedule:
    """Read the phases; each ends when the next begins, the last one at ``end_date``.

    Args:
        rule: what the leaderboard does unless a phase says otherwise.
    """
    end = _end(top)
    windows = _windows(_steps(top), end)
    phases = tuple(_phase(one, index, members, rule) for index, one in enumerate(windows))
    tasks = tuple(_task(one.section, index, members) for index, one in enumerate(windows))
    page = links.page([window.section for window in windows])
    for window in windows:
        window.section.miss(_NO_EQUIVALENT)
        window.section.close()
    if len(windows) > 1:
        last = "the last one at end_date" if end else "the last one stays open"
        sentence = f"Each phase ends when the next one begins, {last}."
        top.note("phases", sentence, NoteKind.CONVERTED)
    if windows:
        called = findings.listed(f"“{task.name}”" for task in tasks)
        sentence = f"Each phase got a task of its own with its programs and data: {called}."
        top.note("phases", sentence, NoteKind.CONVERTED)
    return Schedule(phases, tasks, (page,) if page else ())


def _end(top: Section) -> datetime | None:
    if top.text("end_date").lower() in ("null", "none", ""):
        return None
    end = top.moment("end_date")
    return None if end == NEVER else end


def _steps(top: Section) -> list[_Step]:
    """Return the phases by number; the children of a parallel parent stand for it, side by side."""
    entries = []
    found = top.named_sections("phases", "a mapping of phases")
    for position, section in enumerate(found.values()):
        if section.get("phasenumber") is None:
            sentence = "The phase has no phasenumber; it stands where it is written."
            section.note("phasenumber", sentence, NoteKind.CONVERTED)
        number = section.whole("phasenumber", position + 1)
        entries.append(_Entry(number, section, section.whole("parent_phasenumber", 0)))
    entries.sort(key=lambda entry: entry.number)
    children: dict[int, list[_Entry]] = {}
    for entry in entries:
        if entry.parent:
            children.setdefault(entry.parent, []).append(entry)
    steps = []
    for entry in entries:
        if entry.parent:
            continue
        own = children.pop(entry.number, [])
        _judge(entry.section, len(own))
        steps.append(_Step(entry.number, own or [entry], entry.section if own else None))
    steps += [_Step(number, orphans) for number, orphans in children.items()]
    return sorted(steps, key=lambda step: step.number)


def _judge(section: Section, children: int) -> None:
    """Report what becomes of a parent, and of one that has no children."""
    if section.flag("is_parallel_parent", False) and not children:
        sentence = "No phase names this one as its parent; it is a phase like others."
        section.note("is_parallel_parent", sentence, NoteKind.CHANGED)
    if children:
        sentence = (
            f"CodaLab ran what was submitted to this phase in the {children} that name it as their "
            f"parent. Here those are open side by side instead of it, and people submit to each; "
            f"nothing but its start was taken from it."
        )
        section.report.note(section.path, sentence, NoteKind.CHANGED)


def _windows(steps: list[_Step], end: datetime | None) -> list[_Window]:
    starts = [[_start(entry.section, step.parent) for entry in step.entries] for step in steps]
    if any(NEVER in of_step for of_step in starts):
        # Already reported; the times need only raise no problem of their own.
        starts = [[NEVER + i * _DAY] * len(of_step) for i, of_step in enumerate(starts)]
        end = None
    found = []
    for i, step in enumerate(steps):
        after = min(starts[i + 1]) if i + 1 < len(steps) else None
        before = len(steps[i - 1].entries) if i else 0
        for track, (entry, start) in enumerate(zip(step.entries, starts[i], strict=True)):
            closes = _closing(entry.section, after, end)
            found.append(_Window(entry.section, start, closes, track, before, len(step.entries)))
    return found


def _start(section: Section, parent: Section | None) -> datetime:
    start = section.moment("start_date")
    if start is None and parent is not None:
        start = parent.moment("start_date")
    if start is None:
        section.wrong("start_date", "nothing", A_TIME, TIME_HINT)
    return start or NEVER


def _closing(section: Section, after: datetime | None, end: datetime | None) -> datetime | None:
    key = "phase_never_ends"
    if not section.flag(key, False):
        return after or end
    if after is not None:
        sentence = "Only the last phase may stay open; this one ends when the next one begins."
        section.note(key, sentence, NoteKind.CHANGED)
        return after
    section.note(key, "The phase stays open, whatever end_date says.", NoteKind.CONVERTED)
    return None


def _phase(window: _Window, index: int, members: Members, rule: SubmissionRule) -> PhaseDraft:
    section = window.section
    _note_defaults(section)
    hides = _hides_results(section)
    own_rule = _rule(section, hides_results=hides)
    if window.tracks > 1:
        sentence = "The phase is open side by side with the others of its parent."
        section.note("parent_phasenumber", sentence, NoteKind.CONVERTED)
    return PhaseDraft(
        name=section.text("label"),
        description=section.text("description"),
        start=window.start,
        end=window.end,
        tasks=(index,),
        max_submissions_per_day=_limit(section, "max_submissions_per_day"),
        max_submissions_per_person=_limit(section, "max_submissions"),
        execution_time_limit_s=section.whole("execution_time_limit", 0)
        or _DEFAULTS["execution_time_limit"],
        auto_migrate_to_this_phase=_migrates(window),
        is_parallel=window.track > 0,
        submission_rule=own_rule if own_rule != rule else None,
        accepts_only_result_submissions=_takes_results_only(section),
        hide_results=hides,
        hide_output=section.flag("hide_output", False),
        hide_prediction_output=section.flag("hide_prediction_output", False),
        hide_score_output=section.flag("hide_score_output", False),
        starting_kit=members.file(section, "starting_kit"),
        public_data=members.file(section, "public_data"),
        where=section.where,
    )


def _task(section: Section, index: int, members: Members) -> TaskDraft:
    key = "ingestion_program_only_during_scoring"
    ingestion = members.program(section, "ingestion_program")
    beside_scoring = section.flag(key, False)
    if beside_scoring and ingestion is None:
        sentence = "The phase has no ingestion program; this was switched off."
        section.note(key, sentence, NoteKind.CHANGED)
    elif beside_scoring:
        sentence = "It became ingestion_only_during_scoring of the task."
        section.note(key, sentence, NoteKind.CONVERTED)
    label = section.text("label")
    return TaskDraft(
        index=index,
        name=f"{label[: MAX_TITLE - len(_SUFFIX)]}{_SUFFIX}",
        description=section.text("description"),
        scoring_program=members.program(section, "scoring_program"),
        ingestion_program=ingestion,
        input_data=members.program(section, "input_data"),
        reference_data=members.program(section, "reference_data"),
        ingestion_only_during_scoring=beside_scoring and ingestion is not None,
        where=section.where,
    )


def _note_defaults(section: Section) -> None:
    taken = [f"{key}: {value}" for key, value in _DEFAULTS.items() if section.get(key) is None]
    if taken:
        sentence = f"Not given, so as on CodaLab: {', '.join(taken)}."
        section.report.note(section.path, sentence, NoteKind.CONVERTED)


def _limit(section: Section, key: str) -> int:
    limit = section.whole(key, _DEFAULTS[key])
    if not limit:
        sentence = "0 is unlimited here; on CodaLab it could mean no submission at all."
        section.note(key, sentence, NoteKind.CHANGED)
    return limit


def _migrates(window: _Window) -> bool:
    section, key = window.section, "auto_migration"
    if not section.flag(key, False):
        return False
    if not window.tracks_before:
        sentence = "No phase comes before the first one; automatic migration was switched off."
        section.note(key, sentence, NoteKind.CHANGED)
    elif window.tracks_before > window.tracks:
        sentence = "Migration takes from one of the phases side by side before this one."
        section.note(key, sentence, NoteKind.CHANGED)
    else:
        section.note(key, "It became auto_migrate_to_this_phase.", NoteKind.CONVERTED)
    return window.tracks_before > 0


def _hides_results(section: Section) -> bool:
    key = "leaderboard_management_mode"
    hides = section.choice(key, Mode, Mode.DEFAULT) is Mode.HIDE_RESULTS
    if hides:
        sentence = "The leaderboard and all scores of this phase are kept from participants."
        section.note(key, sentence, NoteKind.CONVERTED)
    return hides


def _rule(section: Section, *, hides_results: bool) -> SubmissionRule | None:
    """Return the rule of a phase alone; where results were hidden, the latest was put on the board."""
    key = "force_best_submission_to_leaderboard"
    if section.flag(key, False):
        sentence = "The best submission of each participant stands on the leaderboard."
        section.note(key, sentence, NoteKind.CONVERTED)
        return SubmissionRule.FORCE_BEST
    return SubmissionRule.FORCE_LAST if hides_results else None


def _takes_results_only(section: Section) -> bool:
    key = "is_scoring_only"
    if not section.flag(key, False):
        return False
    sentence = "It became accepts_only_result_submissions: code that is submitted is not run."
    section.note(key, sentence, NoteKind.CONVERTED)
    return True
