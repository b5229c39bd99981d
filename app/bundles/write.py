"""A draft as the texts of a bundle: the inverse of :mod:`manifest`, and as pure.

Every setting is written, also one that has its default: the defaults of others may differ.

Source: docs/reference/bundle.md.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import yaml

from app.bundles.extension import KEY, Required
from app.bundles.read import MANIFEST
from app.competitions import building
from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    FactSheetQuestionDraft,
    FileRef,
    LeaderboardDraft,
    PhaseDraft,
    SolutionDraft,
    TaskDraft,
)
from app.platform import strictyaml

_SLUG_CHARS = 40
_ENDING = re.compile(r"\.[a-z0-9]{1,8}")
_LONG_BYTES = 100
_MARK = "\ufeff"
_ODD = re.compile("[\x85\u2028\u2029]|[ \t]\n|^\\s|[ \t]$")
"""What the block style of YAML would change, and what it would only show badly."""


class TooLong(ValueError):
    """The draft has more text than one ``competition.yaml`` may hold."""


def texts(draft: CompetitionDraft) -> dict[str, bytes]:
    """Return the members that a draft is written to: the YAML, terms, pages and the logo.

    Descriptions stand in the YAML, or in texts of their own where that would be too long to read.

    Raises:
        TooLong: it is too long for all that.
    """
    written = _Written(draft)
    document = _yaml(written.document())
    if len(document) > strictyaml.MAX_BYTES:
        written = _Written(draft, inline_bytes=_LONG_BYTES)
        document = _yaml(written.document())
    if len(document) > strictyaml.MAX_BYTES:
        raise TooLong(f"{len(document)} bytes")
    return {MANIFEST: document, **written.members}


def with_members(
    draft: CompetitionDraft, names: Mapping[UUID, str]
) -> tuple[CompetitionDraft, dict[str, UUID]]:
    """Give the stored files of a draft readable places in a zip, each file one.

    Args:
        names: what the files to carry are called where they are stored; files that are not among
            them stay named by key.

    Returns:
        (draft, members): the draft that names the places; the keys of the files by their place.
    """
    places: dict[UUID, str] = {}
    for mention, where in zip(building.wanted(draft), _places(draft), strict=True):
        key = mention.ref.key
        if key in names and key is not None and key not in places:
            places[key] = f"{where}{_ending(names[key])}"

    def moved(ref: FileRef | None) -> FileRef | None:
        known = places.get(ref.key) if ref and ref.key else None
        return FileRef(member=known) if known else ref

    changed = dataclasses.replace(
        draft,
        tasks=tuple(
            dataclasses.replace(
                task, scoring_program=moved(task.scoring_program),
                ingestion_program=moved(task.ingestion_program),
                input_data=moved(task.input_data), reference_data=moved(task.reference_data),
            )
            for task in draft.tasks
        ),
        solutions=tuple(dataclasses.replace(s, file=moved(s.file)) for s in draft.solutions),
        phases=tuple(
            dataclasses.replace(
                phase, starting_kit=moved(phase.starting_kit), public_data=moved(phase.public_data)
            )
            for phase in draft.phases
        ),
    )  # fmt: skip
    return changed, {place: key for key, place in places.items()}


def slug(name: str, fallback: str = "") -> str:
    """Return a name as a piece of a path: small Latin letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_CHARS].strip("-") or fallback


def _places(draft: CompetitionDraft) -> Iterator[str]:
    """Return a place without ending for each mention that :func:`building.wanted` lists."""
    files = ("scoring_program", "ingestion_program", "input_data", "reference_data")
    for position, task in enumerate(draft.tasks):
        folder = _numbered("tasks", position, task.name)
        yield from (f"{folder}/{name}" for name in files if getattr(task, name))
    for position, solution in enumerate(draft.solutions):
        if solution.file:
            yield _numbered("solutions", position, solution.name)
    for position, phase in enumerate(draft.phases):
        folder = _numbered("phases", position, phase.name)
        yield from (f"{folder}/{n}" for n in ("starting_kit", "public_data") if getattr(phase, n))


def _numbered(folder: str, position: int, name: str) -> str:
    return f"{folder}/{position + 1}-{slug(name)}".rstrip("-")


def _ending(file_name: str) -> str:
    ending = PurePosixPath(file_name.lower()).suffix
    return ending if _ENDING.fullmatch(ending) else ".bin"


class _Written:
    """One draft on its way to YAML; the texts that stand beside it gather in ``members``."""

    def __init__(self, draft: CompetitionDraft, inline_bytes: int | None = None) -> None:
        self._draft = draft
        self._inline_bytes = inline_bytes
        self.members: dict[str, bytes] = {}

    def document(self) -> dict[str, Any]:
        draft = self._draft
        found: dict[str, Any] = {"version": 2, "title": draft.title}
        found |= self._description(draft.description, "texts/description")
        if draft.image_png:
            found["image"] = self._add("logo.png", draft.image_png)
        if draft.terms or draft.terms_is_html:
            found["terms"] = self._text("terms", draft.terms, is_html=draft.terms_is_html)
        found |= {"competition_type": draft.competition_type.value}
        found |= {name: getattr(draft, name) for name in _PLAIN}
        found |= {
            name: value for name in ("docker_image", "queue") if (value := getattr(draft, name))
        }
        found["fact_sheet"] = {one.key: _question(one) for one in draft.fact_sheet}
        found["pages"] = [
            {
                "title": page.title,
                "file": self._text(
                    _numbered("pages", i, page.title), page.content, is_html=page.is_html
                ),
            }
            for i, page in enumerate(draft.pages)
        ]
        found["tasks"] = [self._task(task, i) for i, task in enumerate(draft.tasks)]
        found["solutions"] = [self._solution(one, i) for i, one in enumerate(draft.solutions)]
        found["phases"] = [self._phase(phase, i) for i, phase in enumerate(draft.phases)]
        found["leaderboards"] = [_board(board) for board in draft.leaderboards]
        return found

    def _add(self, member: str, content: bytes) -> str:
        self.members[member] = content
        return member

    def _text(self, stem: str, content: str, *, is_html: bool) -> str:
        mark = _MARK if content.startswith(_MARK) else ""  # one mark would be taken for the file's
        return self._add(f"{stem}.{'html' if is_html else 'md'}", f"{mark}{content}".encode())

    def _description(self, content: str, stem: str) -> dict[str, str]:
        limit = self._inline_bytes
        if limit is None or len(content.encode()) <= limit:
            return {"description": content}
        return {"description_file": self._text(stem, content, is_html=False)}

    def _task(self, task: TaskDraft, position: int) -> dict[str, Any]:
        if task.key is not None:
            return {"index": task.index, "key": str(task.key), "name": task.name}
        found: dict[str, Any] = {"index": task.index, "name": task.name}
        found |= self._description(task.description, _numbered("texts/tasks", position, task.name))
        for name in ("scoring_program", "ingestion_program", "input_data", "reference_data"):
            found |= _file(name, getattr(task, name))
        return found | {"ingestion_only_during_scoring": task.ingestion_only_during_scoring}

    def _solution(self, solution: SolutionDraft, position: int) -> dict[str, Any]:
        found: dict[str, Any] = {"index": solution.index, "name": solution.name}
        stem = _numbered("texts/solutions", position, solution.name)
        found |= self._description(solution.description, stem)
        found |= {"tasks": list(solution.tasks), **_file("path", solution.file)}
        return found | ({"key": str(solution.key)} if solution.key else {})

    def _phase(self, phase: PhaseDraft, position: int) -> dict[str, Any]:
        found: dict[str, Any] = {"index": position, "name": phase.name}
        found |= self._description(
            phase.description, _numbered("texts/phases", position, phase.name)
        )
        found["start"] = _time(phase.start)
        if phase.end is not None:
            found["end"] = _time(phase.end)
        found |= {"tasks": list(phase.tasks)}
        found |= {key: getattr(phase, name) for key, name in _OF_PHASES.items()}
        if phase.leaderboard_index:
            found["leaderboard_index"] = phase.leaderboard_index
        if phase.submission_rule is not None:
            found["submission_rule"] = phase.submission_rule.value
        for name in ("starting_kit", "public_data"):
            found |= _file(name, getattr(phase, name))
        if phase.required_phase is not None:
            what = Required.ENTRY if phase.requires_entry else Required.FINISHED
            requires = {"phase": phase.required_phase, "submission": what.value}
            found[KEY] = {"requires": requires}
        return found


_PLAIN = (
    "registration_auto_approve", "enable_detailed_results",
    "show_detailed_results_in_submission_panel", "show_detailed_results_in_leaderboard",
    "show_scoring_logs", "auto_run_submissions", "can_participants_make_submissions_public",
    "make_programs_available", "make_input_data_available", "forum_enabled", "reward",
    "contact_email",
)  # fmt: skip
_OF_PHASES = {
    "max_submissions_per_day": "max_submissions_per_day",
    "max_submissions": "max_submissions_per_person",
    "count_failed_submissions": "count_failed_submissions",
    "execution_time_limit": "execution_time_limit_s",
    "auto_migrate_to_this_phase": "auto_migrate_to_this_phase",
    "is_parallel": "is_parallel",
    "accepts_only_result_submissions": "accepts_only_result_submissions",
    "hide_results": "hide_results",
    "hide_output": "hide_output",
    "hide_prediction_output": "hide_prediction_output",
    "hide_score_output": "hide_score_output",
}


def _file(name: str, ref: FileRef | None) -> dict[str, str]:
    if ref is None:
        return {}
    return {name: str(ref.key) if ref.key else ref.member}


def _time(moment: datetime) -> str:
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{plain.isoformat(timespec='microseconds' if plain.microsecond else 'seconds')}Z"


def _question(question: FactSheetQuestionDraft) -> dict[str, Any]:
    return {
        "key": question.key,
        "type": question.type.value,
        "title": question.title,
        "selection": list(question.selection),
        "is_required": question.is_required,
        "is_on_leaderboard": question.is_on_leaderboard,
    }


def _board(board: LeaderboardDraft) -> dict[str, Any]:
    return {
        "title": board.title,
        "key": board.key,
        "primary_index": board.primary_index,
        "hidden": board.hidden,
        "submission_rule": board.submission_rule.value,
        "columns": [_column(column) for column in board.columns],
    }


def _column(column: ColumnDraft) -> dict[str, Any]:
    found: dict[str, Any] = {"index": column.index, "title": column.title, "key": column.key}
    found |= {"sorting": column.sorting.value, "precision": column.precision}
    found |= {"hidden": column.hidden}
    if column.computation is not None:
        found["computation"] = column.computation.value
        found["computation_indexes"] = list(column.computation_indexes)
    if column.computation_weights:
        found["computation_weights"] = list(column.computation_weights)
    return found | ({"group": column.group} if column.group else {})


class _Dumper(yaml.SafeDumper):
    """Writes texts so that they read back as they were, long ones line by line."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _scalar(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _ODD.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _scalar)


def _yaml(document: Mapping[str, Any]) -> bytes:
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31
    )
    return text.encode()
