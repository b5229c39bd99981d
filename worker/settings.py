"""The one place of the worker that reads the environment: field ``x`` is ``PLUMBLINE_WORKER_X``."""

from __future__ import annotations

import dataclasses
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from worker.errors import SettingsError

PREFIX = "PLUMBLINE_WORKER_"
ENGINES = ("auto", "docker", "podman", "process")
PULL_POLICIES = ("missing", "always", "never")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a machine's operator can set. A secret may also be given as ``…_X_FILE``."""

    api_url: str
    """The app, e.g. ``https://site.example``."""
    broker_url: str = field(repr=False)
    """The Redis URL of this queue's user."""
    queue: str
    """The queue's opaque id."""
    token: str = field(repr=False)
    """The machine's token."""
    name: str = ""
    """How this machine is called in logs and on pages; empty means its host name."""
    engine: str = "auto"
    """``docker``, ``podman``, ``process``, or ``auto`` for the first of them that answers."""
    docker_host: str = ""
    """The engine's socket, e.g. ``unix:///run/docker.sock``; empty means the usual places."""
    home: Path = Path("/var/lib/plumbline-worker")
    """Runs and cached bundles live here. A worker inside a container needs the same path inside
    and outside, because the engine mounts its folders into other containers."""
    image_map: str = ""
    """``pattern=image,pattern=image``: shell patterns on a benchmark's image name; first wins."""
    pull_policy: str = "missing"
    """``missing`` pulls an image that is not here, ``always`` before each run, ``never`` not."""
    cache_gib: float = 10.0
    """How much of the disk unpacked bundles may keep between runs."""
    images_gib: float = 50.0
    """How much of the disk the container images may keep that the worker has pulled; the least
    recently used ones go first, others of the machine are never touched. 0 means no limit."""
    unpack_gib: float = 20.0
    """How large one zip may become when it is unpacked."""
    submission_files: int = 10_000
    """How many files a submission or program may have."""
    data_files: int = 1_000_000
    """How many files input or reference data may have."""
    data_dir: str = ""
    """A folder of this machine that every container finds as ``/app/data``, read-only; for data
    that must not or cannot be uploaded. Empty means none."""
    grace_s: float = 5.0
    """How long a run may go on after the worker is told to stop; then it is handed back."""
    gpus: str = ""
    """Empty, ``all``, or a CDI device name such as ``nvidia.com/gpu=0`` (containers only)."""
    python: str = ""
    """The interpreter that programs find as python3 in the process sandbox; empty: the worker's."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read every field from ``environ``.

        Raises:
            SettingsError: lists *all* variables that are missing, unreadable or out of range.
        """
        values: dict[str, object] = {}
        problems: list[str] = []
        for spec in dataclasses.fields(cls):
            name = PREFIX + spec.name.upper()
            try:
                text = _text(environ, name)
                if text is not None:
                    values[spec.name] = _convert(text, str(spec.type), name)
                elif spec.default is dataclasses.MISSING:
                    problems.append(f"{name} is not set.")
            except ValueError as error:
                problems.append(str(error))
        problems += _problems(values)
        if problems:
            raise SettingsError("\n".join(problems))
        found = cls(**values)  # type: ignore[arg-type]
        return dataclasses.replace(
            found, name=found.name or platform.node() or "machine", home=found.home.absolute()
        )

    def image_rules(self) -> list[tuple[str, str]]:
        """Return the image map as (pattern, image) pairs, in order."""
        pairs = [rule.partition("=") for rule in self.image_map.split(",") if rule.strip()]
        return [(pattern.strip(), image.strip()) for pattern, _, image in pairs]


def _text(environ: Mapping[str, str], name: str) -> str | None:
    if name in environ:
        return environ[name]
    path = environ.get(name + "_FILE")
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(
            f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
        ) from error


def _convert(text: str, kind: str, name: str) -> object:
    if kind == "Path":
        return Path(text)
    if kind not in ("int", "float"):
        return text
    try:
        number = int(text) if kind == "int" else float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}; it must be a number.") from None
    if not 0 <= number < 10**9:
        raise ValueError(f"{name} is {text!r}; it must be between 0 and 1000000000.")
    return number


def environment(environ: Mapping[str, str], file: Path) -> dict[str, str]:
    """Return the environment with what a ``.env`` file adds: what is set already stands.

    Args:
        file: ``NAME=value`` lines, the value in quotes or not; need not exist. Only names of the
            worker's own settings are read.

    Raises:
        SettingsError: the file is there and cannot be read.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return dict(environ)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.absolute()} cannot be read: {error}.") from error
    pairs = [line.strip().removeprefix("export ").partition("=") for line in lines]
    found = {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}
    return {k: v for k, v in found.items() if k.startswith(PREFIX)} | dict(environ)


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def _problems(values: Mapping[str, object]) -> list[str]:
    problems = []
    for name, allowed in (("engine", ENGINES), ("pull_policy", PULL_POLICIES)):
        if values.get(name, allowed[0]) not in allowed:
            problems.append(f"{PREFIX}{name.upper()} must be one of {', '.join(allowed)}.")
    queue = values.get("queue")
    if isinstance(queue, str) and not re.fullmatch(r"[a-z0-9]{4,40}", queue):
        problems.append(f"{PREFIX}QUEUE must be 4 to 40 of a-z and 0-9, as the site shows it.")
    for name, schemes in (
        ("api_url", ("http", "https")),
        ("broker_url", ("redis", "rediss", "unix")),
    ):
        url = values.get(name)
        if isinstance(url, str) and urlsplit(url).scheme not in schemes:
            problems.append(f"{PREFIX}{name.upper()} must start with {schemes[0]}://.")
    data = str(values.get("data_dir", ""))
    if data and not (Path(data).is_absolute() and Path(data).is_dir()):
        problems.append(
            f"{PREFIX}DATA_DIR is {data}, which is no folder here; give its whole path."
        )
    rules = str(values.get("image_map", ""))
    if any("=" not in rule for rule in rules.split(",") if rule.strip()):
        problems.append(f"{PREFIX}IMAGE_MAP must be pattern=image pairs separated by commas.")
    return problems
