"""Programs for inside a container: one that tries everything, one that only computes."""

from __future__ import annotations

PROBE = r'''
import ctypes, errno, json, os, platform, resource, signal, socket, subprocess, sys

needles = [bytes.fromhex(word) for word in sys.argv[2].split(",")]
port, libc = int(sys.argv[3]), ctypes.CDLL(None, use_errno=True)
facts = {}


def tried(action):
    try:
        action()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]


def call(*numbers_and_args):
    (x86, arm), *args = numbers_and_args
    number = x86 if platform.machine() == "x86_64" else arm
    ctypes.set_errno(0)
    done = libc.syscall(number, *args) >= 0
    return "done" if done else errno.errorcode[ctypes.get_errno()]


def filled(folder, piece):
    count = 0
    try:
        with open(folder + "/fill", "wb", buffering=0) as file:
            while count < 400:
                count += file.write(bytes(piece)) / 2**20
    except OSError as error:
        return [errno.errorcode[error.errno], count]
    finally:
        os.unlink(folder + "/fill")
    return ["done", count]


def files_in(folder, most):
    os.mkdir(folder)
    end, count = "done", 0
    try:
        for count in range(most):
            os.close(os.open(f"{folder}/{count}", os.O_CREAT))
    except OSError as error:
        end = errno.errorcode[error.errno]
    for number in range(count + (end == "done")):
        os.unlink(f"{folder}/{number}")
    return [end, count]


def forked():
    children, end = [], "done"
    try:
        while len(children) < 500:
            pid = os.fork()
            if not pid:
                signal.pause()
            children.append(pid)
    except OSError as error:
        end = errno.errorcode[error.errno]
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return [end, len(children)]


def holds(path):
    try:
        with open(path, "rb") as file:
            content = file.read(2**22)
    except OSError:
        return False
    return any(needle in content for needle in needles)


def found():
    """Look for what no program may learn, wherever this user can look."""
    places = []
    for top in os.listdir("/"):
        if top in ("proc", "sys", "usr", "lib", "lib64", "bin", "sbin", "boot"):
            continue
        for folder, folders, files in os.walk("/" + top):
            folders[:] = [one for one in folders if not os.path.islink(f"{folder}/{one}")]
            places += [f"{folder}/{one}" for one in files if os.path.isfile(f"{folder}/{one}")]
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            places += [f"/proc/{pid}/{one}" for one in ("environ", "mountinfo", "cmdline")]
    mine = f"/proc/{os.getpid()}/cmdline"
    return sorted(place for place in places if place != mine and holds(place))


def masked(path):
    try:
        with open(path, "rb") as file:
            return "empty" if not file.read(1) else "readable"
    except OSError as error:
        return errno.errorcode[error.errno]


status = dict(line.strip().split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
facts["is root"] = [os.getuid() == 0, os.getgid() == 0, 0 in os.getgroups()]
facts["capabilities"] = sum(int(status["Cap" + kind], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
facts["no new privileges"], facts["seccomp"] = int(status["NoNewPrivs"]), int(status["Seccomp"])
facts["writes"] = {
    place: tried(lambda: open(place, "w"))
    for place in (
        "/probe", "/etc/probe", "/usr/bin/probe", "/var/probe", "/app/.bin/python",
        "/app/input_data/probe", "/proc/sys/kernel/hostname",
        "/sys/kernel/probe",
    )
}
facts["full"] = {place: filled(place, 2**18) for place in ("/tmp", "/dev/shm")}
facts["files in /tmp"] = files_in("/tmp/many", 300_000)
facts["forks"] = forked()
facts["limits"] = [resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)]
facts["interfaces"] = [name for _, name in socket.if_nameindex()]
facts["routes"] = len(open("/proc/net/route").read().splitlines()) - 1
facts["worker's port"] = tried(lambda: socket.create_connection(("127.0.0.1", port), 5))
facts["sockets"] = {
    name: tried(lambda: socket.socket(*wanted))
    for name, *wanted in (
        ("packet", 17, socket.SOCK_RAW), ("raw", socket.AF_INET, socket.SOCK_RAW, 1),
        ("crypto", 38, socket.SOCK_SEQPACKET), ("vsock", 40, socket.SOCK_STREAM),
        ("netfilter", 16, socket.SOCK_RAW, 12), ("unix", socket.AF_UNIX, socket.SOCK_STREAM),
    )
}
facts["calls"] = {
    "io_uring_setup": call((425, 425), 8, 0), "io_uring_enter": call((426, 426), 0, 0, 0, 0, 0, 0),
    "io_uring_register": call((427, 427), 0, 0, 0, 0),
    "bpf": call((321, 280), 0, 0, 0), "userfaultfd": call((323, 282), 1),
    "keyctl": call((250, 219), 0, -3, 0), "add_key": call((248, 217), b"user", b"x", b"y", 1, -3),
    "request_key": call((249, 218), b"user", b"x", 0, 0),
    "perf_event_open": call((298, 241), 0, 0, -1, -1, 0), "ptrace": call((101, 117), 0, 0, 0, 0),
    "mount": call((165, 40), b"none", b"/tmp", b"tmpfs", 0, 0), "umount2": call((166, 39), b"/tmp", 2),
    "open_tree": call((428, 428), -100, b"/", 1), "fsopen": call((430, 430), b"tmpfs", 0),
    "move_mount": call((429, 429), 0, b"", 0, b"", 0), "pivot_root": call((155, 41), b"/", b"/"),
    "chroot": call((161, 51), b"/tmp"), "unshare users": call((272, 97), 0x10000000),
    "setns": call((308, 268), 0, 0), "syslog": call((103, 116), 3, 0, 0),
    "init_module": call((175, 105), 0, 0, b""), "kexec_load": call((246, 104), 0, 0, 0, 0),
    "swapon": call((167, 224), b"/tmp/x", 0), "quotactl": call((179, 60), 0, 0, 0, 0),
    "settimeofday": call((164, 170), 0, 0), "sethostname": call((170, 161), b"x", 1),
    "open_by_handle_at": call((304, 265), 0, 0, 0), "fanotify_init": call((300, 262), 0, 0),
    "mbind": call((237, 235), 0, 0, 0, 0, 0, 0), "clone3": call((435, 435), 0, 0),
    "mknod of a device": tried(lambda: os.mknod("/tmp/null", 0o020666, os.makedev(1, 3))),
    "chown to root": tried(lambda: os.chown(sys.argv[0], 0, 0)),
}
facts["new namespace by clone"] = call((56, 220), 0x10000000 | 17, 0, 0, 0, 0)
facts["devices"] = sorted({*os.listdir("/dev")} - {"core"})
facts["masked"] = {
    place: masked(place) for place in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/dev/mem")
}
facts["engine's socket"] = [one for one in ("/run/docker.sock", "/var/run/docker.sock") if os.path.exists(one)]
facts["processes"] = sorted(
    open(f"/proc/{pid}/comm").read().strip() for pid in os.listdir("/proc") if pid.isdigit()
)
flags = {line.split()[1]: set(line.split()[3].split(",")) for line in open("/proc/self/mounts")}
facts["mounts"] = {
    place: sorted(flags[place] & {"ro", "nosuid", "nodev", "noexec"})
    for place in ("/", "/tmp", "/dev/shm", "/app/output", "/app/program", "/app/input_data", "/app/.bin")
}
facts["environment"] = sorted(os.environ)
facts["found"] = found()
print(json.dumps(facts))
'''

COMPUTING = r"""
import asyncio, concurrent.futures, ctypes, mmap, multiprocessing, os, resource, socket, subprocess
import sys, tempfile, threading, time
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plot
import numpy, pandas, scipy.linalg, scipy.optimize
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score


def square(x):
    return x * x


async def nap():
    child = await asyncio.create_subprocess_exec("python3", "-c", "print(6 * 7)", stdout=-1)
    return int((await child.communicate())[0])


def main(target):
    a = numpy.random.default_rng(0).normal(size=(400, 400))
    assert numpy.allclose(a @ scipy.linalg.inv(a), numpy.eye(400), atol=1e-6)
    assert scipy.optimize.minimize(lambda x: (x - 3) ** 2, 0.0).success
    x, y = a[:, :5], a[:, 0] > 0
    assert cross_val_score(RandomForestClassifier(20, n_jobs=2), x, y, n_jobs=2).mean() > 0.9
    assert pandas.DataFrame(x).groupby(y).mean().shape == (2, 5)
    plot.plot(a[0]); plot.savefig(target + "/plot.png")
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(square, range(8)) == [n * n for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(square, range(100))) == 328350
    queue = multiprocessing.Queue(); queue.put("x"); assert queue.get() == "x"
    assert subprocess.run("echo $((6*7)) | cat", shell=True, capture_output=True).stdout == b"42\n"
    assert asyncio.run(nap()) == 42
    mmap.mmap(-1, 2**20).close()
    os.mkfifo("/tmp/pipe")
    os.close(os.memfd_create("x")); os.close(os.pidfd_open(os.getpid()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    assert socket.getaddrinfo("localhost", 80)
    with tempfile.TemporaryDirectory() as folder, open(folder + "/x", "w") as file:
        file.write("x"); os.posix_fallocate(file.fileno(), 0, 2**16)
    open(target + "/answer.txt", "w").write("42")


if __name__ == "__main__":
    main(sys.argv[2])
"""

SEARCH = r"""
import os, stat, sys

target, needle = sys.argv[1], bytes.fromhex(sys.argv[2])
places = ["/", *(f"/proc/{pid}/{one}" for pid in os.listdir("/proc") if pid.isdigit()
                 for one in ("root", "cwd", "fd"))]
seen, hits, looked = set(), 0, 0


def look(path):
    global hits, looked
    try:
        facts = os.stat(path)
        if (facts.st_dev, facts.st_ino) in seen:
            return
        seen.add((facts.st_dev, facts.st_ino))
        if not stat.S_ISREG(facts.st_mode):
            return
        with open(path, "rb") as file:
            content = file.read(2**22)
    except OSError:
        return
    looked += 1
    if needle in content or needle in os.fsencode(path):
        hits += 1
        print("found in", path, flush=True)
        with open(f"{target}/loot{hits}", "wb") as file:
            file.write(content)


for top in places:
    for folder, folders, files in os.walk(top, followlinks=False):
        folders[:] = [one for one in folders if f"{folder}/{one}" not in
                      ("//usr", "//sys", "/usr", "/sys", "/proc/sys", "//proc/sys") and
                      not (folder.startswith("/proc/") and one in ("usr", "sys", "task", "map_files"))]
        for name in files:
            if f"{folder}/{name}" not in ("/proc/kmsg", "/proc/kcore", "//proc/kmsg", "//proc/kcore"):
                look(f"{folder}/{name}")
segments = open("/proc/sysvipc/shm").read().splitlines()[1:]
queues = os.listdir("/dev/mqueue") if os.path.isdir("/dev/mqueue") else []
names = [line for line in open("/proc/net/unix").read().splitlines()[1:] if "@" in line]
print("looked at many files" if looked > 100 else f"looked at {looked} files only")
print("foreign:", len(segments), queues, len(names), hits)
open(f"{target}/answer.txt", "w").write("0.5")
"""
"""Looks for some bytes wherever its user can, takes what holds them, and counts what others left."""

LITTER = r"""
import ctypes, os, socket, sys, time

target, canary, nap = sys.argv[1], bytes.fromhex(sys.argv[2]), float(sys.argv[3])
wrote = 0
for top, folders, _ in os.walk("/"):
    folders[:] = [one for one in folders if f"{top}/{one}" not in ("//proc", "//sys", "//usr", "/proc")]
    try:
        with open(f"{top}/{canary.decode()}", "wb") as file:
            file.write(canary)
        wrote += 1
    except OSError:
        continue
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(0x5EC4E7, 4096, 0o1666)
ctypes.memmove(libc.shmat(segment, None, 0), canary, len(canary))
libc.mq_open(b"/litter", os.O_CREAT | os.O_RDWR, 0o666, None)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\0litter")
listener.listen()
print("littered", wrote, flush=True)
open(f"{target}/answer.txt", "w").write("0.5")
time.sleep(nap)
"""
"""Leaves some bytes in every place that takes them, then naps."""
