"""The same attempts on every real engine: Docker, bubblewrap, plain child processes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.worker.programs import SCORE, program
from tests.worker.site import TOKEN, Site, make_spec, zip_of
from worker.contract import Blame, Kind, Output
from worker.engines import Engine, Owner
from worker.engines.choice import choose
from worker.engines.docker import DockerEngine
from worker.engines.process import ProcessEngine, find_bubblewrap
from worker.settings import Settings

pytestmark = pytest.mark.services
Attempt = Callable[..., None]
OWNER = Owner(f"test-{os.getpid()}", f"q1w2e3r4-test-{os.getpid()}")

PROBE = """
import json, os, socket, sys
facts = {"uid": os.getuid(), "environ": dict(os.environ), "cwd": os.getcwd()}
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
facts["caps"] = int(status["CapEff"], 16)
facts["no_new_privileges"] = int(status["NoNewPrivs"])
def tried(action):
    try:
        action()
        return "done"
    except OSError as error:
        return error.strerror
facts["write_root"] = tried(lambda: open("/probe", "w"))
facts["write_usr"] = tried(lambda: open("/usr/probe", "w"))
facts["write_program"] = tried(lambda: open("/app/program/probe", "w"))
facts["write_home"] = tried(lambda: open(os.path.expanduser("~/probe"), "w"))
facts["write_tmp"] = tried(lambda: open(os.path.join(os.environ["TMPDIR"], "p"), "w"))
facts["connect"] = tried(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2))
facts["interfaces"] = [name for _, name in socket.if_nameindex()]
facts["seen"] = sorted(os.path.join(a, f) for a, _, fs in os.walk("/app") for f in fs)
json.dump(facts, open(os.path.join(sys.argv[2], "facts.json"), "w"))
"""


def _docker(settings: Settings) -> DockerEngine:
    host = os.environ.get("PLUMBLINE_TEST_DOCKER_HOST")
    image = os.environ.get("PLUMBLINE_TEST_IMAGE")
    if not (host and image):
        pytest.skip("no Docker Engine: ./run test prepares one where it can")
    from_map = {"image_map": f"example/*={image}", "docker_host": host, "engine": "docker"}
    found = choose(Settings(**{**vars(settings), **from_map}), OWNER)
    assert isinstance(found, DockerEngine)
    return found


def _bubblewrap(settings: Settings) -> Engine:
    path = find_bubblewrap()
    if not path:
        pytest.skip("no bubblewrap that works here")
    return ProcessEngine(settings.home, path, Path(sys.executable).resolve())


@pytest.fixture
def engine(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Engine]:
    """The engine that a test is marked with, by parameter."""
    if request.param == "docker":
        docker = _docker(settings)
        yield docker
        docker.close()
    elif request.param == "bubblewrap":
        yield _bubblewrap(settings)
    else:
        yield ProcessEngine(settings.home, "", Path(sys.executable).resolve())


everywhere = pytest.mark.parametrize(
    "engine", ["docker", "bubblewrap", "subprocess"], indirect=True
)
isolated = pytest.mark.parametrize("engine", ["docker", "bubblewrap"], indirect=True)
on_docker = pytest.mark.parametrize("engine", ["docker"], indirect=True)
on_subprocess = pytest.mark.parametrize("engine", ["subprocess"], indirect=True)


@pytest.fixture(autouse=True)
def _scoring(site: Site) -> None:
    site.inputs["scoring_program"] = program(SCORE)


@everywhere
def test_code_submission_is_run_and_scored(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.inputs["input_data"] = zip_of({"question.txt": "6*7"})
    site.inputs["submission"] = program("""
import os, sys
question = open(os.path.join(sys.argv[1], "question.txt")).read()
print("thinking", flush=True)
print("hard", file=sys.stderr)
open(os.path.join(sys.argv[2], "answer.txt"), "w").write(str(eval(question)))
""")
    attempt(engine, detailed_results=True)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text
    assert site.last().container_s > 0
    assert site.log("prediction_stdout") == "thinking\n"
    assert site.log("prediction_stderr") == "hard\n"
    assert site.objects["out-detailed_results"] == b"<p>done</p>"
    assert site.output(Output.PREDICTION_OUTPUT)["answer.txt"] == b"42"
    score = next(event for event in site.events if event.step == "score")
    assert score.engine == engine.name
    assert bool(score.image_digest) is (engine.name == "docker")


@everywhere
def test_what_a_program_uses_is_told_while_it_runs(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program("import time\ntime.sleep(900)")
    site.cancel_at = Kind.SAMPLE  # nothing else ends it
    attempt(engine)
    sample = next(event for event in site.events if event.kind == Kind.SAMPLE)
    assert sample.usage["memory"] > 100_000
    assert sample.stream == "prediction_stdout"
    assert site.last().kind == Kind.CANCELLED


@everywhere
def test_result_submission_is_scored(site: Site, attempt: Attempt, engine: Engine) -> None:
    attempt(engine)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text


@everywhere
def test_python_answers_to_both_its_names(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.inputs["scoring_program"] = program(
        SCORE, "sh -c 'python --version && python3 $program/main.py $input $output'"
    )
    attempt(engine)
    assert site.last().kind == Kind.FINISHED, site.last().text
    assert site.log("scoring_stdout").startswith("Python 3")


@isolated
def test_program_is_shut_in(site: Site, attempt: Attempt, engine: Engine) -> None:
    port = site.url.rpartition(":")[2]
    site.inputs["submission"] = program(PROBE, f"python3 main.py $input $output {port}")
    site.inputs["input_data"] = zip_of({"case.txt": "1"})
    attempt(engine)
    facts = json.loads(site.output(Output.PREDICTION_OUTPUT)["facts.json"])
    assert facts["uid"] != 0
    assert facts["caps"] == 0
    assert facts["no_new_privileges"] == 1
    assert facts["write_root"] != "done"
    assert facts["write_usr"] != "done"
    assert facts["write_program"] == facts["write_home"] == facts["write_tmp"] == "done"
    assert facts["connect"] != "done"
    assert facts["interfaces"] == ["lo"]
    assert facts["cwd"] == "/app/program"
    assert not [path for path in facts["seen"] if "truth" in path]
    assert TOKEN not in json.dumps(facts)


@isolated
def test_hard_coded_app_paths_work(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.inputs["submission"] = program(
        "open('/app/output/answer.txt', 'w').write(open('/app/input_data/a.txt').read())",
        "python3 /app/program/main.py",
    )
    site.inputs["input_data"] = zip_of({"a.txt": "42"})
    attempt(engine)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text


@on_subprocess
def test_hard_coded_app_path_fails_with_that_reason(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program("", "python3 /app/program/main.py")
    attempt(engine)
    assert site.last().blame == Blame.PARTICIPANT
    assert "runs programs without containers, so /app does not exist" in site.last().text


@everywhere
def test_command_that_is_not_found_is_named(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.inputs["submission"] = program("", "no-such-tool --fast $input")
    attempt(engine)
    assert site.last().blame == Blame.PARTICIPANT
    assert "'no-such-tool' was not found" in site.last().text


@everywhere
def test_exit_code_reaches_the_reason(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.inputs["submission"] = program("raise SystemExit(3)")
    attempt(engine)
    assert site.last().text == "The submission's program ended with code 3. It wrote no output."


@everywhere
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("raise SystemExit(137)", 137),
        ("raise SystemExit(143)", 143),
    ],
)
def test_program_cannot_pass_its_end_off_as_the_machines_doing(
    site: Site, attempt: Attempt, engine: Engine, script: str, code: int
) -> None:
    site.inputs["submission"] = program(script)
    attempt(engine)
    assert site.last().blame == Blame.PARTICIPANT
    assert f"ended with code {code} (SIG" in site.last().text


@on_docker
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_container_that_somebody_stops_is_the_machines_doing(
    site: Site, attempt: Attempt, engine: Engine, how: str
) -> None:
    assert isinstance(engine, DockerEngine)
    site.inputs["submission"] = program("import time\nprint('ready', flush=True)\ntime.sleep(987)")
    thread = threading.Thread(target=attempt, args=(engine,), kwargs={"timeout_s": 300})
    thread.start()
    site.wait_for("ready")
    spec = make_spec()
    for container in engine._labelled("run", run=str(spec.run_id), worker=OWNER.worker):
        getattr(engine.client, how)(container["Id"])
    thread.join(PATIENCE_S)
    assert site.last().blame == Blame.PLATFORM
    assert "the container engine was told to stop it" in site.last().text


@everywhere
@pytest.mark.parametrize("odd", ['"python3 a\\0b"', '"python3 a\\ud800b"', "a" * 200_000])
def test_command_that_no_system_takes_is_its_authors_to_mend(
    site: Site, attempt: Attempt, engine: Engine, odd: str
) -> None:
    site.inputs["submission"] = program("", odd)
    attempt(engine)
    assert site.last().blame == Blame.PARTICIPANT


@everywhere
def test_time_limit_ends_a_program_and_its_children(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program(
        """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("ready", flush=True)
time.sleep(300)
""",
        f"python3 main.py mark-{engine.name}-{os.getpid()}",
    )
    for limit_s in (2, 20, 200):  # whatever a container needs here until its program speaks
        site.events.clear()
        attempt(engine, timeout_s=limit_s)
        if "ready" in site.log("prediction_stdout"):
            break
    assert f"took longer than the limit of {limit_s} seconds" in site.last().text
    assert "ready" in site.log("prediction_stdout")
    assert not _processes(f"mark-{engine.name}-{os.getpid()}")


@everywhere
def test_cancel_ends_a_program(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.cancel_at = "ready"
    site.inputs["submission"] = program("import time\nprint('ready', flush=True)\ntime.sleep(987)")
    attempt(engine, timeout_s=300)
    assert site.last().kind == Kind.CANCELLED


@isolated
def test_memory_limit_is_named(site: Site, attempt: Attempt, engine: Engine) -> None:
    site.inputs["submission"] = program("x = bytearray(600 * 2**20)")
    attempt(engine, memory_mib=128)
    assert "ran out of memory: the limit is 128 MiB" in site.last().text


@isolated
def test_fork_bomb_stays_in_its_box(site: Site, attempt: Attempt, engine: Engine) -> None:
    if engine.name == "bubblewrap" and os.geteuid() != 0:
        pytest.skip("processes are counted only for a user of the run's own")
    site.inputs["submission"] = program("""
import os, sys, time
n = 0
try:
    while n < 1000:
        if os.fork() == 0:
            time.sleep(60); os._exit(0)
        n += 1
except OSError as error:
    open(os.path.join(sys.argv[2], "answer.txt"), "w").write(f"{n < 64} {error.errno}")
""")
    attempt(engine, pids=64)
    assert site.output(Output.PREDICTION_OUTPUT)["answer.txt"] == b"True 11", site.last().text


@everywhere
def test_output_larger_than_the_limit_is_stopped(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program("""
import os, sys, time
for n in range(40):
    open(os.path.join(sys.argv[2], f"{n}.bin"), "wb").write(os.urandom(2**20))
time.sleep(987)
""")
    attempt(engine, output_mib=16, timeout_s=60)
    assert site.last().blame == Blame.PARTICIPANT
    assert "The output is too large: the limit is 16 MiB" in site.last().text


@isolated
def test_gigabyte_of_output_is_capped_and_the_run_goes_on(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program("""
import os, sys
block = b"noise " * 20000
for _ in range(2**30 // len(block)):
    os.write(1, block)
print("the end")
open(os.path.join(sys.argv[2], "answer.txt"), "w").write("42")
""")
    attempt(engine, timeout_s=300, log_kib=64)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text
    log = site.log("prediction_stdout")
    assert len(log) < 70_000
    assert log.endswith("the end\n")
    assert "is capped" in site.notes()


@isolated
def test_hostile_output_tree_is_refused_by_name(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program("""
import os, socket, sys
os.chdir(sys.argv[2])
open("answer.txt", "w").write("42")
os.symlink("/etc/hostname", "link")
os.symlink("/etc", "folder")
os.mkfifo("pipe")
os.link("answer.txt", "second")
open("new\\nline", "w").close()
socket.socket(socket.AF_UNIX).bind("socket")
deep = "d/" * 30
os.makedirs(deep)
""")
    attempt(engine)
    assert site.last().kind in (Kind.FINISHED, Kind.FAILED)
    assert set(site.output(Output.PREDICTION_OUTPUT)) == {"metadata"}
    for word in ("link is a symbolic link", "pipe is a pipe", "second has more than one hard link",
                 "socket is a socket", "more than 16 folders deep", "control characters"):  # fmt: skip
        assert word in site.notes()


@isolated
def test_sparse_file_counts_with_its_claimed_size(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program(
        "import os, sys; os.truncate(os.open(sys.argv[2] + '/answer.txt', os.O_CREAT | os.O_WRONLY), 40 * 2**20)"
    )
    attempt(engine, output_mib=16)
    assert site.last().blame == Blame.PARTICIPANT
    assert "larger than 16 MiB together" in site.last().text


@isolated
def test_ingestion_and_scoring_talk_while_both_run(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    wait = """
import os, sys, time
shared = sys.argv[1]
def wait(name):
    while not os.path.exists(f"{shared}/{name}"):
        time.sleep(0.05)
    return open(f"{shared}/{name}").read()
def say(name, text=""):
    open(f"{shared}/{name}.part", "w").write(text)
    os.rename(f"{shared}/{name}.part", f"{shared}/{name}")
"""
    site.inputs["ingestion_program"] = program(
        wait + "say('a', '42'); wait('b')\n"
        "print(os.path.exists('/app/input/ref'), os.path.exists('/app/ingested_program/answer.txt'), flush=True)\n"
        "say('c')",
        "python3 main.py $shared",
    )
    site.inputs["scoring_program"] = program(
        wait + "answer = wait('a'); say('b'); wait('c')\n"
        "open(sys.argv[2] + '/scores.txt', 'w').write('accuracy: ' + answer)",
        "python3 main.py $shared $output",
    )
    attempt(engine, ingestion_only_during_scoring=True)
    assert site.last().scores == {"accuracy": 42.0}, site.last().text
    assert site.log("scoring_ingestion_stdout") == "False True\n"


@on_docker
def test_missing_image_is_named(site: Site, attempt: Attempt, engine: Engine) -> None:
    engine._source._pull_policy = "never"  # type: ignore[attr-defined]
    attempt(engine, image="registry.test/nobody/nothing:9")
    assert site.last().blame == Blame.PLATFORM  # another machine may have it
    assert "registry.test/nobody/nothing:9 is not on this machine" in site.last().text


@on_docker
def test_registry_that_does_not_answer_is_the_platforms(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    attempt(engine, image="127.0.0.1:1/nobody/nothing:9")
    assert site.last().blame == Blame.PLATFORM
    assert "127.0.0.1:1/nobody/nothing:9 could not be pulled" in site.last().text


@on_docker
def test_image_name_that_is_none_is_the_organizers(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    attempt(engine, image="Not An Image")
    assert site.last().blame == Blame.ORGANIZER


@on_docker
def test_writable_root_and_image_user_are_granted(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program(
        "import os, sys; open('/probe', 'w'); open(sys.argv[2] + '/answer.txt', 'w').write(str(42 + os.getuid()))"
    )
    attempt(engine, writable_root=True, image_user=True)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text


@on_docker
def test_containers_of_dead_workers_are_swept(
    site: Site, attempt: Attempt, engine: Engine, settings: Settings
) -> None:
    site.inputs["submission"] = program("import time\nprint('ready', flush=True)\ntime.sleep(987)")
    thread = threading.Thread(target=attempt, args=(engine,), kwargs={"timeout_s": 300})
    thread.start()
    site.wait_for("ready")
    assert engine.sweep(lambda worker: worker == OWNER.worker) == 0
    assert engine.sweep(lambda worker: False) == 1
    thread.join(PATIENCE_S)
    assert site.last().blame == Blame.PLATFORM


@on_docker
def test_containers_of_a_lost_attempt_are_removed_and_no_others(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program("import time\nprint('ready', flush=True)\ntime.sleep(987)")
    thread = threading.Thread(target=attempt, args=(engine,), kwargs={"timeout_s": 300})
    thread.start()
    site.wait_for("ready")
    spec = make_spec()
    assert engine.remove_attempt(spec.run_id, spec.attempt + 1) == 0
    assert engine.remove_attempt(spec.run_id, spec.attempt) == 1
    thread.join(PATIENCE_S)
    assert site.last().blame == Blame.PLATFORM


@on_docker
def test_no_container_is_left_after_any_end(site: Site, attempt: Attempt, engine: Engine) -> None:
    attempt(engine)
    attempt(engine, timeout_s=1, run_id=8)
    assert isinstance(engine, DockerEngine)
    mine = {"label": ["plumbline=run", f"plumbline.worker={OWNER.worker}"]}
    left = engine.client.containers(all=True, filters=mine)
    assert left == []


def test_machine_without_container_engine_falls_back(settings: Settings) -> None:
    here = Settings(**{**vars(settings), "docker_host": "unix:///nonexistent.sock"})
    assert choose(here, OWNER).trusted_only


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs util-linux")
def test_shims_start_the_interpreter_they_name(settings: Settings) -> None:
    ProcessEngine(settings.home, "", Path(sys.executable).resolve())
    assert str(Path(sys.executable).resolve()) in (settings.home / "bin/python").read_text()


def _processes(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
