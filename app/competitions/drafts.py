"""What an organizer may ask for: a whole benchmark as data.

The editor, the API and a bundle all build a :class:`CompetitionDraft`;
:func:`app.competitions.validity.problems` is the only validator of its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

TaskIndex = int | str
"""What a bundle calls a task; usually a number, any short text will do."""


class CompetitionType(StrEnum):
    """A competition has limits and dates; a benchmark stays open."""

    COMPETITION = "competition"
    BENCHMARK = "benchmark"


class SubmissionRule(StrEnum):
    """Which of an entrant's submissions stand on the leaderboard, and who decides."""

    ADD = "Add"
    ADD_AND_DELETE = "Add_And_Delete"
    ADD_AND_DELETE_MULTIPLE = "Add_And_Delete_Multiple"
    FORCE_LAST = "Force_Last"
    FORCE_LATEST_MULTIPLE = "Force_Latest_Multiple"
    FORCE_BEST = "Force_Best"


class Sorting(StrEnum):
    """Whether the highest or the lowest score comes first."""

    DESC = "desc"
    ASC = "asc"


class Computation(StrEnum):
    """How a computed column is made from other columns."""

    AVG = "avg"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG_RANK = "avg_rank"
    """Mean of fractional ranks: equal scores share the mean of their places."""
    AVG_DENSE_RANK = "avg_dense_rank"
    """Mean of dense ranks: equal scores share a rank, and the next one follows without a gap."""
    MRR = "mrr"
    """Mean of the reciprocals of dense ranks."""

    @property
    def is_ranking(self) -> bool:
        """Whether it depends on who else stands on the board."""
        return self in (Computation.AVG_RANK, Computation.AVG_DENSE_RANK, Computation.MRR)

    @property
    def is_mean(self) -> bool:
        """Whether its columns may have weights."""
        return self is Computation.AVG or self.is_ranking


class QuestionType(StrEnum):
    """How a fact-sheet question is answered."""

    CHECKBOX = "checkbox"
    TEXT = "text"
    SELECT = "select"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what was found, what was expected, all of it in words, a hint."""

    where: str
    """File, line and key, as far as there are any."""
    found: str
    expected: str
    sentence: str
    hint: str = ""
    """What to do about it, in a sentence."""

    def __str__(self) -> str:
        told = f"{self.sentence} {self.hint}".rstrip()
        return f"{self.where}: {told}" if self.where else told


@dataclass(frozen=True)
class Packing:
    """How a file of the archive becomes a zip of its own, with texts beside it."""

    folder: str = ""
    """Where in that zip the file stands; empty means at the top."""
    is_unpacked: bool = False
    """Whether the file is a zip, or a folder, whose contents are meant."""
    texts: tuple[tuple[str, str], ...] = ()
    """Names and contents of what is added."""


@dataclass(frozen=True)
class FileRef:
    """A file to store, or one that is stored already; exactly one of ``member`` and ``key`` is set."""

    member: str = ""
    """Normalised path in the archive, without a trailing slash."""
    is_folder: bool = False
    """True when ``member`` is a folder, whose contents are to be zipped."""
    packing: Packing | None = None
    """How ``member`` is packed; None stores it as it is."""
    key: UUID | None = None
    """Key of existing data."""


# ``where`` is the item's place in what the organizer wrote ("phases[2]"); empty means its position.


@dataclass(frozen=True, kw_only=True)
class PageDraft:
    """A page of text; ``content`` is Markdown, or HTML when ``is_html``."""

    title: str
    content: str
    is_html: bool = False
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class TaskDraft:
    """A task: its programs and data, or the key of an existing one (then nothing else counts)."""

    index: TaskIndex
    key: UUID | None = None
    name: str = ""
    description: str = ""
    scoring_program: FileRef | None = None
    ingestion_program: FileRef | None = None
    input_data: FileRef | None = None
    reference_data: FileRef | None = None
    ingestion_only_during_scoring: bool = False
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class SolutionDraft:
    """An example submission that participants may download, or the key of an existing one."""

    index: TaskIndex
    tasks: tuple[TaskIndex, ...]
    key: UUID | None = None
    file: FileRef | None = None
    name: str = ""
    description: str = ""
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class PhaseDraft:
    """A window in time; phases stand in order, the position is the index. Times are aware UTC."""

    name: str
    start: datetime
    end: datetime | None = None
    description: str = ""
    tasks: tuple[TaskIndex, ...] = ()
    max_submissions_per_day: int = 5
    """0 means unlimited."""
    max_submissions_per_person: int = 100
    """0 means unlimited."""
    count_failed_submissions: bool = False
    """True: a submission that failed by the participant's own doing counts against the limits."""
    execution_time_limit_s: int = 600
    auto_migrate_to_this_phase: bool = False
    required_phase: int | None = None
    """Position of an earlier phase in which one must have a finished submission."""
    requires_entry: bool = False
    """Whether that submission must stand on the board of its phase."""
    is_parallel: bool = False
    """Whether it is open beside the phase before it, as another track, instead of following it."""
    leaderboard_index: int = 0
    """Position of its leaderboard among those of the benchmark."""
    submission_rule: SubmissionRule | None = None
    """None means the rule of the leaderboard."""
    accepts_only_result_submissions: bool = False
    hide_results: bool = False
    """Whether the board and every score of this phase are kept from participants."""
    hide_output: bool = False
    hide_prediction_output: bool = False
    hide_score_output: bool = False
    starting_kit: FileRef | None = None
    public_data: FileRef | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class ColumnDraft:
    """A column of a leaderboard; ``key`` is the name of the score in ``scores.json``."""

    title: str
    key: str
    index: int
    sorting: Sorting = Sorting.DESC
    computation: Computation | None = None
    computation_indexes: tuple[int, ...] = ()
    computation_weights: tuple[float, ...] = ()
    """One for each of ``computation_indexes``, in their order; empty means equal ones."""
    group: str = ""
    """Title over this column and its neighbours of the same group."""
    hidden: bool = False
    precision: int = 2
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class LeaderboardDraft:
    """A leaderboard; ``primary_index`` is the ``index`` of the column that ranks."""

    title: str
    key: str
    columns: tuple[ColumnDraft, ...]
    primary_index: int = 0
    hidden: bool = False
    submission_rule: SubmissionRule = SubmissionRule.ADD
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class FactSheetQuestionDraft:
    """A question asked with each submission; ``selection`` holds the choices of a select."""

    key: str
    type: QuestionType
    title: str
    selection: tuple[str, ...] = ()
    is_required: bool = False
    is_on_leaderboard: bool = False
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class CompetitionDraft:
    """A whole benchmark, as asked for."""

    title: str
    description: str = ""
    image_png: bytes = field(default=b"", repr=False)
    """The logo, re-encoded, at most 512 px a side; empty means none."""
    icon_png: bytes = field(default=b"", repr=False)
    """The same, 100 px wide."""
    terms: str = ""
    terms_is_html: bool = False
    competition_type: CompetitionType = CompetitionType.COMPETITION
    docker_image: str = ""
    """Empty means the site's default image."""
    queue: str = ""
    """Key of a compute queue; empty means the site's default queue."""
    registration_auto_approve: bool = False
    enable_detailed_results: bool = False
    show_detailed_results_in_submission_panel: bool = True
    show_detailed_results_in_leaderboard: bool = True
    show_scoring_logs: bool = False
    """Whether participants read what the scoring program prints."""
    auto_run_submissions: bool = True
    can_participants_make_submissions_public: bool = True
    make_programs_available: bool = False
    make_input_data_available: bool = False
    forum_enabled: bool = True
    reward: str = ""
    contact_email: str = ""
    fact_sheet: tuple[FactSheetQuestionDraft, ...] = ()
    pages: tuple[PageDraft, ...] = ()
    tasks: tuple[TaskDraft, ...] = ()
    solutions: tuple[SolutionDraft, ...] = ()
    phases: tuple[PhaseDraft, ...] = ()
    leaderboards: tuple[LeaderboardDraft, ...] = ()
