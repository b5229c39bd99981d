"""Valid drafts of every kind, for round trips: whatever ``problems`` accepts, as far as it matters."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    CompetitionType,
    Computation,
    FactSheetQuestionDraft,
    FileRef,
    LeaderboardDraft,
    PageDraft,
    PhaseDraft,
    QuestionType,
    SolutionDraft,
    Sorting,
    SubmissionRule,
    TaskDraft,
    TaskIndex,
)
from app.platform.images import Logo, logo
from tests.bundles.bundle_factories import png

T = TypeVar("T")
FILES = tuple(FileRef(member=f"files/{name}.zip") for name in "abcdef")
LOGO: Logo = logo(png((640, 320)))
_TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_PLAIN = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"])
_AWKWARD = st.sampled_from(
    [
        "yes",
        "~",
        "1.10",
        "007",
        "2030-01-01",
        "- a",
        "a: b",
        "#",
        "'",
        '"',
        "<<",
        "=",
        " x ",
        "a\n b\n",
    ]
)
_ONE = st.just("A title") | _AWKWARD
names = (_ONE | st.text(_TEXT, min_size=1, max_size=20)).filter(lambda text: text.strip() != "")
keys = st.text(_PLAIN, min_size=1, max_size=12) | st.sampled_from(["yes", "1", "null", "<<", "a b"])
texts = st.just("") | _AWKWARD | st.text(_TEXT, max_size=200)
refs = st.sampled_from(FILES)
rules = st.sampled_from(SubmissionRule)


def _few(items: SearchStrategy[T], most: int = 3, least: int = 0) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def _flags(kind: Any, *but: str) -> SearchStrategy[dict[str, Any]]:
    """Draw every boolean of a draft class, those of later versions included."""
    own = [field.name for field in dataclasses.fields(kind) if field.type in ("bool", bool)]
    return st.fixed_dictionaries({name: st.booleans() for name in own if name not in but})


pages = st.builds(
    PageDraft,
    title=names,
    content=st.text(_TEXT, min_size=1, max_size=100).filter(lambda text: text.strip() != ""),
    is_html=st.booleans(),
)


@st.composite
def tasks(draw: DrawFn, index: TaskIndex) -> TaskDraft:
    ingestion = draw(st.none() | refs)
    return TaskDraft(
        index=index,
        name=draw(names),
        description=draw(texts),
        scoring_program=draw(refs),
        ingestion_program=ingestion,
        input_data=draw(st.none() | refs),
        reference_data=draw(st.none() | refs),
        ingestion_only_during_scoring=ingestion is not None and draw(st.booleans()),
    )


@st.composite
def questions(draw: DrawFn, key: str) -> FactSheetQuestionDraft:
    kind = draw(st.sampled_from(QuestionType))
    choices = st.lists(keys | st.just(""), min_size=1, max_size=4, unique=True).filter(any)
    return FactSheetQuestionDraft(
        key=key,
        type=kind,
        title=draw(names),
        selection=tuple(draw(choices)) if kind is QuestionType.SELECT else (),
        **draw(_flags(FactSheetQuestionDraft)),
    )


@st.composite
def boards(draw: DrawFn) -> LeaderboardDraft:
    indexes = draw(st.lists(st.integers(-3, 30), min_size=1, max_size=5, unique=True))
    own_keys = draw(st.lists(keys, min_size=len(indexes), max_size=len(indexes), unique=True))
    columns = []
    for position, (index, key) in enumerate(zip(sorted(indexes), own_keys, strict=True)):
        computed: dict[str, Any] = {}
        if position and draw(st.booleans()):
            before = tuple(sorted(indexes)[:position])
            how = draw(st.sampled_from(Computation))
            computed = {"computation": how, "computation_indexes": before}
            if how.is_mean and draw(st.booleans()):
                weight = st.floats(0.001, 1_000_000)
                computed["computation_weights"] = tuple(draw(weight) for _ in before)
        columns.append(
            ColumnDraft(
                title=draw(names),
                key=key,
                index=index,
                sorting=draw(st.sampled_from(Sorting)),
                group=draw(st.just("") | names),
                hidden=draw(st.booleans()),
                precision=draw(st.integers(0, 10)),
                **computed,
            )
        )
    return LeaderboardDraft(
        title=draw(names),
        key=draw(keys),
        columns=tuple(columns),
        primary_index=draw(st.sampled_from(indexes)),
        hidden=draw(st.booleans()),
        submission_rule=draw(rules),
    )


def _after(draw: DrawFn, moment: datetime) -> datetime:
    micro = draw(st.sampled_from([0, 1, 120_000]))
    return moment + timedelta(seconds=draw(st.integers(1, 90_000)), microseconds=micro)


@st.composite
def phases(draw: DrawFn, indexes: tuple[TaskIndex, ...], boards: int) -> tuple[PhaseDraft, ...]:
    count = draw(st.integers(1, 4))
    at = datetime(2030, 1, 1, tzinfo=UTC)
    found: list[PhaseDraft] = []
    for position in range(count):
        start = draw(st.just(at) | st.just(_after(draw, at)))
        at = _after(draw, start)
        is_last = position == count - 1
        required = draw(st.none() | st.integers(0, position - 1)) if position else None
        used = draw(st.permutations(indexes))[: draw(st.integers(1, len(indexes)))]
        flags = draw(
            _flags(PhaseDraft, "auto_migrate_to_this_phase", "is_parallel", "requires_entry")
        )
        is_parallel = bool(position) and draw(st.booleans())
        in_first_step = all(one.is_parallel for one in found[1:]) and is_parallel
        found.append(
            PhaseDraft(
                name=draw(names),
                description=draw(texts),
                start=start,
                end=None if is_last and draw(st.booleans()) else at,
                tasks=tuple(used),
                max_submissions_per_day=draw(st.integers(0, 9)),
                max_submissions_per_person=draw(st.integers(0, 99)),
                execution_time_limit_s=draw(st.integers(1, 7000)),
                auto_migrate_to_this_phase=bool(position)
                and not in_first_step
                and draw(st.booleans()),
                required_phase=required,
                requires_entry=required is not None and draw(st.booleans()),
                is_parallel=is_parallel,
                leaderboard_index=draw(st.integers(0, boards - 1)),
                submission_rule=draw(st.none() | rules),
                starting_kit=draw(st.none() | refs),
                public_data=draw(st.none() | refs),
                **flags,
            )
        )
    return tuple(found)


@st.composite
def drafts(draw: DrawFn) -> CompetitionDraft:
    """Draw a whole benchmark; ``problems`` finds nothing wrong with it."""
    numbers = st.integers(-5, 900) | st.from_regex(r"\A[a-z][a-z ]{0,5}[a-z]\Z")
    indexes = tuple(draw(st.lists(numbers, min_size=1, max_size=4, unique=True)))
    terms = draw(texts)
    has_logo = draw(st.booleans())
    solutions = tuple(
        SolutionDraft(
            index=position,
            tasks=tuple(
                draw(st.lists(st.sampled_from(indexes), min_size=1, max_size=3, unique=True))
            ),
            file=draw(refs),
            name=draw(st.just("") | names),
            description=draw(texts),
        )
        for position in range(draw(st.integers(0, 3)))
    )
    flags = draw(_flags(CompetitionDraft, "terms_is_html"))
    own_boards = (draw(boards()), *draw(_few(boards(), 1)))
    return CompetitionDraft(
        title=draw(names),
        description=draw(texts),
        image_png=LOGO.png if has_logo else b"",
        icon_png=LOGO.icon if has_logo else b"",
        terms=terms,
        terms_is_html=bool(terms) and draw(st.booleans()),
        competition_type=draw(st.sampled_from(CompetitionType)),
        docker_image=draw(st.sampled_from(["", "python:3.11-slim", "a.example/b@sha256:0"])),
        reward=draw(texts)[:200],
        contact_email=draw(st.sampled_from(["", "olga@example.org"])),
        fact_sheet=tuple(
            draw(questions(key)) for key in draw(st.lists(keys, max_size=3, unique=True))
        ),
        pages=draw(_few(pages)),
        tasks=tuple(draw(tasks(index)) for index in indexes),
        solutions=solutions,
        phases=draw(phases(indexes, len(own_boards))),
        leaderboards=own_boards,
        **flags,
    )
