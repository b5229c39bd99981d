"""One step's containers, side by side: started, watched, stopped in time, and judged."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from worker.command import Program, Role, expand, tokens
from worker.contract import Blame, Stream
from worker.engines import Ended, Mount, Plan, Running
from worker.errors import RunFailed
from worker.limits import LogTap
from worker.logs import event
from worker.run import Run
from worker.usage import Sampler
from worker.watch import Watch

log = logging.getLogger("worker.stage")

_DEAD_S = 15.0
"""How long a killed container may take to be gone before the engine counts as stuck."""
_WATCHDOG_S = 30.0
_NOT_FOUND = 127
_SIGNALS = 128
"""Above it, a code is the number of the signal that ended the program."""
_WRONG_FORMAT = "exec format error"
_NO_NETWORK = ("name resolution", "Name or service not known", "Network is unreachable")
_NEVER_STARTED = ("bwrap: execvp", "failed to execute", "failed to exec pid1", "[FATAL tini")
"""What bubblewrap, setpriv, and the first process in containers say of a program that they cannot start."""
_WORDS = {
    Role.PREDICTION_PROGRAM: "submission's program",
    Role.PREDICTION_INGESTION: "ingestion program",
    Role.SCORING_PROGRAM: "scoring program",
    Role.SCORING_INGESTION: "ingestion program",
}
_STREAMS = {
    Role.PREDICTION_PROGRAM: (Stream.PREDICTION_STDOUT, Stream.PREDICTION_STDERR),
    Role.PREDICTION_INGESTION: (
        Stream.PREDICTION_INGESTION_STDOUT, Stream.PREDICTION_INGESTION_STDERR,
    ),
    Role.SCORING_PROGRAM: (Stream.SCORING_STDOUT, Stream.SCORING_STDERR),
    Role.SCORING_INGESTION: (Stream.SCORING_INGESTION_STDOUT, Stream.SCORING_INGESTION_STDERR),
}  # fmt: skip


@dataclass
class Part:
    """One container of a step: what it runs, what it sees, and how it ended."""

    role: Role
    program: Program
    mounts: tuple[Mount, ...]
    blame: Blame
    ended: Ended | None = None
    taps: list[LogTap] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What people call this container."""
        return _WORDS[self.role]

    @property
    def tail(self) -> str:
        """The end of its standard error, else of its standard output."""
        tails = [tap.tail.strip() for tap in reversed(self.taps)]
        return next((tail for tail in tails if tail), "")


def run_parts(run: Run, parts: Sequence[Part], *, until: Role | None = None) -> None:
    """Run containers at the same time, each judged in ``part.ended``.

    Args:
        until: when this one has ended the others are stopped, without being judged.

    Raises:
        RunFailed: time or space ran out, or the machine failed.
        Stopped: the attempt must end; every container is killed.
    """
    run.take_turn()
    mounts = [mount for part in parts for mount in part.mounts]
    watch = Watch(run, parts[0].role, mounts, parts[0].blame)
    started: list[tuple[Part, Running]] = []
    overdue = threading.Event()

    def end_overdue() -> None:
        if any(running.ended() is None for _, running in started):
            overdue.set()
        run.sign.kill_all()

    # Even if this thread hangs in the engine, containers do not outlive their limit for long.
    watchdog = threading.Timer(run.spec.timeout_s + _WATCHDOG_S, end_overdue)
    watchdog.daemon = True
    watchdog.start()
    sampler = None
    try:
        for part in parts:
            started.append((part, _start(run, part)))
        sampler = _sampler(run, started)
        sampler.start()
        _wait(run, started, watch, until)
    finally:
        if sampler is not None:
            sampler.stop()
        _finish(run, started)
        watchdog.cancel()
    run.check()
    if overdue.is_set():
        raise _too_slow(run, parts)
    watch.check()
    watch.settle()
    for part in parts:
        if until in (None, part.role):
            _judge(run, part)


def _start(run: Run, part: Part) -> Running:
    spec = run.spec
    scratch = run.folder / f"scratch-{part.role}"
    scratch.mkdir(mode=0o700)
    for mount in part.mounts:
        if mount.writable:
            run.engine.give(mount.source, image_user=spec.image_user)
    replacements = tokens(part.role, run.engine.prefix(scratch))
    data = run.settings.data_dir
    shared = (Mount(Path(data), "/app/data"),) if data else ()
    plan = Plan(
        role=part.role, run_id=spec.run_id, attempt=spec.attempt, image=spec.image,
        argv=expand(part.program.words, replacements), mounts=(*part.mounts, *shared),
        scratch=scratch,
        memory_mib=spec.memory_mib, cpus=spec.cpus, pids=spec.pids, output_mib=spec.output_mib,
        network=spec.network, writable_root=spec.writable_root, image_user=spec.image_user,
    )  # fmt: skip
    part.taps = [_tap(run, stream) for stream in _STREAMS[part.role]]
    taps = part.taps
    running = run.engine.start(
        plan, lambda is_error, data: taps[is_error].feed(data), run.sign.wake.set
    )
    run.sign.running.append(running)
    return running


def _tap(run: Run, stream: Stream) -> LogTap:
    return LogTap(lambda text: run.report.log(stream, text), run.spec.log_kib * 1024)


def _sampler(run: Run, started: Sequence[tuple[Part, Running]]) -> Sampler:
    watched = [(_STREAMS[part.role][0], running) for part, running in started]
    return Sampler(watched, run.report.sample, gpus=bool(run.settings.gpus))


def _wait(
    run: Run, started: Sequence[tuple[Part, Running]], watch: Watch, until: Role | None
) -> None:
    """Return once all have ended, the one that counts has, or something forbids going on."""
    deadline = time.monotonic() + run.spec.timeout_s
    while True:
        run.sign.wake.clear()
        run.check()
        over = {part.role for part, running in started if running.ended() is not None}
        if len(over) == len(started) or until in over:
            return
        watch.check()
        left = deadline - time.monotonic()
        if left <= 0:
            raise _too_slow(run, [part for part, _ in started if part.role not in over])
        run.sign.wake.wait(min(left, watch.next_look_s))


def _finish(run: Run, started: Sequence[tuple[Part, Running]]) -> None:
    """Kill what still runs, wait for its last words, and note how each ended."""
    for _, running in started:
        if running.ended() is None:
            running.kill()
    give_up = time.monotonic() + _DEAD_S
    for part, running in started:
        while (ended := running.ended()) is None and time.monotonic() < give_up:
            run.sign.wake.wait(0.05)
        part.ended = ended or Ended(-1, problem="the container engine is stuck")
        run.container_s += part.ended.seconds
        for tap in part.taps:
            tap.close()
            if tap.dropped:
                run.note(
                    f"The log of the {part.words} is capped: {tap.dropped} bytes of it are left out."
                )
        event(
            log, "container.ended", run_id=run.spec.run_id, role=str(part.role),
            code=part.ended.code, seconds=round(part.ended.seconds, 3),
        )  # fmt: skip


def _too_slow(run: Run, still: Sequence[Part]) -> RunFailed:
    names = " and the ".join(part.words for part in still)
    return RunFailed(
        f"The {names} took longer than the limit of {run.spec.timeout_s} seconds and was stopped.",
        still[0].blame,
    )


def _judge(run: Run, part: Part) -> None:
    """Raise for what is nobody's program: a lost container, or one proven to be ended from outside."""
    ended = part.ended
    if ended is None or (ended.code == 0 and not ended.problem):
        return
    if misfit := _misfit(run, part):
        raise RunFailed(misfit, Blame.PLATFORM)
    if ended.code == -1 and not _names_command(ended.problem, part):
        raise RunFailed(f"The {part.words} could not run: {ended.problem}.", Blame.PLATFORM)
    if ended.outside:
        raise RunFailed(
            f"The {part.words} was ended from outside (code {ended.code}): {ended.outside}.",
            Blame.PLATFORM,
        )


def _misfit(run: Run, part: Part) -> str:
    """Return what this machine lacks for a container that could not start, or ""."""
    ended = part.ended
    said = f"{ended.problem if ended else ''} {part.tail[-500:]}".lower()
    if ended and ended.code == -1 and any(word in said for word in ("device driver", "cdi device")):
        return (
            "The machine's worker is set to give out GPUs, but its container engine has none to "
            f"give: {ended.problem}. Its owner has to install the engine's GPU support, or to "
            "leave PLUMBLINE_WORKER_GPUS empty."
        )
    if _WRONG_FORMAT in said and (mismatch := run.engine.misfit(run.spec.image)):
        return f"The {part.words} could not run: {mismatch}"
    return ""


def _names_command(problem: str, part: Part) -> bool:
    """Return whether an engine's words are of the command, and not of something of its own."""
    command = part.program.words[0]
    return any(f"{quote}{command}{quote}" in problem for quote in "\"'`")


def trouble(run: Run, part: Part) -> str:
    """Return a sentence on why a container did not succeed, or "" when it did."""
    ended = part.ended
    if ended is None or ended.code == 0:
        return ""
    command = " ".join(part.program.words)
    first = part.program.words[0]
    if ended.out_of_memory or "MemoryError" in part.tail:
        limit = run.spec.memory_mib
        return f"The {part.words} ran out of memory: the limit is {limit} MiB."
    if ended.code == -1 or any(words in part.tail for words in _NEVER_STARTED):
        return (
            f"The command of the {part.words}, {command!r}, could not be started: {first!r} was not "
            "found, or is not a program. Name one that the container image has."
        )
    sentence = f"The {part.words} ended with code {ended.code}{_meaning(ended.code)}."
    if _WRONG_FORMAT in part.tail[-500:].lower():
        return (
            f"{sentence} {first!r} or a program that it starts is made for another kind of "
            "processor, or is a script that does not name its interpreter in its first line."
        )
    if run.engine.prefix(run.folder) and "/app/" in command + part.tail:
        return (
            f"{sentence} This machine runs programs without containers, so /app does not exist "
            "here; use the tokens, such as $input and $output, in place of /app paths."
        )
    if part.role is Role.SCORING_PROGRAM:
        return sentence  # what it said may quote the reference data, and a participant reads this
    if not run.spec.network and any(words in part.tail for words in _NO_NETWORK):
        sentence += " Programs of this benchmark have no network."
    return f"{sentence} {_last_line(part.tail)}".strip()


def _meaning(code: int) -> str:
    """Return what a shell or the system says with a code, in brackets; "" for a program's own."""
    if code == _NOT_FOUND:
        return " (a program that it starts was not found)"
    if code - _SIGNALS in set(signal.Signals):
        return f" ({signal.Signals(code - _SIGNALS).name})"
    return ""


def _last_line(tail: str) -> str:
    line = tail.splitlines()[-1].strip()[:300] if tail else ""
    end = "" if line.endswith((".", "!", "?")) else "."
    return f"Its last words: “{line}”{end}" if line else ""
