"""What a process costs: CPU time by the kernel's clock, memory; and what machine this is."""
import contextlib
import glob
import os
import platform
import re
import subprocess
import threading
import time

import house


def children(pid):
    """The processes that it has started: a camera's each."""
    found = []
    for file in glob.glob(f"/proc/{pid}/task/*/children"):
        with contextlib.suppress(OSError), open(file) as f:
            found += map(int, f.read().split())
    return found


def clock(pid):
    """The process's CPU clock, see clock_getcpuclockid(3): all its threads, also those that have
    ended; 0 when it is gone."""
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)
    return 0


def cpu(pid):
    """User and system time in seconds, of itself and of what it has started, ended or not."""
    with open(f"/proc/{pid}/stat") as f:
        ended = sum(map(int, f.read().rsplit(")", 1)[1].split()[13:15])) / os.sysconf("SC_CLK_TCK")
    return clock(pid) + ended + sum(map(clock, children(pid)))


def threads(pid):
    """CPU seconds by kind of thread: cam-door and cam-hall are both `cam`, and so are the processes
    of these cameras."""
    found = {"cam": sum(map(clock, children(pid)))}
    for task in glob.glob(f"/proc/{pid}/task/*"):
        with contextlib.suppress(OSError):  # it has ended
            with open(task + "/comm") as f:
                name = re.split(r"[-:]", f.read().strip())[0]
            with open(task + "/schedstat") as f:
                found[name] = found.get(name, 0) + int(f.read().split()[0]) / 1e9
    return found


def memory(pid):
    """Of it and its processes in MB: what several share counts once (PSS)."""
    total = 0
    for p in [pid] + children(pid):
        with contextlib.suppress(OSError), open(f"/proc/{p}/smaps_rollup") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total / 1024


def busy():
    """CPU seconds that the whole machine has worked, those that a hypervisor took included."""
    with open("/proc/stat") as f:
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def unread(port):
    """Bytes that wait in the kernel between the server at port and its clients, both ways."""
    total = 0
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            _, here, there, _, queues = line.split()[:5]
            tx, rx = (int(x, 16) for x in queues.split(":"))
            if int(here.split(":")[1], 16) == port:
                total += tx
            elif int(there.split(":")[1], 16) == port:
                total += rx
    return total


class Meter:
    """CPU of several processes over one stretch of time."""

    def __init__(self, pids):
        self.pids = pids
        self.begin = time.monotonic()
        self.before = {k: cpu(p) for k, p in pids.items()}
        self.busy = busy()

    def read(self):
        """(seconds passed, {name: share of a core}); `strangers` is all else on this machine."""
        passed = time.monotonic() - self.begin
        shares = {k: (cpu(p) - self.before[k]) / passed for k, p in self.pids.items()}
        shares["strangers"] = (busy() - self.busy) / passed - sum(shares.values())
        return passed, shares


def pause(seconds):
    threading.Event().wait(seconds)


def percentile(values, share):
    """The nearest rank; None of nothing."""
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def says(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True,
                              cwd=house.TOP).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine():
    """Date, commit and machine, a line each."""
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    with open("/etc/os-release") as f:
        system = re.search(r'PRETTY_NAME="(.*)"', f.read()).group(1)
    commit = says("git", "rev-parse", "--short=7", "HEAD") or "unknown"
    if says("git", "status", "--porcelain", "--", "daemon"):
        commit += " and changes"
    packages = says("dpkg-query", "-W", "-f", "${Package} ${Version}, ", "libopencv-dnn406",
                    "libavcodec59", "motion").rstrip(", ")
    return [f"{time.strftime('%Y-%m-%d')}, commit {commit}",
            f"{os.cpu_count()} cores of {model.group(1) if model else platform.machine()}, "
            f"{system}",
            packages,
            f"load of others when it began: {os.getloadavg()[0]:.1f}"]
