from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.engine import Desk, FakeEngine, Program, score_of
from tests.patience import PATIENCE_S
from tests.worker.conftest import SCORING
from tests.worker.site import SIGNATURE, TOKEN, Site, make_spec, zip_of
from worker import transfer
from worker.command import Role
from worker.contract import Blame, Kind, Output
from worker.engines import Ended
from worker.home import Home
from worker.runner import perform
from worker.settings import Settings

Attempt = Callable[..., None]
CODE = {"metadata": "command: python3 $program/predict.py $input $output\n", "predict.py": ""}


def test_result_submission_is_scored_in_five_steps(site: Site, attempt: Attempt) -> None:
    engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=0.5)})
    attempt(engine)
    assert site.steps() == ["fetch", "unpack", "ingest", "score", "upload"]
    assert site.last().kind == Kind.FINISHED
    assert site.last().scores == {"accuracy": 0.5}
    assert [event.seq for event in site.events] == list(range(1, len(site.events) + 1))
    assert engine.removed == 1


def test_result_submission_starts_no_container_to_predict(site: Site, attempt: Attempt) -> None:
    engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)})
    attempt(engine)
    assert [plan.role for plan in engine.plans] == [Role.SCORING_PROGRAM]
    assert f"out-{Output.PREDICTION_OUTPUT}" not in site.objects


def test_scoring_sees_the_submission_and_the_reference(site: Site, attempt: Attempt) -> None:
    seen: dict[str, str] = {}

    def look(desk: Desk) -> int:
        seen["res"] = (desk.folder("/app/input/res") / "answer.txt").read_text()
        seen["ref"] = (desk.folder("/app/input/ref") / "truth.txt").read_text()
        seen["metadata"] = (desk.folder("/app/input/res") / "metadata").read_text()
        return score_of(accuracy=1)(desk)

    engine = FakeEngine({Role.SCORING_PROGRAM: look})
    attempt(engine)
    assert seen["res"] == seen["ref"] == "42\n"
    assert "exitCode: null" in seen["metadata"]
    assert engine.plan(Role.SCORING_PROGRAM).argv == (
        "python3", "/app/program/score.py", "/app/input", "/app/output",
    )  # fmt: skip
    writable = {m.target for m in engine.plan(Role.SCORING_PROGRAM).mounts if m.writable}
    assert writable == {"/app/program", "/app/output"}


def test_everything_is_stored_before_the_scores_are_said(site: Site, attempt: Attempt) -> None:
    def program(desk: Desk) -> int:
        desk.write("detailed_results.html", "<p>fine</p>")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: program}), detailed_results=True)
    assert site.objects["out-detailed_results"] == b"<p>fine</p>"
    assert json.loads(site.output(Output.SCORING_OUTPUT)["scores.json"]) == {"accuracy": 1}
    assert site.kinds().index(Kind.FINISHED) > max(
        i for i, kind in enumerate(site.kinds()) if kind == Kind.OUTPUT
    )


def test_machine_is_free_once_no_container_runs_and_before_anything_is_stored(
    site: Site, settings: Settings, home: Home
) -> None:
    engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)})
    seen: list[tuple[int, list[str]]] = []

    def note() -> None:
        seen.append((len(engine.plans), list(site.objects)))

    perform(make_spec(), "q1w2e3r4-test", settings, engine, home, note)
    assert seen == [(1, [])]
    assert site.last().kind == Kind.FINISHED


def test_first_html_stands_in_for_detailed_results(site: Site, attempt: Attempt) -> None:
    def program(desk: Desk) -> int:
        desk.write("scores.html", "old")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: program}), detailed_results=True)
    assert site.objects["out-detailed_results"] == b"old"


def test_detailed_results_stay_away_when_the_benchmark_shows_none(
    site: Site, attempt: Attempt
) -> None:
    def program(desk: Desk) -> int:
        desk.write("detailed_results.html", "x")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: program}))
    assert "out-detailed_results" not in site.objects


def test_program_and_ingestion_run_side_by_side(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)
    site.inputs["ingestion_program"] = zip_of(
        {"metadata": "command: ingest $input $submission_program"}
    )
    site.inputs["input_data"] = zip_of({"cases.csv": "1\n"})
    barrier = threading.Barrier(2, timeout=PATIENCE_S)

    def meet(desk: Desk) -> int:
        barrier.wait()
        desk.write(f"{desk.plan.role}.txt", "x")
        return 0

    engine = FakeEngine({
        Role.PREDICTION_PROGRAM: meet, Role.PREDICTION_INGESTION: meet,
        Role.SCORING_PROGRAM: score_of(accuracy=1),
    })  # fmt: skip
    attempt(engine)
    assert site.last().kind == Kind.FINISHED
    assert set(site.output(Output.PREDICTION_OUTPUT)) == {
        "prediction_program.txt", "prediction_ingestion.txt", "metadata",
    }  # fmt: skip
    ingestion = engine.plan(Role.PREDICTION_INGESTION)
    assert ingestion.argv == ("ingest", "/app/input_data", "/app/ingested_program")
    assert {m.target for m in engine.plan(Role.PREDICTION_PROGRAM).mounts} == {
        "/app/program", "/app/output", "/app/input_data", "/app/input",
    }  # fmt: skip


def test_reference_is_mounted_in_the_scoring_container_alone(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: ingest"})
    site.inputs["input_data"] = zip_of({"cases.csv": "1\n"})
    for only in (False, True):
        engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)})
        attempt(engine, ingestion_only_during_scoring=only)
        with_reference = {
            plan.role
            for plan in engine.plans
            if any((mount.source / "truth.txt").exists() for mount in plan.mounts)
        }
        assert len(engine.plans) == 3
        assert with_reference == {Role.SCORING_PROGRAM}
        site.events.clear()


def test_ingestion_during_scoring_shares_a_folder_and_not_the_output(
    site: Site, attempt: Attempt
) -> None:
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: ingest $shared"})
    barrier = threading.Barrier(2, timeout=PATIENCE_S)

    def forge(desk: Desk) -> int:
        desk.write("scores.json", '{"accuracy": 99}')
        (desk.folder("/app/shared") / "question").write_text("?")
        barrier.wait()
        return 1  # an ingestion program's code never matters

    def program(desk: Desk) -> int:
        barrier.wait()
        assert (desk.folder("/app/shared") / "question").exists()
        return score_of(accuracy=0.25)(desk)

    engine = FakeEngine({Role.SCORING_PROGRAM: program, Role.SCORING_INGESTION: forge})
    attempt(engine, ingestion_only_during_scoring=True)
    assert site.last().scores == {"accuracy": 0.25}
    seen = {m.target for m in engine.plan(Role.SCORING_INGESTION).mounts}
    assert seen == {
        "/app/program", "/app/output", "/app/ingested_program", "/app/input/res", "/app/shared",
    }  # fmt: skip


def test_ingestion_that_outlives_scoring_is_stopped(site: Site, attempt: Attempt) -> None:
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: ingest"})

    def forever(desk: Desk) -> int:
        desk.killed.wait(PATIENCE_S)
        return 0

    engine = FakeEngine(
        {Role.SCORING_PROGRAM: score_of(accuracy=1), Role.SCORING_INGESTION: forever}
    )
    attempt(engine, ingestion_only_during_scoring=True, timeout_s=10)
    assert site.last().kind == Kind.FINISHED


def test_failing_ingestion_never_fails_the_run(site: Site, attempt: Attempt) -> None:
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: ingest"})
    engine = FakeEngine(
        {Role.PREDICTION_INGESTION: lambda _: 1, Role.SCORING_PROGRAM: score_of(accuracy=1)}
    )
    attempt(engine)
    assert site.last().kind == Kind.FINISHED
    assert "ingestion program ended with code 1" in site.notes()
    assert [event.step for event in site.events if event.kind == Kind.NOTE] == ["ingest"]
    assert site.output(Output.PREDICTION_OUTPUT)["answer.txt"] == b"42\n"


def test_program_that_fails_without_output_is_the_participants(
    site: Site, attempt: Attempt
) -> None:
    site.inputs["submission"] = zip_of(CODE)

    def crash(desk: Desk) -> int:
        desk.say("Traceback\nKeyError: 'age'\n", error=True)
        return 1

    attempt(FakeEngine({Role.PREDICTION_PROGRAM: crash}))
    assert site.last().blame == Blame.PARTICIPANT
    assert site.last().text == (
        "The submission's program ended with code 1. Its last words: “KeyError: 'age'”. It wrote no output."
    )
    assert "KeyError" in site.log("prediction_stderr")


def test_program_that_fails_after_writing_is_scored(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)

    def partly(desk: Desk) -> int:
        desk.write("half.txt", "x")
        return 3

    attempt(
        FakeEngine({Role.PREDICTION_PROGRAM: partly, Role.SCORING_PROGRAM: score_of(accuracy=0.1)})
    )
    assert site.last().scores == {"accuracy": 0.1}
    assert "ended with code 3" in site.notes()


def test_failed_scoring_quotes_what_failed_before(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)

    def partly(desk: Desk) -> int:
        desk.write("half.txt", "x")
        return 3

    attempt(FakeEngine({Role.PREDICTION_PROGRAM: partly, Role.SCORING_PROGRAM: lambda _: 1}))
    assert site.last().blame == Blame.PARTICIPANT
    assert "code 3" in site.last().text
    assert "Then scoring failed" in site.last().text
    assert "half.txt" in site.output(Output.PREDICTION_OUTPUT)


def test_scoring_that_fails_alone_is_the_organizers(site: Site, attempt: Attempt) -> None:
    attempt(FakeEngine({Role.SCORING_PROGRAM: lambda _: 2}))
    assert site.last().kind == Kind.FAILED
    assert site.last().blame == Blame.ORGANIZER
    assert site.last().text.startswith("The scoring program ended with code 2.")
    assert f"out-{Output.SCORING_OUTPUT}" not in site.objects


def test_words_of_the_scoring_program_stay_out_of_the_reason(site: Site, attempt: Attempt) -> None:
    site.inputs["reference_data"] = zip_of({"truth.txt": "canary-of-the-truth"})

    def crash(desk: Desk) -> int:
        truth = (desk.folder("/app/input/ref") / "truth.txt").read_text()
        desk.say(f"AssertionError: expected {truth}\n", error=True)
        return 1

    attempt(FakeEngine({Role.SCORING_PROGRAM: crash}))
    assert "canary-of-the-truth" not in site.last().text + site.notes()
    assert "canary-of-the-truth" in site.log("scoring_stderr")


def _blames(text: str, *, code: int = 1, scores: str = "") -> Program:
    def program(desk: Desk) -> int:
        desk.write("submission_error.txt", text)
        if scores:
            desk.write("scores.json", scores)
        return code

    return program


@pytest.mark.parametrize(
    ("code", "scores"), [(1, ""), (0, ""), (0, "{}"), (0, '{"accuracy"'), (3, '{"accuracy": 1}')]
)
def test_scoring_program_can_lay_a_failure_to_the_submission(
    site: Site, attempt: Attempt, code: int, scores: str
) -> None:
    blames = _blames("It lacks 3 of 7 cases.\n", code=code, scores=scores)
    attempt(FakeEngine({Role.SCORING_PROGRAM: blames}))
    assert (site.last().kind, site.last().blame) == (Kind.FAILED, Blame.PARTICIPANT)
    assert site.last().text == (
        "The scoring program says that the submission is at fault: “It lacks 3 of 7 cases.”"
    )


def test_word_against_a_submission_that_has_scores_is_a_note(site: Site, attempt: Attempt) -> None:
    blames = _blames("2 rows were ignored", code=0, scores='{"accuracy": 1}')
    attempt(FakeEngine({Role.SCORING_PROGRAM: blames}))
    assert site.last().kind == Kind.FINISHED
    assert "The scoring program says of the submission: “2 rows were ignored”" in site.notes()


def test_empty_word_against_a_submission_is_none(site: Site, attempt: Attempt) -> None:
    attempt(FakeEngine({Role.SCORING_PROGRAM: _blames(" \n")}))
    assert site.last().blame == Blame.ORGANIZER


def test_only_the_scoring_programs_own_folder_can_blame(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of({"submission_error.txt": "from the submission"})
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: ingest $shared"})
    written = threading.Event()

    def forge(desk: Desk) -> int:
        for folder in ("/app/output", "/app/shared"):
            (desk.folder(folder) / "submission_error.txt").write_text("from beside")
        written.set()
        return 0

    def crash(desk: Desk) -> int:
        written.wait(PATIENCE_S)
        return 1

    engine = FakeEngine({Role.SCORING_PROGRAM: crash, Role.SCORING_INGESTION: forge})
    attempt(engine, ingestion_only_during_scoring=True)
    assert site.last().blame == Blame.ORGANIZER
    assert "from" not in site.last().text + site.notes()


@pytest.mark.parametrize(
    ("name", "result_only", "is_said"),
    [("main.py", False, True), ("main.py", True, False), ("answer.txt", False, False)],
)
def test_files_taken_as_results_are_mentioned_only_where_they_may_be_a_program(
    site: Site, attempt: Attempt, name: str, result_only: bool, is_said: bool
) -> None:
    site.inputs["submission"] = zip_of({name: "1"})
    attempt(FakeEngine({Role.SCORING_PROGRAM: lambda _: 1}), result_only=result_only)
    assert site.last().text.startswith("The scoring program ended with code 1.")
    assert ("its files were taken as results" in site.last().text) == is_said


@pytest.mark.parametrize(
    ("scoring", "sentence"),
    [
        ({"score.py": ""}, "it has no metadata.yaml or metadata file in its root"),
        ({"metadata": "description: none"}, "metadata: it names no command"),
        ({"metadata": "command: [1"}, "metadata: line 1"),
        ({"metadata": "command: 'a \"b'"}, "cannot be split into words"),
    ],
)
def test_scoring_program_without_a_command_is_the_organizers(
    site: Site, attempt: Attempt, scoring: dict[str, str], sentence: str
) -> None:
    site.inputs["scoring_program"] = zip_of(scoring)
    attempt()
    assert site.last().blame == Blame.ORGANIZER
    assert sentence in site.last().text


def test_task_without_scoring_program_is_the_organizers(site: Site, attempt: Attempt) -> None:
    del site.inputs["scoring_program"]
    attempt()
    assert (site.last().kind, site.last().blame) == (Kind.FAILED, Blame.ORGANIZER)


def test_submission_with_idle_metadata_says_what_to_do(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of({"metadata": "author: me", "answer.txt": "1"})
    attempt()
    assert site.last().blame == Blame.PARTICIPANT
    assert "Add a command, or leave the file out" in site.last().text


def test_phase_for_results_refuses_a_program(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)
    engine = FakeEngine()
    attempt(engine, result_only=True)
    assert site.last().blame == Blame.PARTICIPANT
    assert "takes results only" in site.last().text
    assert engine.plans == []


def test_dataset_submission_is_what_the_ingestion_program_works_on(
    site: Site, attempt: Attempt
) -> None:
    site.inputs["submission"] = zip_of({"train.csv": "1\n"})
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: train $submission_program"})
    site.inputs["input_data"] = zip_of({"method.py": ""})

    def train(desk: Desk) -> int:
        assert (desk.folder("/app/ingested_program") / "train.csv").read_text() == "1\n"
        assert (desk.folder("/app/input_data") / "method.py").exists()
        desk.write("predictions.csv", "0.5")
        return 0

    attempt(FakeEngine({Role.PREDICTION_INGESTION: train, Role.SCORING_PROGRAM: score_of(auc=0.5)}))
    assert site.last().scores == {"auc": 0.5}
    assert set(site.output(Output.PREDICTION_OUTPUT)) == {
        "metadata",
        "predictions.csv",
        "train.csv",
    }


def test_submission_that_is_no_zip_is_the_participants(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = b"not a zip at all"
    attempt()
    assert site.last().blame == Blame.PARTICIPANT
    assert "submission.zip" in site.last().text
    assert "not a readable zip file" in site.last().text


def test_wrapped_code_runs_from_its_folder_with_a_note(site: Site, attempt: Attempt) -> None:
    wrapped = {f"my-model/{name}": content for name, content in CODE.items()}
    site.inputs["submission"] = zip_of({**wrapped, "__MACOSX/junk": ""})
    engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)})
    attempt(engine)
    assert site.last().kind == Kind.FINISHED
    assert "my-model" in site.notes()
    assert engine.plan(Role.PREDICTION_PROGRAM).mounts[0].source.name == "my-model"


def test_wrapped_results_are_offered_with_and_without_their_folder(
    site: Site, attempt: Attempt
) -> None:
    site.inputs["submission"] = zip_of({"results/answer.txt": "42", "results/deep/x.txt": "1"})
    seen: list[str] = []

    def look(desk: Desk) -> int:
        res = desk.folder("/app/input/res")
        seen.extend(sorted(str(path.relative_to(res)) for path in res.rglob("*") if path.is_file()))
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: look}))
    assert seen == [
        "answer.txt", "deep/x.txt", "metadata", "results/answer.txt", "results/deep/x.txt",
    ]  # fmt: skip
    assert "single folder" in site.notes()


def test_wrapped_submission_is_spread_for_the_ingestion_program_too(
    site: Site, attempt: Attempt
) -> None:
    site.inputs["submission"] = zip_of({"mykit/model.py": "x = 1"})
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: python3 run.py"})
    seen: list[str] = []

    def look(desk: Desk) -> int:
        root = desk.folder("/app/ingested_program")
        seen.extend(sorted(str(path.relative_to(root)) for path in root.rglob("*.py")))
        return 0

    attempt(
        FakeEngine({
            Role.PREDICTION_INGESTION: look, Role.SCORING_PROGRAM: score_of(accuracy=1),
        })
    )  # fmt: skip
    assert seen == ["model.py", "mykit/model.py"]


def test_time_limit_kills_and_names_itself(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)
    killed = threading.Event()

    def forever(desk: Desk) -> int:
        if desk.killed.wait(PATIENCE_S):
            killed.set()
        return 0

    attempt(FakeEngine({Role.PREDICTION_PROGRAM: forever}), timeout_s=1)
    assert killed.is_set()
    assert site.last().blame == Blame.PARTICIPANT
    assert "took longer than the limit of 1 seconds" in site.last().text


def test_output_that_grows_too_large_is_stopped(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)

    def flood(desk: Desk) -> int:
        for number in range(12):
            desk.write(f"{number}.bin", "x" * 2**20)
        desk.killed.wait(PATIENCE_S)
        return 0

    attempt(FakeEngine({Role.PREDICTION_PROGRAM: flood}), output_mib=8)
    assert site.last().blame == Blame.PARTICIPANT
    assert "The output is too large: the limit is 8 MiB" in site.last().text


def test_container_ended_from_outside_is_the_platforms(site: Site, attempt: Attempt) -> None:
    def stopped(desk: Desk) -> int:
        desk.outside = "somebody pulled the plug"
        return 143

    attempt(FakeEngine({Role.SCORING_PROGRAM: stopped}))
    assert site.last().blame == Blame.PLATFORM
    assert "ended from outside (code 143): somebody pulled the plug." in site.last().text


@pytest.mark.parametrize("code", [137, 143])
def test_code_like_that_of_a_kill_is_no_proof_of_one(
    site: Site, attempt: Attempt, code: int
) -> None:
    site.inputs["submission"] = zip_of(CODE)
    attempt(FakeEngine({Role.PREDICTION_PROGRAM: lambda _: code}))
    assert site.last().blame == Blame.PARTICIPANT
    assert f"ended with code {code} (SIG" in site.last().text


def test_own_metadata_file_of_a_program_is_kept(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)

    def program(desk: Desk) -> int:
        desk.write("metadata", "mine")
        return 0

    engine = FakeEngine({Role.PREDICTION_PROGRAM: program, Role.SCORING_PROGRAM: score_of(a=1)})
    attempt(engine)
    assert site.last().kind == Kind.FINISHED
    assert site.output(Output.PREDICTION_OUTPUT)["metadata"] == b"mine"


def test_metadata_file_tells_codes_and_durations(site: Site, attempt: Attempt) -> None:
    site.inputs["submission"] = zip_of(CODE)
    site.inputs["ingestion_program"] = zip_of({"metadata": "command: ingest"})
    engine = FakeEngine({
        Role.PREDICTION_INGESTION: lambda _: 4, Role.SCORING_PROGRAM: score_of(a=1),
    })  # fmt: skip
    site.inputs["input_data"] = zip_of({"x": "1"})
    attempt(engine)
    text = site.output(Output.PREDICTION_OUTPUT)["metadata"].decode()
    assert "exitCode: 0\n" in text
    assert "ingestionExitCode: 4\n" in text
    assert "elapsedTime: 0." in text


def test_odd_scores_are_left_out_and_named(site: Site, attempt: Attempt) -> None:
    def program(desk: Desk) -> int:
        desk.write("scores.json", '{"accuracy": 0.5, "loss": NaN, "nested": {"a": 1}, "t": "3.5"}')
        return 0

    attempt(FakeEngine({Role.SCORING_PROGRAM: program}))
    assert site.last().scores == {"accuracy": 0.5, "t": 3.5}
    assert site.last().rejected == {
        "loss": "is nan, not a finite number (line 1 of scores.json)",
        "nested": "is a mapping, not a number (line 1 of scores.json)",
    }  # fmt: skip
    assert "'loss' is nan" in site.notes()


def test_missing_scores_file_is_the_organizers(site: Site, attempt: Attempt) -> None:
    attempt(FakeEngine({Role.SCORING_PROGRAM: lambda _: 0}))
    assert site.last().blame == Blame.ORGANIZER
    assert "neither scores.json nor scores.txt" in site.last().text


def test_long_log_is_capped_and_the_run_goes_on(site: Site, attempt: Attempt) -> None:
    def chatter(desk: Desk) -> int:
        desk.say("first words\n")
        for _ in range(400):
            desk.say("x" * 10_000)
        desk.say("\nlast words\n")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: chatter}), log_kib=64)
    log = site.log("scoring_stdout")
    assert len(log) < 70_000
    assert log.startswith("first words\n")
    assert log.endswith("\nlast words\n")
    assert "bytes are left out here" in log
    assert "is capped" in site.notes()
    assert site.last().kind == Kind.FINISHED


def test_log_lines_are_heard_while_the_program_runs(site: Site, attempt: Attempt) -> None:
    def talk(desk: Desk) -> int:
        desk.say("epoch 1\n")
        site.wait_for("epoch 1")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: talk}))
    assert site.last().kind == Kind.FINISHED


def test_cancel_kills_the_container_and_says_so(site: Site, attempt: Attempt) -> None:
    site.cancel_at = "running now"
    killed = threading.Event()

    def forever(desk: Desk) -> int:
        desk.say("running now\n")
        if desk.killed.wait(PATIENCE_S):
            killed.set()
        return 0

    attempt(FakeEngine({Role.SCORING_PROGRAM: forever}))
    assert killed.is_set()
    assert site.last().kind == Kind.CANCELLED


def test_superseded_attempt_stops_and_says_nothing_more(site: Site, attempt: Attempt) -> None:
    killed = threading.Event()

    def forever(desk: Desk) -> int:
        site.answers += [409]
        if desk.killed.wait(PATIENCE_S):
            killed.set()
        return 0

    attempt(FakeEngine({Role.SCORING_PROGRAM: forever}))
    assert killed.is_set()
    assert not {Kind.FAILED, Kind.FINISHED, Kind.CANCELLED} & set(site.kinds())


@pytest.mark.parametrize("status", [404, 409])
def test_refused_claim_starts_nothing(site: Site, attempt: Attempt, status: int) -> None:
    site.answers = [status]
    engine = FakeEngine()
    attempt(engine)
    assert site.events == []
    assert engine.prepared == []


def test_foreign_token_starts_nothing(site: Site, attempt: Attempt) -> None:
    attempt(token="of another run")
    assert site.events == []


def test_app_that_is_away_hears_everything_later(site: Site, attempt: Attempt) -> None:
    site.answers = [503, 200, 500, 502, 503]
    attempt(FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)}))
    assert site.last().kind == Kind.FINISHED
    assert [event.seq for event in site.events] == list(range(1, len(site.events) + 1))


def test_store_that_is_away_is_waited_for(
    site: Site, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "pause_s", lambda _: 0.01)
    site.object_answers = [503] * 5
    attempt(FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)}))
    assert site.last().kind == Kind.FINISHED


def test_store_that_stays_away_is_the_platforms(
    site: Site, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "pause_s", lambda _: 0.01)
    monkeypatch.setattr(transfer, "PATIENCE_S", 0.2)
    site.object_answers = [503] * 500
    attempt(FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)}))
    assert site.last().blame == Blame.PLATFORM


def test_expired_address_is_the_platforms(site: Site, attempt: Attempt) -> None:
    site.object_answers = [403] * 3
    attempt()
    assert site.last().blame == Blame.PLATFORM
    assert "status 403" in site.last().text


def test_changed_object_is_never_used(
    site: Site, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)})
    taken = site._claim

    def swapped() -> object:
        claim = taken()
        site.inputs["reference_data"] = b"z" * len(site.inputs["reference_data"])
        return claim

    monkeypatch.setattr(site, "_claim", swapped)
    attempt(engine)
    assert site.last().blame == Blame.PLATFORM
    assert engine.plans == []


def test_second_run_takes_the_task_from_the_cache(site: Site, attempt: Attempt) -> None:
    engine = FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)})
    attempt(engine)
    site.downloads.clear()
    site.events.clear()
    attempt(engine)
    assert site.last().kind == Kind.FINISHED
    assert site.downloads == ["submission"]


def test_program_cannot_change_what_is_cached(site: Site, attempt: Attempt) -> None:
    def vandal(desk: Desk) -> int:
        (desk.folder("/app/program") / "score.py").write_text("evil")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: vandal}))
    site.events.clear()
    seen = []

    def look(desk: Desk) -> int:
        seen.append((desk.folder("/app/program") / "score.py").read_text())
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: look}))
    assert seen == [SCORING["score.py"]]


def test_crash_of_the_worker_itself_is_the_platforms(
    site: Site, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeEngine):
        def give(self, *_: object, **__: object) -> None:
            raise LookupError("a bug")

    attempt(Broken())
    assert site.last().blame == Blame.PLATFORM
    assert "a bug" not in site.last().text
    assert "run.crashed" in caplog.text


def test_logs_hold_no_token_and_no_signature(
    site: Site, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    site.answers = [503]
    site.object_answers = [503]
    attempt(FakeEngine({Role.SCORING_PROGRAM: score_of(accuracy=1)}))
    said = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert TOKEN not in said
    assert SIGNATURE not in said
    assert "attempt.begins" in said


def test_out_of_memory_names_the_limit(site: Site, attempt: Attempt) -> None:
    class Starved(FakeEngine):
        def start(self, plan, on_output, on_exit):  # type: ignore[no-untyped-def]
            running = super().start(plan, on_output, on_exit)
            vars(running)["ended"] = lambda: Ended(137, 1.0, out_of_memory=True)
            return running

    attempt(Starved({Role.SCORING_PROGRAM: lambda _: 137}), memory_mib=256)
    assert "The scoring program ran out of memory: the limit is 256 MiB." in site.last().text


def test_lease_is_kept_through_a_silent_program(site: Site, attempt: Attempt) -> None:
    def quiet(desk: Desk) -> int:
        before = len(site.batches)
        with site.changed:
            heard = site.changed.wait_for(lambda: 0 in site.batches[before:], PATIENCE_S)
        return score_of(accuracy=float(heard))(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: quiet}))
    assert site.last().scores == {"accuracy": 1.0}


def test_orphaned_run_folders_are_swept(home: Home) -> None:
    lock = home.sign_in("q1w2e3r4-alive")
    home.new_run("q1w2e3r4-alive", 1, 1)
    home.new_run("q1w2e3r4-dead", 2, 1)
    assert home.sweep() == 1
    assert [p.name for p in (home.folder / "runs").iterdir()] == ["q1w2e3r4-alive"]
    lock.close()


def test_folder_of_the_machine_stands_read_only_in_every_container(
    site: Site, settings: Settings, home: Home, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    site.inputs["submission"] = zip_of(CODE)
    engine = FakeEngine()
    shared = replace(settings, data_dir=str(tmp_path / "scans"))
    perform(make_spec(), "q1w2e3r4-test", shared, engine, home)
    assert len(engine.plans) == 2
    for plan in engine.plans:
        (mount,) = [one for one in plan.mounts if one.target == "/app/data"]
        assert (mount.source, mount.writable) == (tmp_path / "scans", False)
