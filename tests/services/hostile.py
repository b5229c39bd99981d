"""Submissions that want more than a score: what they try, and how each must end."""

from __future__ import annotations

from tests.services.bundles import code, zipped
from tests.services.cases import CASES, EVERYWHERE, Case

_FORK_BOMB = """\
import os, pathlib, sys, time
children = 0
try:
    while children < 3000:
        if os.fork() == 0:
            time.sleep(3600)
        children += 1
except OSError as error:
    print("stopped by", type(error).__name__, flush=True)
pathlib.Path(sys.argv[2], "answer.txt").write_text(str(float(children < 300)))
"""
_FILL_EVERYTHING = """\
import pathlib, sys
for folder in ("/tmp", "/dev/shm", "/app/program", sys.argv[2]):
    try:
        with open(folder + "/filler", "wb") as file:
            for _ in range(4096):
                file.write(bytes(2**20))
    except OSError as error:
        print(folder, "stopped by", error.strerror, flush=True)
"""
_LINK_TO_THE_TRUTH = """\
import os, pathlib, sys
out = pathlib.Path(sys.argv[2])
(out / "answer.txt").symlink_to("/app/input/ref/truth.txt")
(out / "folder").symlink_to("/app/input/ref")
"""
_PIPE = """\
import os, sys
os.mkfifo(sys.argv[2] + "/answer.txt")
"""
_DEVICE = """\
import os, pathlib, sys
refused = 0
for kind in (0o020666, 0o060666):
    try:
        os.mknod(sys.argv[2] + "/device", kind, os.makedev(1, 5))
    except OSError:
        refused += 1
pathlib.Path(sys.argv[2], "answer.txt").write_text(str(refused / 4))
"""
_ESCAPE = """\
import os, pathlib, socket, sys
def works(act):
    try:
        act()
    except (OSError, AttributeError):
        return False
    return True
def call(path):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
tries = {
    "engine": lambda: call("/var/run/docker.sock"),
    "engine here": lambda: call("/run/docker.sock"),
    "memory": lambda: open("/proc/kcore", "rb").read(1),
    "kernel": lambda: open("/proc/sysrq-trigger", "wb").write(b"h"),
    "core pattern": lambda: open("/proc/sys/kernel/core_pattern", "wb").write(b"|/x"),
    "control groups": lambda: os.mkdir("/sys/fs/cgroup/escape"),
    "root of the first process": lambda: os.listdir("/proc/1/root/root"),
    "disk": lambda: open("/dev/sda", "rb"),
    "root": lambda: os.setuid(0),
    "namespaces": lambda: os.chroot("/tmp"),
    "reference": lambda: os.listdir("/app/input/ref"),
    "the machine's root": lambda: open("/etc/shadow").read(),
}
worked = [name for name, act in tries.items() if works(act)]
print("worked:", worked, flush=True)
pathlib.Path(sys.argv[2], "answer.txt").write_text(str(0.5 * (not worked)))
"""
_ODD_NAMES = """\
import os, sys
out = os.fsencode(sys.argv[2])
open(out + b"/answer.txt", "w").write("0.5")
for name in (b"\\xff\\xfe", b"line\\nbreak", b"-rf", b"$(id)", b"a" * 255):
    open(out + b"/" + name, "w").close()
deep = out
for _ in range(200):
    deep += b"/d"
    os.mkdir(deep)
"""
_MANY_FILES = """\
import sys
for number in range(200_000):
    open(f"{sys.argv[2]}/{number}", "w").close()
"""
_KILLS_ITS_NEIGHBOURS = """\
import os, pathlib, signal, sys
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        try:
            os.kill(int(name), signal.SIGKILL)
        except OSError:
            pass
pathlib.Path(sys.argv[2], "answer.txt").write_text("0.5")
"""
_FALSE_SCORES = """\
import pathlib, sys
for name in ("scores.json", "scores.txt", "../scores.json", "../../scores.json"):
    try:
        pathlib.Path(sys.argv[2], name).write_text('{"score": 1000}')
    except OSError:
        pass
pathlib.Path(sys.argv[2], "answer.txt").write_text("0.5")
"""

HOSTILE = [
    Case("fork bomb", "code", code(_FORK_BOMB), score=2.0),
    Case("everything filled", "code", code(_FILL_EVERYTHING), "failed", blame="participant",
         reason="output is too large: the limit is 16 MiB"),
    Case("link to the reference data", "code", code(_LINK_TO_THE_TRUTH), "failed",
         blame="participant", reason="Then scoring failed: .* ended with code 1",
         note="answer.txt is a symbolic link; folder is a symbolic link"),
    Case("pipe for an answer", "code", code(_PIPE), "failed", blame="participant",
         reason="Then scoring failed: .* ended with code 1", note="answer.txt is a pipe"),
    Case("device for an answer", "code", code(_DEVICE), score=1.0),
    Case("ways out", "code", code(_ESCAPE), score=1.0,
         check=lambda seen: seen.run.logs["prediction_stdout"] == "worked: []\n"),
    Case("names that hurt", "code", code(_ODD_NAMES), score=1.0, note="not UTF-8"),
    Case("more files than anybody counts", "code", code(_MANY_FILES), "failed",
         blame="participant", reason="too large: .* and 100000 files"),
    Case("kills what it sees", "code", code(_KILLS_ITS_NEIGHBOURS), score=1.0),
    Case("scores of its own", "code", code(_FALSE_SCORES), score=1.0, engines=EVERYWHERE),
    Case("results that score themselves", "code",
         zipped({"answer.txt": "0.5", "scores.json": '{"score": 1000}'}), score=1.0,
         engines=EVERYWHERE),
]  # fmt: skip
"""Each comes to its end, for the right reason, and touches nothing of the others."""


EVERY = [*CASES, *HOSTILE]
