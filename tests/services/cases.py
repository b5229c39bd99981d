"""What is handed in to the benchmarks of these tests, and what should become of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.insider import Seen
from tests.services import bundles
from tests.services.bundles import ANSWER, COMPARE, NUMBERS, OBEY, RUN, code, program, zipped

CONTAINERS = frozenset({"docker", "bubblewrap"})
"""Engines that give each program a system of its own, ``/app`` included."""
EVERYWHERE = CONTAINERS | {"subprocess"}
_MIB = 2**20


@dataclass(frozen=True)
class Case:
    """One submission and its end."""

    name: str
    benchmark: str
    content: bytes = field(repr=False)
    state: str = "finished"
    score: float | None = None
    reason: str = ""
    """A regular expression."""
    blame: str = ""
    note: str = ""
    """A regular expression that one of the notes fits; empty demands none."""
    engines: frozenset[str] = CONTAINERS
    check: Callable[[Seen], bool] = lambda _seen: True


_TALKER = """\
import os, pathlib, sys, time
shared = pathlib.Path(sys.argv[1])
(shared / "from_{me}").write_text("hello")
end = time.monotonic() + 240
while not (shared / "from_{other}").exists():
    if time.monotonic() > end:
        sys.exit("nobody there")
    time.sleep(0.01)
"""
_SCORE_AFTER_TALK = """
import json
pathlib.Path(sys.argv[2], "scores.json").write_text(json.dumps({"score": 1}))
"""
_ALGORITHM = """\
import pathlib, sys
data, submission, out = (pathlib.Path(one) for one in sys.argv[1:])
weight = float((data / "model.txt").read_text())
rows = [float(line) for line in (submission / "dataset.csv").read_text().split()]
(out / "answer.txt").write_text(str(weight * sum(rows)))
"""
_INGEST = "command: python3 $ingestion_program/main.py $input $submission_program $output\n"


def benchmarks() -> dict[str, bytes]:
    """Return the bundles, by the names that cases use."""
    bundle = bundles.bundle
    obey = program(OBEY)
    shared = "command: python3 $program/main.py $shared $output\n"
    scoring = program(_TALKER.format(me="scoring", other="ingestion") + _SCORE_AFTER_TALK, shared)
    ingestion = program(_TALKER.format(me="ingestion", other="scoring"), shared)
    return {
        "echo": bundle("Echo", scoring=obey, enable_detailed_results=True),
        "code": bundle("Code", input_data=NUMBERS),
        "hasty": bundle("Hasty", scoring=obey, phase={"execution_time_limit": 2}),
        "counting": bundle("Counting", phase={"count_failed_submissions": True}),
        "strict": bundle("Strict", scoring=obey, phase={"count_failed_submissions": True}),
        "results only": bundle("Results", phase={"accepts_only_result_submissions": True}),
        "dataset": bundle(
            "Dataset", ingestion=program(_ALGORITHM, _INGEST), input_data={"model.txt": "0.5"}
        ),
        "stubborn ingestion": bundle(
            "Stubborn", ingestion=program("while True: pass"), phase={"execution_time_limit": 2}
        ),
        "concurrent": bundle(
            "Concurrent", scoring=scoring, ingestion=ingestion, input_data=NUMBERS,
            during_scoring=True, phase={"execution_time_limit": 300},
        ),
        "tasks": bundle("Tasks", references=({"truth.txt": "2"}, {"truth.txt": "10"})),
        "detailed": bundle("Detailed", enable_detailed_results=True),
        "no metadata": bundle("No metadata", scoring={"main.py": COMPARE}),
        "no program": bundle("No program", scoring=program(COMPARE, "command: absent $input\n")),
        "sheet": bundle(
            "Sheet", fact_sheet={"lab": {"key": "lab", "type": "text", "title": "Laboratory"}}
        ),
        "granted": bundle("Granted", input_data=NUMBERS),
    }  # fmt: skip


def _scores(text: str, **files: str | bytes) -> bytes:
    return zipped({"scores.json": text, **files})


def _plain_scores(text: str) -> bytes:
    return zipped({"scores.txt": text})


def _orders(**orders: object) -> bytes:
    return _scores('{"score": 1}', **{"orders.json": json.dumps(orders)})


def _damaged() -> bytes:
    """Return a zip whose directory is fine and whose content is not."""
    content = bytearray(bundles.result())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = archive.infolist()[0]
    content[entry.header_offset + 30 + len(entry.filename)] ^= 0xFF
    return bytes(content)


def _wrapped(files: dict[str, str]) -> bytes:
    return zipped({f"my work/{name}": text for name, text in files.items()})


def _outputs_hold(kind: str, name: str, text: str) -> Callable[[Seen], bool]:
    def check(seen: Seen) -> bool:
        with zipfile.ZipFile(io.BytesIO(seen.run.outputs[kind])) as archive:
            return text in archive.read(name).decode()

    return check


def _log_is_capped(seen: Seen) -> bool:
    log = seen.run.logs["prediction_stdout"]
    return "bytes are left out here" in log and len(log) < 200_000 and log.endswith("the end\n")


_PRINT_A_GIGABYTE = """\
import sys
piece = "x" * (1024 * 1024 - 1) + "\\n"
for _ in range(1024):
    sys.stdout.write(piece)
print("the end")
"""
_ALLOCATE = "rows = []\nfor _ in range(40): rows.append(bytearray(b'1') * (16 * 1024 * 1024))\n"
_TOO_MUCH = """\
import pathlib, sys, time
for number in range(16):
    pathlib.Path(sys.argv[2], f"part{number}").write_bytes(bytes(4 * 1024 * 1024))
time.sleep(30)
"""
_ODD: dict[str, tuple[str, str]] = {
    "not a number": ('{"score": NaN}', "nan"),
    "infinity": ('{"score": -Infinity}', "inf"),
    "beyond every float": ('{"score": 1e999}', "inf"),
    "a huge whole number": ('{"score": 1' + "0" * 5000 + "}", "inf"),
    "a mapping": ('{"score": {"a": 1}}', "a mapping"),
    "a list": ('{"score": [1]}', "a list"),
    "text": ('{"score": "good"}', "'good'"),
    "nothing": ('{"score": null}', "nothing"),
    "given twice": ('{"score": 1, "score": 2}', "twice"),
}
_UNREADABLE: dict[str, tuple[bytes, str]] = {
    "deep nesting": (_scores("[" * 20000), "not JSON text"),
    "a list of scores": (_scores("[1]"), "must map each key"),
    "broken JSON": (_scores('{"score": 1,\n"b": x}'), "scores.json, line 2, column 6"),
    "broken YAML": (_plain_scores("score: 1\nb: [2\n"), "scores.txt, line 3, column 1"),
    "more than 64 KiB": (_scores(json.dumps({"pad": "x" * 70000})), "the limit is 65536"),
    "no scores at all": (zipped({"other.txt": "1"}), "neither scores.json nor scores.txt"),
    "YAML that calls a program": (
        _plain_scores('score: !!python/object/apply:os.system ["touch /app/output/pwned"]\n'),
        "could not determine a constructor",
    ),
    "YAML that grows": (
        _plain_scores("a: &a [x]\n" + "".join(f"b{i}: [{'*a,' * 20}]\n" for i in range(9))),
        "too many aliases",
    ),
}

RESULTS = [
    Case("scores in JSON", "echo", _scores('{"score": 0.5}'), score=0.5),
    Case("scores in text", "echo", _plain_scores("score: 0.25\n"), score=0.25),
    Case("JSON goes before text", "echo", _scores('{"score": 1}', **{"scores.txt": "score: 2"}),
         score=1),
    Case("a number as text", "echo", _scores('{"score": "0.5"}'), score=0.5),
    Case("an odd value without a column", "echo", _scores('{"score": 1, "more": {"a": [NaN]}}'),
         score=1, note="'more'"),
    Case("detailed results", "echo",
         _scores('{"score": 1}', **{"detailed_results.html": "<h1>Well done</h1>"}), score=1,
         check=lambda seen: seen.run.outputs["detailed_results"] == b"<h1>Well done</h1>"),
    Case("scoring fails", "echo", _orders(exit=3), "failed", reason="scoring program ended with code 3",
         blame="organizer"),
    Case("scoring names the submission's fault", "echo", zipped({"orders.json": json.dumps(
             {"error": "It lacks 3 of 7 cases.\n", "exit": 1})}), "failed", blame="participant",
         reason="says that the submission is at fault: “It lacks 3 of 7 cases.”$",
         check=lambda seen: not seen.counts),
    Case("scoring names a fault and ends well", "strict", zipped({"orders.json": json.dumps(
             {"error": "It lacks 3 of 7 cases."})}), "failed", blame="participant",
         reason="“It lacks 3 of 7 cases.”$", check=lambda seen: seen.counts),
    Case("scoring names a fault and scores", "echo", _orders(error="2 rows were ignored"), score=1,
         note="says of the submission: “2 rows were ignored”"),
    Case("scoring is too slow", "hasty", _orders(sleep=30), "failed", blame="organizer",
         reason="scoring program took longer than the limit of 2 seconds"),
    *(
        Case(f"a score that is {name}", "echo", _scores(text), "failed", blame="organizer",
             reason=f"cannot be ranked: 'score' is .*{found}")
        for name, (text, found) in _ODD.items()
    ),
    *(
        Case(name, "echo", content, "failed", reason=reason, blame="organizer")
        for name, (content, reason) in _UNREADABLE.items()
    ),
    Case("result", "code", bundles.result(0.5), score=1.0, engines=EVERYWHERE),
    Case("result in a folder", "code", _wrapped({"answer.txt": "0.5"}), score=1.0,
         note="single folder, 'my work'"),
    Case("damaged zip", "code", _damaged(), "failed", reason="was not unpacked", blame="participant"),
    Case("scoring program without metadata", "no metadata", bundles.result(), "failed",
         reason="The scoring program cannot be run: it has no metadata", blame="organizer"),
    Case("scoring program that is not there", "no program", bundles.result(), "failed",
         reason="'absent' was not found", blame="organizer"),
    Case("two tasks", "tasks", bundles.result(0.5),
         check=lambda seen: [run.scores["score"] for run in seen.runs] == [1.0, 5.0]),
    Case("detailed results of the organizer", "detailed", bundles.result(0.5), score=1.0,
         check=lambda seen: b"0.5 times 2.0" in seen.run.outputs["detailed_results"]),
    Case("fact sheet", "sheet", bundles.result(0.5), score=1.0,
         check=lambda seen: seen.answers == {"lab": "Ward 7"}),
]  # fmt: skip

PROGRAMS = [
    Case("program", "code", code(ANSWER), score=1.0, engines=EVERYWHERE,
         check=_outputs_hold("prediction_output", "metadata", "exitCode: 0")),
    Case("program in a folder", "code", _wrapped(program(ANSWER)), score=1.0,
         note="together with its folder 'my work'"),
    Case("metadata without its ending", "code",
         zipped({"metadata": RUN.replace("python3", "python"), "main.py": ANSWER}), score=1.0),
    Case("hard-coded folders", "code",
         code(ANSWER, "command: python3 /app/program/main.py /app/input_data /app/output\n"),
         score=1.0),
    Case("hard-coded folders without a sandbox", "code",
         code(ANSWER, "command: python3 /app/program/main.py /app/input_data /app/output\n"),
         "failed", engines=frozenset({"subprocess"}), blame="participant",
         reason="/app does not exist here; use the tokens"),
    Case("program without metadata", "code", zipped({"main.py": ANSWER}), "failed",
         blame="organizer", reason="has no metadata file, so its files were taken as results"),
    Case("metadata without a command", "code", zipped({"metadata": "a: 1", "main.py": ANSWER}),
         "failed", reason="nothing can be run from it", blame="participant"),
    Case("command that is not there", "code", code(ANSWER, "command: absent $input\n"), "failed",
         reason="'absent' was not found", blame="participant"),
    Case("exit code without output", "code", code("import sys; sys.exit(3)"), "failed",
         reason="ended with code 3.* It wrote no output", blame="participant"),
    Case("exit code after the output", "code", code(ANSWER + "sys.exit(3)"), score=1.0,
         note="ended with code 3"),
    Case("program that is too slow", "hasty", code("while True: pass"), "failed",
         reason="submission's program took longer than the limit of 2 seconds", blame="participant"),
    Case("too much memory", "code", code(_ALLOCATE), "failed", blame="participant",
         reason="ran out of memory: the limit is 256 MiB"),
    Case("a gigabyte of output", "code", code(ANSWER + _PRINT_A_GIGABYTE), score=1.0,
         note="log .* is capped: 10[0-9]{8} bytes", check=_log_is_capped),
    Case("output that is too large", "code", code(_TOO_MUCH), "failed", blame="participant",
         reason="output is too large: the limit is 16 MiB"),
    Case("program where results are wanted", "results only", code(ANSWER), "failed",
         reason="takes results only", blame="participant"),
    Case("failure that counts", "counting", code("import sys; sys.exit(3)"), "failed",
         blame="participant", reason="ended with code 3", check=lambda seen: seen.counts),
    Case("failure that does not count", "code", code("import sys; sys.exit(4)"), "failed",
         blame="participant", reason="ended with code 4", check=lambda seen: not seen.counts),
    Case("dataset", "dataset", zipped({"dataset.csv": "1\n2\n3\n"}), score=6.0, engines=EVERYWHERE),
    Case("ingestion that is too slow", "stubborn ingestion", bundles.result(), "failed",
         reason="ingestion program took longer than the limit of 2 seconds", blame="participant"),
    Case("ingestion and scoring side by side", "concurrent", bundles.result(), score=1.0,
         engines=EVERYWHERE),
    Case("more memory where granted", "granted", code(ANSWER + _ALLOCATE), score=1.0),
]  # fmt: skip
"""What runs a program, of the participant or in the step before scoring."""

CASES = RESULTS + PROGRAMS
ANSWERS: dict[str, dict[str, Any]] = {"sheet": {"lab": "Ward 7"}}
GRANTS: dict[str, dict[str, Any]] = {"granted": {"memory_mib": 1024}}
