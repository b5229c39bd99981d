"""What stands in a starting kit: its README and the script that scores on one's own machine; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("score_py.txt")

SKELETON = {
    "metadata.yaml": b"command: python3 $program/model.py $input $output\n",
    "model.py": b'"""Read the data in the first folder and write predictions to the second one."""\n\n'
    b"import pathlib\nimport sys\n\ninput_folder, output_folder = map(pathlib.Path, sys.argv[1:3])\n"
    b"for file in sorted(input_folder.rglob('*')):\n    print(file)\n"
    b"(output_folder / 'predictions.txt').write_text('')\n",
}
"""A program that runs and predicts nothing, for tasks without a solution."""
RESULT_SKELETON = {"predictions.txt": b""}
"""The same for phases that take results only."""
STAND_INS = (
    "`reference_data/` shows the shape of the reference data and holds none of it. A scoring program "
    "that looks cases up finds none there: put answers of your own into these files, such as those "
    "of cases that you kept back from training, and `score.py` scores with them."
)
_DIFFERENCES = """## What is stricter on the site

`score.py` uses Docker's own list of system calls, and the site a shorter one: what works here may be refused there with
“Function not implemented” or “Operation not permitted”. Missing there are io_uring, namespaces (`unshare`, sandboxes of
browsers), tracing (debuggers, `strace`), kernel keys, bpf and performance counters. Ordinary numerical libraries,
threads, processes and shared memory need none of these.

The site limits what all files of a step take together, here it is each file; and a step there has another processor.
"""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How programs run on the site."""

    image: str
    seconds: int
    memory_mib: int
    cpus: float
    pids: int
    output_mib: int
    network: bool = False
    writable_root: bool = False
    during_scoring: bool = False
    result_only: bool = False


def limits(rules: Rules) -> list[str]:
    """Return the options of ``docker run`` that stand for what a worker sets."""
    file_bytes = (rules.output_mib + 64) * 2**20
    tmp = f"size={max(64, rules.memory_mib // 4)}m,mode=1777"
    execute = "exec" if rules.writable_root else "noexec"
    found = [
        "--network", "bridge" if rules.network else "none", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--memory", f"{rules.memory_mib}m",
        "--memory-swap", f"{rules.memory_mib}m", "--cpus", f"{rules.cpus:g}",
        "--pids-limit", str(rules.pids), "--shm-size", "64m", "--ipc", "private", "--init",
        "--ulimit", "nofile=1024:4096", "--ulimit", "core=0:0",
        "--ulimit", f"fsize={file_bytes}:{file_bytes}",
        "--tmpfs", f"/tmp:rw,nosuid,nodev,{execute},{tmp}",  # noqa: S108 - a tmpfs of the container alone
        "--env", "HOME=/tmp", "--env", "TMPDIR=/tmp", "--env", "PYTHONUNBUFFERED=1",
    ]  # fmt: skip
    return found if rules.writable_root else ["--read-only", *found]


def script(rules: Rules) -> bytes:
    """Return ``score.py``."""
    text = _SCRIPT.read_text(encoding="utf-8")
    for name, value in (
        ("IMAGE", rules.image), ("SECONDS", rules.seconds), ("LIMITS", limits(rules)),
        ("DURING_SCORING", rules.during_scoring), ("RESULT_ONLY", rules.result_only),
    ):  # fmt: skip
        text = text.replace(f"@{name}@", repr(value))
    return text.encode()


def readme(name: str, rules: Rules, folders: Sequence[str], left_out: Sequence[str]) -> bytes:
    """Return ``README.md``: what is here, and what programs find where."""
    shown = "\n".join(f"- `{folder}/`" for folder in folders)
    missing = "".join(f"\n- {sentence}" for sentence in left_out)
    takes = (
        "results: the files that a program would write. No program of yours is run."
        if rules.result_only
        else "a program with `metadata.yaml`, whose `command` is run, or results alone."
    )
    beside = (
        "The ingestion program runs beside the scoring program; both see `/app/shared`.\n"
        if rules.during_scoring
        else ""
    )
    return f"""# Starting kit of {name}

Zip the *contents* of `sample_submission/` and submit the zip. This takes {takes}

## Here

{shown}
- `score.py`: runs it all on your machine, as the site does: `python3 score.py`, with Docker installed.
{missing}

## What programs find

| folder | submission | ingestion program | scoring program |
|---|---|---|---|
| `/app/program` (`$program`) | itself | itself | itself |
| `/app/output` (`$output`) | predictions | the same predictions | the scores |
| `/app/input_data` | input data | input data (`$input`) | |
| `/app/input` (`$input`) | input data | | `res`: predictions, `ref`: reference data |
| `/app/ingested_program` | | the submission | |

{beside}Image `{rules.image}`; {rules.seconds} seconds a step, {rules.memory_mib} MiB of memory, {rules.cpus:g} processors,
{rules.pids} processes, {"with" if rules.network else "no"} network, output of at most {rules.output_mib} MiB.
The scoring program writes `scores.json`: a number for each column of the leaderboard.

{_DIFFERENCES}""".encode()
