"""``competition.yaml``, version 2, as a draft; everything odd goes to the report.

Source: docs/reference/bundle.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from app.bundles import extension, factsheet
from app.bundles.fields import (
    A_TIME,
    NEVER,
    TIME_HINT,
    NoteKind,
    Section,
    described,
    one_of,
)
from app.bundles.members import Members
from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    CompetitionType,
    Computation,
    LeaderboardDraft,
    PageDraft,
    PhaseDraft,
    SolutionDraft,
    Sorting,
    SubmissionRule,
    TaskDraft,
)

_AFTERWARDS = "A bundle cannot set this; set it on the benchmark's own pages after the import."
_ELSEWHERE = (
    "collaborators",
    "admins",
    "published",
    "allow_robot_submissions",
    "report",
    "whitelist_emails",
    "secret_key",
)
_ONE = "Take one of them away."
_COMPUTATION_ALIASES = {"average_rank": "avg_rank"}


def read(top: Section, members: Members) -> CompetitionDraft:
    """Read the whole manifest; what cannot be read is reported and left at its default."""
    logo = members.logo(top, "image")
    terms, terms_is_html = members.text(top, "terms")
    for key, what in (("image", "logo"), ("terms", "terms to accept")):
        if top.get(key) is None:
            sentence = f"The bundle names no {key}; the benchmark has no {what}."
            top.report.note(top.at(key), sentence, NoteKind.CHANGED)
    phases = _phases(top, members)
    draft = CompetitionDraft(
        title=top.text("title"),
        description=_description(top, members),
        image_png=logo.png if logo else b"",
        icon_png=logo.icon if logo else b"",
        terms=terms,
        terms_is_html=terms_is_html,
        competition_type=top.choice(
            "competition_type", CompetitionType, CompetitionType.COMPETITION
        ),
        docker_image=top.text("docker_image"),
        queue=top.text("queue"),
        registration_auto_approve=top.flag("registration_auto_approve", False),
        enable_detailed_results=top.flag("enable_detailed_results", False),
        show_detailed_results_in_submission_panel=top.flag(
            "show_detailed_results_in_submission_panel", True
        ),
        show_detailed_results_in_leaderboard=top.flag("show_detailed_results_in_leaderboard", True),
        show_scoring_logs=top.flag("show_scoring_logs", False),
        auto_run_submissions=top.flag("auto_run_submissions", True),
        can_participants_make_submissions_public=top.flag(
            "can_participants_make_submissions_public", True
        ),
        make_programs_available=top.flag("make_programs_available", False),
        make_input_data_available=top.flag("make_input_data_available", False),
        forum_enabled=top.flag("forum_enabled", True),
        reward=top.text("reward"),
        contact_email=top.text("contact_email"),
        fact_sheet=factsheet.read(top),
        pages=tuple(_page(s, members) for s in top.sections("pages", "a list of pages")),
        tasks=tuple(_task(s, members) for s in top.sections("tasks", "a list of tasks")),
        solutions=_solutions(top, members),
        phases=phases,
        leaderboards=_leaderboards(top, {phase.leaderboard_index for phase in phases}),
    )
    top.has("version")
    top.ignore(_AFTERWARDS, *_ELSEWHERE)
    top.close()
    return draft


def _description(section: Section, members: Members) -> str:
    """Read a description that stands in the manifest, or in a text of its own when it is long."""
    if section.get("description_file") is None:
        return section.text("description")
    if section.text("description"):
        found = "a text beside “description”"
        section.wrong("description_file", found, "one of the two keys", _ONE)
    return members.text(section, "description_file")[0]


def _page(section: Section, members: Members) -> PageDraft:
    content, is_html = members.text(section, "file")
    page = PageDraft(
        title=section.text("title"), content=content, is_html=is_html, where=section.where
    )
    if section.get("file") is None:
        expected = "the path of a Markdown or HTML file in the zip"
        section.wrong("file", "nothing", expected, "Name the file under file.")
    section.ignore("Pages stand in the order of the list.", "index")
    section.close()
    return page


def _task(section: Section, members: Members) -> TaskDraft:
    index = section.index("index", "")
    if index == "":
        expected = "a number or name that phases use for this task"
        section.wrong("index", "nothing", expected, "Number the tasks, from 0 on.")
    key = section.uuid("key")
    if key is not None:
        section.ignore("The task exists already, this key was ignored.", *_TASK_KEYS)
        section.close()
        return TaskDraft(index=index, key=key, name=section.text("name"), where=section.where)
    task = TaskDraft(
        index=index,
        name=section.text("name"),
        description=_description(section, members),
        scoring_program=members.program(section, "scoring_program"),
        ingestion_program=members.program(section, "ingestion_program"),
        input_data=members.program(section, "input_data"),
        reference_data=members.program(section, "reference_data"),
        ingestion_only_during_scoring=section.flag("ingestion_only_during_scoring", False),
        where=section.where,
    )
    section.ignore(_AFTERWARDS, "is_public")
    section.close()
    return task


_TASK_KEYS = (
    "name",
    "description",
    "description_file",
    "scoring_program",
    "ingestion_program",
    "input_data",
    "reference_data",
    "ingestion_only_during_scoring",
    "is_public",
)


def _solutions(top: Section, members: Members) -> tuple[SolutionDraft, ...]:
    found = []
    for position, section in enumerate(top.sections("solutions", "a list of solutions")):
        key = section.uuid("key")
        found.append(
            SolutionDraft(
                index=section.index("index", f"solution {position + 1}"),
                tasks=section.indexes("tasks"),
                key=key,
                file=members.file(section, "path"),
                name=section.text("name"),
                description=_description(section, members),
                where=section.where,
            )
        )
        section.close()
    return tuple(found)


def _phases(top: Section, members: Members) -> tuple[PhaseDraft, ...]:
    """Read the phases, in the order of their ``index`` (0 when missing), which is then forgotten."""
    sections = top.sections("phases", "a list of phases")
    numbered = sorted(((s.whole("index", 0), s) for s in sections), key=lambda pair: pair[0])
    indexes = [index for index, _ in numbered]
    return tuple(_phase(s, members, indexes, i) for i, (_, s) in enumerate(numbered))


def _phase(section: Section, members: Members, indexes: Sequence[int], position: int) -> PhaseDraft:
    is_first = position == 0
    required_phase, requires_entry = extension.requirement(section, indexes, position)
    migrates = section.flag("auto_migrate_to_this_phase", False)
    if migrates and is_first:
        sentence = "No phase comes before the first one; automatic migration was switched off."
        section.report.note(section.at("auto_migrate_to_this_phase"), sentence, NoteKind.CHANGED)
    phase = PhaseDraft(
        name=section.text("name"),
        description=_description(section, members),
        start=_start(section),
        end=section.moment("end"),
        tasks=section.indexes("tasks"),
        max_submissions_per_day=_limit(section, "max_submissions_per_day", 5),
        max_submissions_per_person=_person_limit(section),
        count_failed_submissions=section.flag("count_failed_submissions", False),
        execution_time_limit_s=section.whole("execution_time_limit", 600) or 600,
        auto_migrate_to_this_phase=migrates and not is_first,
        required_phase=required_phase,
        requires_entry=requires_entry,
        is_parallel=section.flag("is_parallel", False),
        leaderboard_index=section.whole("leaderboard_index", 0),
        submission_rule=_rule(section),
        accepts_only_result_submissions=section.flag("accepts_only_result_submissions", False),
        hide_results=section.flag("hide_results", False),
        hide_output=section.flag("hide_output", False),
        hide_prediction_output=section.flag("hide_prediction_output", False),
        hide_score_output=section.flag("hide_score_output", False),
        starting_kit=members.file(section, "starting_kit"),
        public_data=members.file(section, "public_data"),
        where=section.where,
    )
    section.ignore("Solutions belong to tasks; this key was ignored.", "solutions")
    sentence = "A phase has the first leaderboard, or another one by its leaderboard_index."
    section.ignore(sentence, "leaderboard", "leaderboards")
    section.close()
    return phase


def _rule(section: Section) -> SubmissionRule | None:
    if section.get("submission_rule") in (None, ""):
        return None
    return section.choice("submission_rule", SubmissionRule, SubmissionRule.ADD)


def _start(section: Section) -> datetime:
    start = section.moment("start")
    if start is None:
        section.wrong("start", "nothing", A_TIME, TIME_HINT)
    return start or NEVER


def _limit(section: Section, key: str, default: int) -> int:
    """Read a limit: absent means the default, null and 0 mean unlimited."""
    if section.has(key) and section.get(key) is None:
        section.report.note(section.at(key), "Null was read as unlimited.", NoteKind.CONVERTED)
        return 0
    return section.whole(key, default)


def _person_limit(section: Section) -> int:
    short, long = "max_submissions", "max_submissions_per_person"
    if not section.has(long):
        return _limit(section, short, 100)
    limit = _limit(section, long, 100)
    if section.has(short) and _limit(section, short, 100) != limit:
        found = f"{limit}, but another value under {short}"
        section.wrong(long, found, "one of the two keys", _ONE)
    return limit


def _leaderboards(top: Section, used: Collection[int]) -> tuple[LeaderboardDraft, ...]:
    names = [name for name in ("leaderboards", "leaderboard") if top.has(name)]
    if len(names) == 2:
        found = "both leaderboard and leaderboards"
        top.wrong("leaderboard", found, "one of the two keys", _ONE)
    sections = top.sections(names[0], "a list of leaderboards") if names else []
    for position, section in enumerate(sections):
        if position not in used:
            sentence = (
                "Phases have the first leaderboard, or the one that their leaderboard_index names; "
                "this one will stand unused."
            )
            top.report.note(section.path, sentence, NoteKind.CHANGED)
    return tuple(_leaderboard(section) for section in sections)


def _leaderboard(section: Section) -> LeaderboardDraft:
    columns = section.sections("columns", "a list of columns")
    board = LeaderboardDraft(
        title=section.text("title"),
        key=section.text("key"),
        columns=tuple(_column(column, i) for i, column in enumerate(columns)),
        primary_index=section.whole("primary_index", 0),
        hidden=section.flag("hidden", False),
        submission_rule=section.choice("submission_rule", SubmissionRule, SubmissionRule.ADD),
        where=section.where,
    )
    section.has("index")
    section.close()
    return board


def _column(section: Section, position: int) -> ColumnDraft:
    if section.get("index") is None:
        sentence = f"The column has no index; it got its position, {position}."
        section.report.note(section.at("index"), sentence, NoteKind.CONVERTED)
    column = ColumnDraft(
        title=section.text("title"),
        key=section.text("key"),
        index=section.whole("index", position),
        sorting=section.choice("sorting", Sorting, Sorting.DESC),
        computation=_computation(section),
        computation_indexes=_computation_indexes(section),
        computation_weights=_computation_weights(section),
        group=section.text("group"),
        hidden=section.flag("hidden", False),
        precision=section.whole("precision", 2),
        where=section.where,
    )
    section.close()
    return column


def _computation(section: Section) -> Computation | None:
    word = section.text("computation").lower()
    word = _COMPUTATION_ALIASES.get(word, word)
    if not word:
        return None
    if word not in list(Computation):
        expected, hint = " or ".join(Computation), one_of(word, list(Computation))
        section.wrong("computation", f"“{word[:60]}”", expected, hint)
        return None
    return Computation(word)


def _computation_indexes(section: Section) -> tuple[int, ...]:
    found = []
    for path, item in section.items("computation_indexes", "a list such as [0, 1]"):
        if isinstance(item, int) and not isinstance(item, bool):
            found.append(item)
        else:
            hint = "Write the index of one column, without quotes."
            section.report.wrong(path, described(item), "a column index", hint)
    return tuple(found)


def _computation_weights(section: Section) -> tuple[float, ...]:
    found = []
    for path, item in section.items("computation_weights", "a list such as [1, 0.5]"):
        if isinstance(item, int | float) and not isinstance(item, bool):
            found.append(float(item))
        else:
            section.report.wrong(path, described(item), "a number", "Write it without quotes.")
    return tuple(found)
