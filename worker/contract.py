"""What the app and a worker say to each other; the only worker module the app may import.

Standard library only, so that both sides can read it without the other's dependencies. Work goes
down as a :class:`RunSpec` (through Redis), the answer to ``started`` is a :class:`Claim`, and facts
come up as :class:`RunEvent` batches (through HTTP). Golden examples: ``tests/contract/*.json``.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import MISSING, dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeVar

T = TypeVar("T")

VERSION = 1
"""Raised whenever a golden file in ``tests/contract`` changes its meaning."""

RUN_FUNCTION = "worker.jobs.run"
"""The one function a compute queue may name."""

MACHINE_HEADER = "X-Plumbline-Machine"
"""Beside the run's token, the machine's own: it says who claims, and that it still may."""

MAX_SPEC_BYTES = 16 * 1024
MAX_EVENTS_BYTES = 512 * 1024
MAX_LOG_CHUNK_CHARS = 64 * 1024
MAX_SCORES_BYTES = 64 * 1024
MAX_SCORES = 200


class ContractError(ValueError):
    """A message that does not follow the contract; the text says which field and why."""


class Step(StrEnum):
    """The steps of an attempt, in order. ``app/submissions/progress.py`` says how pages show each."""

    FETCH = "fetch"
    UNPACK = "unpack"
    INGEST = "ingest"
    SCORE = "score"
    UPLOAD = "upload"


class Stream(StrEnum):
    """The log streams of a run: which container spoke, and on which channel."""

    PREDICTION_STDOUT = "prediction_stdout"
    PREDICTION_STDERR = "prediction_stderr"
    PREDICTION_INGESTION_STDOUT = "prediction_ingestion_stdout"
    PREDICTION_INGESTION_STDERR = "prediction_ingestion_stderr"
    SCORING_STDOUT = "scoring_stdout"
    SCORING_STDERR = "scoring_stderr"
    SCORING_INGESTION_STDOUT = "scoring_ingestion_stdout"
    SCORING_INGESTION_STDERR = "scoring_ingestion_stderr"


class Input(StrEnum):
    """What a worker downloads for a run."""

    SUBMISSION = "submission"
    INGESTION_PROGRAM = "ingestion_program"
    SCORING_PROGRAM = "scoring_program"
    INPUT_DATA = "input_data"
    REFERENCE_DATA = "reference_data"


class Output(StrEnum):
    """What a worker uploads for a run."""

    PREDICTION_OUTPUT = "prediction_output"
    SCORING_OUTPUT = "scoring_output"
    DETAILED_RESULTS = "detailed_results"


class Kind(StrEnum):
    """What an event says."""

    STARTED = "started"  # the claim; answered with a Claim
    STEP = "step"  # a step began
    LOG = "log"  # a piece of a log stream
    SAMPLE = "sample"  # what a container uses at a moment
    NOTE = "note"  # something worth knowing that is not a failure
    OUTPUT = "output"  # an output was stored
    FINISHED = "finished"  # scores; everything else is stored already
    FAILED = "failed"  # a reason, and whose it is to fix
    HANDED_BACK = "handed_back"  # the worker stops before it is done; run it elsewhere
    CANCELLED = "cancelled"  # the app said stop, and everything of the attempt has stopped


USAGE = frozenset({"cpu", "memory", "peak_memory", "gpu", "gpu_memory"})
"""What a sample may measure: processors in use, bytes, and percent of the GPUs' time."""


class Blame(StrEnum):
    """Whose it is to fix a failed run. Only ``participant`` may count against a limit."""

    PARTICIPANT = "participant"
    ORGANIZER = "organizer"
    PLATFORM = "platform"  # infrastructure: a new attempt follows


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One attempt at one run, as it travels through a compute queue.

    Units are in the names; ``image`` is a container image reference; ``token`` is the secret of
    this attempt alone and is never logged.
    """

    run_id: int
    attempt: int
    queue_id: str
    api_url: str
    image: str
    timeout_s: int
    memory_mib: int
    cpus: float
    pids: int
    output_mib: int
    log_kib: int
    token: str = field(repr=False)
    request_id: str = ""
    network: bool = False
    writable_root: bool = False
    image_user: bool = False
    detailed_results: bool = False
    ingestion_only_during_scoring: bool = False
    result_only: bool = False
    """The phase takes results, not programs: a submission with a command is refused."""
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the flat JSON object that is queued."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check and read a queued object.

        Raises:
            ContractError: a field is missing, unknown, of the wrong type, or of another version.
        """
        return _read(cls, value, what="run spec")


@dataclass(frozen=True, kw_only=True)
class Download:
    """One object to fetch: a presigned URL with its size and, where known, SHA-256 (hex)."""

    url: str = field(repr=False)
    file_name: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The answer to ``started``: fresh presigned URLs and the lease of this attempt."""

    lease_s: int
    downloads: dict[str, Download]
    """By :class:`Input`; absent when the task has none."""
    uploads: dict[str, str] = field(repr=False)
    """By :class:`Output`: a presigned PUT URL each."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that is answered."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check and read an answered object; raises ContractError as :meth:`RunSpec.from_json`."""
        if not isinstance(value, dict) or not isinstance(value.get("downloads"), dict):
            raise ContractError("claim: expected an object with downloads")
        downloads = {
            str(Input(name)): _read(Download, one, what=f"download {name}")
            for name, one in value["downloads"].items()
        }
        return _read(cls, {**value, "downloads": downloads}, what="claim")


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """One fact about an attempt. ``seq`` counts from 1 within the attempt, without gaps.

    Which fields matter depends on ``kind``: ``text`` for STARTED (a random word that tells this claim
    from one by another worker); ``step`` for STEP; ``stream`` and ``text`` for LOG;
    ``stream`` (of the container's output), ``seconds`` and ``usage`` for SAMPLE;
    ``text`` for NOTE (with a ``step``, the note says what failed in it), FAILED (the reason a participant reads) and HANDED_BACK; ``blame`` for
    FAILED; ``output``, ``size_bytes`` and ``sha256`` for OUTPUT; ``scores`` (key to finite float)
    and ``rejected`` for FINISHED; ``image_digest`` and ``engine`` with a STEP that needs an image.
    """

    seq: int
    kind: str
    step: str = ""
    stream: str = ""
    text: str = ""
    blame: str = ""
    output: str = ""
    size_bytes: int = 0
    sha256: str = ""
    engine: str = ""
    image_digest: str = ""
    seconds: float = 0.0
    """For STEP: how long the step before took; for SAMPLE: since the attempt began; for FINISHED and
    FAILED: the whole attempt."""
    container_s: float = 0.0
    """For FINISHED and FAILED: how long containers ran, from the engine's own clock."""
    scores: dict[str, float] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """For FINISHED: keys of the scores file whose value is no finite number, and why. It matters
    only where such a key is a column's."""

    usage: dict[str, float] = field(default_factory=dict)
    """For SAMPLE: finite numbers by :data:`USAGE`."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that is posted, without fields left at their default."""
        full = dataclasses.asdict(self)
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        return {k: v for k, v in full.items() if v != defaults.get(k) and v != {}}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check and read a posted object; raises ContractError as :meth:`RunSpec.from_json`."""
        event = _read(cls, value, what="event")
        _one_of(Kind, event.kind, "kind")
        if event.kind == Kind.STEP or (event.kind == Kind.NOTE and event.step):
            _one_of(Step, event.step, "step")
        if event.kind in (Kind.LOG, Kind.SAMPLE):
            _one_of(Stream, event.stream, "stream")
        if event.kind == Kind.OUTPUT:
            _one_of(Output, event.output, "output")
        if event.kind == Kind.FAILED:
            _one_of(Blame, event.blame, "blame")
        if event.kind == Kind.FINISHED:
            _check_scores(event)
        if event.kind == Kind.SAMPLE:
            _check_usage(event)
        return event


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the app answers to events: go on, or stop because somebody cancelled."""

    cancel: bool = False
    accepted_seq: int = 0
    """Every event up to this number is stored; later ones should be sent (again)."""
    claim: Claim | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that is answered."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check and read an answer; raises ContractError as :meth:`RunSpec.from_json`."""
        if isinstance(value, dict) and value.get("claim") is not None:
            value = {**value, "claim": Claim.from_json(value["claim"])}
        return _read(cls, value, what="answer")


def _check_scores(event: RunEvent) -> None:
    """Refuse what JSON lets through but a leaderboard must never hold: NaN, infinity, text."""
    if len(event.scores) + len(event.rejected) > MAX_SCORES:
        raise ContractError(f"event: more than {MAX_SCORES} scores")
    for key, value in event.scores.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise ContractError(f"event: the score {key!r} must be a finite number")
    for key, reason in event.rejected.items():
        if not isinstance(reason, str):
            raise ContractError(f"event: the reason against {key!r} must be text")


def _check_usage(event: RunEvent) -> None:
    for key, value in event.usage.items():
        if key not in USAGE:
            raise ContractError(f"event: usage must be of {', '.join(sorted(USAGE))}, not {key!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise ContractError(f"event: the usage {key!r} must be a finite number")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _one_of(enum: type[StrEnum], value: str, name: str) -> None:
    if value not in set(enum):
        raise ContractError(f"event: {name} must be one of {', '.join(enum)}, not {value!r}")


_CHECKS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "dict[str, str]": (dict,),
    "dict[str, float]": (dict,),
}


def _read(cls: type[T], value: object, *, what: str) -> T:
    """Build a dataclass from a JSON object, naming the first field that does not fit."""
    if not isinstance(value, dict):
        raise ContractError(f"{what}: expected an object, found {type(value).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(value) - set(fields)):
        raise ContractError(f"{what}: unknown field {unknown[0]!r}")
    for name, spec in fields.items():
        if name not in value:
            if spec.default is MISSING and spec.default_factory is MISSING:
                raise ContractError(f"{what}: field {name!r} is missing")
            continue
        allowed = _CHECKS.get(str(spec.type))
        found = value[name]
        if allowed and (
            not isinstance(found, allowed) or isinstance(found, bool) != (bool in allowed)
        ):
            raise ContractError(f"{what}: {name} must be {spec.type}, found {type(found).__name__}")
        if isinstance(found, float) and not _finite(found):
            raise ContractError(f"{what}: {name} must be a finite number")
    if value.get("version", VERSION) != VERSION:
        raise ContractError(f"{what}: this side speaks version {VERSION}, found {value['version']}")
    return cls(**value)
