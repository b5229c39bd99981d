"""A CodaLab bundle as a draft; what it says that means something else here goes to the report.

Source: docs/reference/bundle.md, "CodaLab bundles".
"""

from __future__ import annotations

import dataclasses

from app.bundles.fields import NoteKind, Section
from app.bundles.legacy import boards, phases
from app.bundles.members import Members
from app.competitions import findings
from app.competitions.drafts import (
    CompetitionDraft,
    FactSheetQuestionDraft,
    PageDraft,
    Problem,
    QuestionType,
    SubmissionRule,
)

KEYS = {
    "name": "label", "tasks": "", "leaderboards": "leaderboard", "start": "start_date", "end": "start_date",
    "computation": "computed.operation", "computation_indexes": "computed.fields",
    "computation_weights": "computed.weights", "precision": "numeric_format",
    "docker_image": "competition_docker_image",
}  # fmt: skip
"""How CodaLab calls what a draft calls otherwise; its tasks are those of its phases."""
_NO_TEAMS = "There are no teams here; people submit for themselves."
_NO_EQUIVALENT = {
    "anonymous_leaderboard": "Leaderboards here name the participants. Where nobody may be named, "
    "hide the leaderboard or the results of a phase.",
    "allow_teams": _NO_TEAMS,
    "enable_teams": _NO_TEAMS,
    "require_team_approval": _NO_TEAMS,
    "allow_organizer_teams": _NO_TEAMS,
    "enable_medical_image_viewer": "There is no viewer of medical images here.",
    "hide_top_three": "Leaderboards here are shown whole or not at all.",
    "hide_chart": "There is no chart of all submissions here, so none to hide.",
    "url_redirect": "A benchmark here does not lead elsewhere.",
}
_AFTERWARDS = "A bundle cannot set this; set it on the benchmark's own pages after the import."
_METADATA = {
    "team_name": "Team name",
    "organization_or_affiliation": "Organization or affiliation",
    "method_name": "Method name",
    "method_description": "Method description",
    "project_url": "Project URL",
    "publication_url": "Publication URL",
    "bibtex": "BibTeX",
}
"""What CodaLab asked with each submission where ``enable_per_submission_metadata`` was on."""


def read(top: Section, members: Members) -> CompetitionDraft:
    """Read the whole manifest; what cannot be read is reported and left at its default."""
    said = top.text("version")
    found = f"version {said}" if said else "no version and no tasks"
    sentence = f"Found {found}: the bundle was read as one of CodaLab, version 1.5."
    top.note("version", sentence, NoteKind.CONVERTED)
    logo = members.logo(top, "image")
    if top.get("image") is None:
        sentence = "The bundle names no image; the benchmark has no logo."
        top.note("image", sentence, NoteKind.CHANGED)
    rule = _rule(top)
    schedule = phases.read(top, members, rule)
    pages, terms, terms_is_html = _texts(top, members)
    draft = CompetitionDraft(
        title=top.text("title"),
        description=top.text("description"),
        image_png=logo.png if logo else b"",
        icon_png=logo.icon if logo else b"",
        terms=terms,
        terms_is_html=terms_is_html,
        docker_image=_image(top),
        queue=top.text("queue"),
        registration_auto_approve=_registration(top),
        enable_detailed_results=top.flag("enable_detailed_results", False),
        show_detailed_results_in_submission_panel=top.flag(
            "show_detailed_results_in_submission_panel", True
        ),
        show_detailed_results_in_leaderboard=top.flag("show_detailed_results_in_leaderboard", True),
        show_scoring_logs=_scoring_logs(top),
        auto_run_submissions=top.flag("auto_run_submissions", True),
        can_participants_make_submissions_public=_sharing(top),
        make_programs_available=top.flag("make_programs_available", False),
        make_input_data_available=top.flag("make_input_data_available", False),
        forum_enabled=_forum(top),
        reward=top.text("reward"),
        contact_email=top.text("contact_email"),
        fact_sheet=_metadata(top),
        pages=(*pages, *schedule.links),
        tasks=schedule.tasks,
        phases=schedule.phases,
        leaderboards=boards.read(top, rule),
    )
    _rest(top, members)
    return draft


def reworded(problem: Problem, draft: CompetitionDraft) -> Problem:
    """Say that a phase ends before it starts by what CodaLab has: no ends, but the next start."""
    for position, phase in enumerate(draft.phases):
        if problem.where != f"{phase.where}.end" or phase.end is None or phase.end > phase.start:
            continue
        own = f"phase {position + 1}"
        later = enumerate(draft.phases[position + 1 :], position + 2)
        other = next(((n, one) for n, one in later if one.start == phase.end), None)
        if other is None:
            sentence = f"The end of {own} is {problem.found}; expected {problem.expected}."
            hint = f"Move end_date, or the start_date of {own}."
            return dataclasses.replace(problem, where="end_date", sentence=sentence, hint=hint)
        number, following = other
        expected = f"a time after phase {position + 1} begins, {findings.time(phase.start)}"
        sentence = (
            f"Phase {number} begins, and {own} ends, at {problem.found}; expected {expected}."
        )
        hint = f"Correct the start_date of phase {number} or {position + 1}, or their phasenumber."
        where = f"{following.where}.start_date"
        return Problem(where, problem.found, expected, sentence, hint)
    return problem


def _rule(top: Section) -> SubmissionRule:
    """Return who puts what on the board; on CodaLab at most one submission of each person stood."""
    force, fixed = "force_submission_to_leaderboard", "disallow_leaderboard_modifying"
    is_fixed = top.flag(fixed, False)
    if top.flag(force, False):
        sentence = "The latest finished submission of each participant stands on the leaderboard."
        top.note(force, sentence, NoteKind.CONVERTED)
        if not is_fixed:
            sentence = "Participants could put another one there on CodaLab; here they cannot."
            top.note(force, sentence, NoteKind.CHANGED)
        elif top.has(fixed):
            top.note(fixed, "Participants do not change the leaderboard.", NoteKind.CONVERTED)
        return SubmissionRule.FORCE_LAST
    if is_fixed:
        sentence = (
            "On CodaLab organizers alone put submissions on the leaderboard. Here participants put "
            "one there, which they can replace and not take off."
        )
        top.note(fixed, sentence, NoteKind.CHANGED)
        return SubmissionRule.ADD
    sentence = "As on CodaLab, participants choose what stands on the leaderboard, at most one."
    top.note("leaderboard", sentence, NoteKind.CONVERTED)
    return SubmissionRule.ADD_AND_DELETE


def _registration(top: Section) -> bool:
    key = "has_registration"
    if top.get(key) is None:
        sentence = "It is not given; as on CodaLab, whoever registers takes part at once."
        top.note(key, sentence, NoteKind.CONVERTED)
        return True
    is_asked = top.flag(key, False)
    sentence = "Organizers approve participants." if is_asked else "Nobody waits for approval."
    top.note(key, sentence, NoteKind.CONVERTED)
    return not is_asked


def _sharing(top: Section) -> bool:
    key = "allow_public_submissions"
    is_allowed = top.flag(key, False)
    given = "It is not given; as on CodaLab," if top.get(key) is None else "As on CodaLab,"
    may = "may" if is_allowed else "may not"
    sentence = f"{given} participants {may} make their submissions public."
    top.note(key, sentence, NoteKind.CONVERTED)
    return is_allowed


def _scoring_logs(top: Section) -> bool:
    key = "show_scoring_logs"
    are_shown = top.flag(key, False)
    if not are_shown:
        sentence = (
            "Participants do not see what the scoring program prints, which may quote the reference "
            "data. For them to learn what is wrong with a file of theirs, let the program write that "
            f"into submission_error.txt in $output, or import again with {key}: true."
        )
        top.note(key, sentence, NoteKind.CHANGED)
    return are_shown


def _forum(top: Section) -> bool:
    is_enabled = top.flag("enable_forum", True)
    if top.has("enable_forum"):
        sentence = f"It became forum_enabled: {'true' if is_enabled else 'false'}."
        top.note("enable_forum", sentence, NoteKind.CONVERTED)
    return is_enabled


def _image(top: Section) -> str:
    image = top.text("competition_docker_image") or top.text("docker_image")
    if not image:
        sentence = "No container image is named; programs run in this site's default image."
        top.note("competition_docker_image", sentence, NoteKind.CHANGED)
    return image


def _texts(top: Section, members: Members) -> tuple[list[PageDraft], str, bool]:
    """Read the pages in their order, and the terms among them."""
    section = top.section("html", "a mapping of names to files") or Section({}, (), top.report)
    pages, terms, terms_is_html = [], "", False
    for name in section.value:
        content, is_html = members.text(section, name)
        if name.lower() == "terms":
            terms, terms_is_html = content, is_html
            if content:
                sentence = "This page became the terms that participants accept."
                section.note(name, sentence, NoteKind.CONVERTED)
        elif content.strip():
            where = f"{section.where}.{name}"
            pages.append(PageDraft(title=name, content=content, is_html=is_html, where=where))
        else:
            section.note(name, "The page has no text; it was left out.", NoteKind.CHANGED)
    if not terms:
        sentence = "The bundle has no terms; nobody has to accept any."
        top.note("html", sentence, NoteKind.CHANGED)
    return pages, terms, terms_is_html


def _metadata(top: Section) -> tuple[FactSheetQuestionDraft, ...]:
    key = "enable_per_submission_metadata"
    if not top.flag(key, False):
        return ()
    sentence = "What CodaLab asked with each submission became questions of the fact sheet."
    top.note(key, sentence, NoteKind.CONVERTED)
    return tuple(
        FactSheetQuestionDraft(key=name, type=QuestionType.TEXT, title=title)
        for name, title in _METADATA.items()
    )


def _names(top: Section, key: str) -> list[str]:
    """Return names that are a list, or stand in a text with commas between."""
    value = top.get(key)
    names = value if isinstance(value, list) else str(value or "").split(",")
    return [text for name in names if (text := str(name).strip()[:60])]


def _rest(top: Section, members: Members) -> None:
    """Report what is left: no equivalent, set elsewhere, unknown."""
    top.miss(_NO_EQUIVALENT)
    if names := _names(top, "admin_names"):
        sentence = (
            "A benchmark here has one organizer, its owner. Not made organizers: "
            f"{findings.listed(names)}."
        )
        top.note("admin_names", sentence, NoteKind.NO_EQUIVALENT)
    top.ignore("A benchmark begins with its first phase.", "start_date")
    top.ignore(_AFTERWARDS, "published", "secret_key", "collaborators", "allow_robot_submissions")
    folder = f"{members.root}/assets" if members.root else "assets"
    if files := members.archive.files(folder):
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        sentence = (
            f"The folder “assets” has {count}; pages cannot show files of the bundle, "
            f"and those that refer to it show gaps."
        )
        top.report.note((), sentence, NoteKind.NO_EQUIVALENT)
    top.close()
