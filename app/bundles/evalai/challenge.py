"""A challenge of EvalAI as a draft; every key is in it, or the report names it.

Source: docs/reference/bundle.md, "EvalAI challenges".
"""

from __future__ import annotations

from collections.abc import Sequence

from app.bundles.evalai import boards, phases, scripts
from app.bundles.evalai.phases import Script
from app.bundles.fields import NoteKind, Section
from app.bundles.members import Members
from app.competitions.drafts import (
    CompetitionDraft,
    FactSheetQuestionDraft,
    PageDraft,
    QuestionType,
)
from app.competitions.validity import MAX_REWARD

MANIFESTS = ("challenge_config.yaml", "challenge_config.yml")

_PAGES = {
    "description": "Overview",
    "evaluation_details": "Evaluation",
    "submission_guidelines": "Submission guidelines",
    "leaderboard_description": "Leaderboard",
}
_MODE = "Here submitted files are scored by the evaluation script on a worker, and nothing else."
_NO_TEAMS = "There are no teams here; people submit for themselves."
_BY_HAND = "Organizers approve or decline each person; no list does it."
_CLOUD = "Machines are not rented by a benchmark: they belong to its queue."
_NO_EQUIVALENT = {
    "remote_evaluation": _MODE,
    "is_docker_based": _MODE,
    "is_static_dataset_code_upload": _MODE,
    "tags": "Benchmarks have no tags.",
    "domain": "Benchmarks have no domain.",
    "sponsors": "There is no list of sponsors; name them on a page.",
    "forum_url": "The forum is a part of the benchmark, and not elsewhere.",
    "anonymous_leaderboard": "Leaderboards here name the participants.",
    "allowed_email_domains": _BY_HAND,
    "blocked_email_domains": _BY_HAND,
    "banned_email_ids": _BY_HAND,
    "require_complete_profile": "Profiles have no fields that must be filled in.",
    "max_team_members": _NO_TEAMS,
    "allow_resuming_submissions": "A run that a machine loses is run again by itself.",
    "allow_host_cancel_submissions": "Organizers may always cancel.",
    "allow_cancel_running_submissions": "People may always cancel what they submitted.",
    "allow_participants_resubmissions": "Organizers run submissions again.",
    "max_docker_image_size": "Nobody submits container images here.",
    **dict.fromkeys(
        (
            "vpc_cidr", "subnet_1_cidr", "subnet_2_cidr", "worker_instance_type", "worker_ami_type",
            "worker_disk_size", "min_worker_instance", "max_worker_instance",
            "desired_worker_instance", "cpu_only_jobs", "job_cpu_cores", "job_memory",
            "use_host_credentials", "use_host_sqs", "aws_account_id", "aws_region",
        ),
        _CLOUD,
    ),
}  # fmt: skip
_ELSEWHERE = "It means nothing away from EvalAI."
_IGNORED = (
    "cli_version", "challenge_usage_type", "slug", "github_repository", "github_branch",
    "github_url", "id", "config_id",
)  # fmt: skip
KEYS = {
    "tasks": "", "phases": "challenge_phases",
    "leaderboards": "challenge_phase_splits", "start": "start_date", "end": "end_date",
    "description": "/short_description", "docker_image": "worker_image_url",
    "scoring_program": "/evaluation_script", "precision": "leaderboard_decimal_precision",
}  # fmt: skip
"""How EvalAI calls what a draft calls otherwise; a slash leads to the top, and nothing to nothing."""
_KINDS = {
    "text": QuestionType.TEXT,
    "boolean": QuestionType.CHECKBOX,
    "radio": QuestionType.SELECT,
    "checkbox": QuestionType.TEXT,
}


def read(top: Section, members: Members) -> CompetitionDraft:
    """Read the whole configuration; what cannot be read is reported and left at its default."""
    top.report.note((), "The zip was read as a challenge of EvalAI.", NoteKind.CONVERTED)
    logo = members.logo(top, "image")
    terms, terms_is_html = members.text(top, "terms_and_conditions")
    sections = top.sections("challenge_phases", "a list of phases")
    questions = _questions(top, sections)
    hides = [one.flag("disable_logs", False) for one in sections]  # of each, so that each is read
    shows_logs = True not in hides
    splits = boards.splits(top)
    schedule = phases.read(top, sections, members, _script(top, members), splits)
    draft = CompetitionDraft(
        title=top.text("title"), description=top.text("short_description"),
        image_png=logo.png if logo else b"", icon_png=logo.icon if logo else b"",
        terms=terms, terms_is_html=terms_is_html, docker_image=_image(top),
        registration_auto_approve=True, enable_detailed_results=True,
        show_detailed_results_in_leaderboard=False, show_scoring_logs=shows_logs,
        forum_enabled=top.flag("enable_forum", True), reward=_reward(top), fact_sheet=questions,
        pages=(*_pages(top, members), *schedule.pages), tasks=schedule.tasks,
        phases=schedule.phases, leaderboards=boards.board(top, splits),
    )  # fmt: skip
    _rest(top, shows_logs)
    return draft


def _script(top: Section, members: Members) -> Script | None:
    file = members.program(top, "evaluation_script")
    if file is None or not file.member:
        return None
    found, unread = scripts.installs(members, file)
    if found:
        sentence = (
            f"It installs packages ({'; '.join(found[:5])}), and programs have no network here. "
            "It is stored but will not be run: take that out of it, name an image that has the "
            "packages under worker_image_url, and import again."
        )
        top.note("evaluation_script", sentence, NoteKind.CHANGED)
    if unread:
        sentence = f"These files are no Python 3, and may not run: {', '.join(unread[:5])}."
        top.note("evaluation_script", sentence, NoteKind.CHANGED)
    sentence = (
        "It runs unmodified in a container. People submit a zip that holds the file which the "
        "script expects; a script that expects a zip gets one of everything in it."
    )
    top.note("evaluation_script", sentence, NoteKind.CONVERTED)
    sentence = (
        "evaluate() is not told who submitted: these entries of submission_metadata are None. Error "
        "bars that it returns are printed to the log, and are on no leaderboard."
    )
    top.note("evaluation_script", sentence, NoteKind.CHANGED)
    return Script(file, found)


def _image(top: Section) -> str:
    image = top.text("worker_image_url")
    if image:
        top.note("worker_image_url", "Programs run in this image.", NoteKind.CONVERTED)
    else:
        sentence = "No image is named; programs run in this site's default image."
        top.note("worker_image_url", sentence, NoteKind.CHANGED)
    return image


def _pages(top: Section, members: Members) -> list[PageDraft]:
    pages = []
    for key, title in _PAGES.items():
        text, is_html = members.text(top, key)
        if text.strip():
            pages.append(PageDraft(title=title, content=text, is_html=is_html, where=key))
    return pages


def _reward(top: Section) -> str:
    prizes = []
    for one in top.sections("prizes", "a list of prizes"):
        prizes.append((one.whole("rank", 0), one.text("amount"), one.text("description")))
        one.close()
    if not prizes:
        return ""
    listed = [
        f"{rank}: {' '.join((amount, text)).strip()}" for rank, amount, text in sorted(prizes)
    ]
    reward = "; ".join(listed)
    if len(reward) > MAX_REWARD:
        sentence = f"The prizes take more than {MAX_REWARD} characters; what is beyond was cut off."
        top.note("prizes", sentence, NoteKind.CHANGED)
    else:
        top.note("prizes", "They became the reward.", NoteKind.CONVERTED)
    return reward[:MAX_REWARD]


def _questions(top: Section, sections: Sequence[Section]) -> tuple[FactSheetQuestionDraft, ...]:
    """Read what is asked with each submission; here it is asked in all phases."""
    found: dict[str, FactSheetQuestionDraft] = {}
    for phase in sections:
        own = "default_submission_meta_attributes"
        for one in phase.sections(own, "a list of attributes"):
            name, is_visible = one.text("name"), one.flag("is_visible", True)
            one.get("description")
            one.close()
            if is_visible:
                title = name.replace("_", " ").capitalize()
                kind = QuestionType.TEXT
                found.setdefault(name, FactSheetQuestionDraft(key=name, type=kind, title=title))
        for one in phase.sections("submission_meta_attributes", "a list of attributes"):
            question = _question(one)
            found.setdefault(question.key, question)
    if found:
        sentence = "What is asked with each submission became questions of the fact sheet."
        top.note("challenge_phases", sentence, NoteKind.CONVERTED)
    return tuple(found.values())


def _question(section: Section) -> FactSheetQuestionDraft:
    name, asked = section.text("name"), section.text("type")
    kind = _KINDS.get(asked, QuestionType.TEXT)
    if asked == "checkbox" or asked not in _KINDS:
        sentence = f"A question of type “{asked}” is answered with text here."
        section.note("type", sentence, NoteKind.CHANGED)
    choices = tuple(
        section.report.written(path, one)
        for path, one in section.items("options", "a list of choices")
        if one is not None and not isinstance(one, list | dict)
    )
    question = FactSheetQuestionDraft(
        key=name, type=kind, title=section.text("description") or name,
        selection=choices if kind is QuestionType.SELECT else (),
        is_required=section.flag("required", False), where=section.where,
    )  # fmt: skip
    section.close()
    return question


def _rest(top: Section, shows_logs: bool) -> None:
    """Report what is left: no equivalent, set elsewhere, unknown."""
    if not shows_logs:
        sentence = "Participants read no scoring log; this holds for all phases."
        top.note("challenge_phases", sentence, NoteKind.CHANGED)
    if not top.flag("is_registration_open", True):
        sentence = "Registration cannot be closed; everybody who registers takes part."
        top.note("is_registration_open", sentence, NoteKind.NO_EQUIVALENT)
    top.ignore("A benchmark lasts as long as its phases.", "start_date", "end_date")
    top.ignore("Publish the benchmark after the import.", "published")
    top.ignore(_ELSEWHERE, *_IGNORED)
    top.miss(_NO_EQUIVALENT)
    top.close()
