"""States that nobody wishes for: a slow disk, a clock that steps, no descriptors, no memory. A full,
read-only, broken or locked disk is in tests/integration/test_states.py.
"""
import contextlib
import json
import os
import resource
import signal
import sqlite3
import tempfile
import threading
import time

import faults
import house
import kills
import ledger

PAUSE = threading.Event()
HOUR = 3600


class Outcome:
    def __init__(self, name):
        self.name, self.problems = name, []
        self.runs = self.people = self.lost = self.repeats = 0
        self.said, self.recovered = "", "-"

    def expect(self, true, what):
        if not true:
            self.problems.append(f"{self.name}: {what}")

    def compare(self, path, committed, received, camera):
        """The ledger's findings, of one database more."""
        found, people, _, repeats = ledger.check(path, committed, received, camera)
        self.problems += [f"{self.name}: {x}" for x in found]
        self.lost += sum("gone" in x or "gaps" in x or "have not one" in x for x in found)
        self.people += people
        self.repeats += repeats
        self.runs += 1

    def row(self):
        return [self.name, self.runs, self.people, self.lost, self.repeats, self.recovered, self.said,
                len(self.problems)]


class Scene:
    """A directory, the broker that writes down, and a daemon that sees people all the time."""

    def __init__(self, env=None, loop=True, args=(), name="classroom"):
        self.directory = tempfile.TemporaryDirectory(prefix="torture-")
        self.post = kills.Post()
        self.daemon = house.Daemon(
            self.directory.name, {"room": {"url": house.media_of(name), "pace": "max", "loop": loop}},
            self.post.port, start=False, env=env, args=args)
        self.path = self.daemon.database

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if hasattr(self.daemon, "p") and self.daemon.p.poll() is None:
            self.daemon.stop(signal.SIGKILL)
        self.post.close()
        self.directory.cleanup()

    def people(self):
        with contextlib.suppress(sqlite3.OperationalError):
            return ledger.rows(self.path, "SELECT count(*) FROM faces WHERE seq")[0][0]
        return 0

    def wait(self, true, what, timeout=None):
        """Asks again and again, as nobody tells; how long it took."""
        begin = time.monotonic()
        while not true():
            assert time.monotonic() < begin + (timeout or house.PATIENCE), (what, self.daemon.text)
            assert self.daemon.p.poll() is None, (what, self.daemon.text)
            PAUSE.wait(0.05)
        return time.monotonic() - begin

    def wait_more(self):
        than = self.people()
        return self.wait(lambda: self.people() > than, "more people")

    def wait_delivered(self):
        """Somebody who came after now is with the broker."""
        than = ledger.rows(self.path, "SELECT next_msg FROM meta")[0][0]
        return self.wait(lambda: max((m for m, _ in self.post.received()), default=0) >= than,
                         "delivery")

    def settle(self, out):
        """A clean end and a run that delivers the rest; then all is compared."""
        if self.daemon.p.poll() is None:
            code = self.daemon.stop()
            out.expect(code == 0, f"exit {code}: {self.daemon.text[-300:]}")
        kills.drive(self.path, self.post, 0).wait()
        committed = kills.stored(self.path)
        out.compare(self.path, committed, self.post.received(), "room")


def slow_store(options):
    """Each sync takes two seconds."""
    out = Outcome("store: a sync takes 2 s")
    people = 30 if options.short else 80
    with tempfile.TemporaryDirectory(prefix="torture-") as directory:
        path = os.path.join(directory, "faced.db")
        env = {**faults.preload("sync", 1, 5, os.path.join(directory, "report"), path, times=10**9),
               "FAULT_SLEEP": "2000"}
        code, said, errors = faults.run([house.tool("storedrive"), path, "0", "test", str(people), "20000"],
                                        env, 90)
        out.expect(code == 0, f"exit {code}: {errors[-300:]}")
        code, said_2, _ = faults.run([house.tool("storedrive"), path, "0", "test", "0"])
        out.compare(path, ledger.committed_of(said), ledger.out_of(said) + ledger.out_of(said_2),
                    "door")
        out.expect(out.people == people, f"{out.people} of {people} people")
    return out


def slow_daemon(_options):
    """The same film gives the same people, on a disk whose syncs take three seconds; but the end waits
    5 s for it and no longer: it says so, and what was not committed by then is not."""
    out = Outcome("faced: a sync takes 3 s")
    counts = []
    for slow in (False, True):
        with Scene(loop=False, args=["--once", "0"]) as s:
            if slow:
                s.daemon.env = {**faults.preload("sync", 1, 5, s.path + ".report", s.path,
                                                 times=10**9), "FAULT_SLEEP": "3000"}
            s.daemon.start()
            code = s.daemon.wait(4 * house.PATIENCE)
            gave_up = code == 1 and "the thread of 'store' hangs" in s.daemon.text
            out.expect(code == 0 or slow and gave_up, f"exit {code}: {s.daemon.text[-300:]}")
            s.settle(out)
            counts.append(s.people())
    out.expect(counts[0] == counts[1] or gave_up and counts[1], f"people: {counts}")
    out.said = (f"{counts[1]} of {counts[0]} people written" +
                (", the end did not wait for the rest and said so" if gave_up else ""))
    return out


def clock(_options):
    """It steps by hours, to and fro, while people are there."""
    out = Outcome("faced: the clock steps +5 h, -7 h, -3 d, +3 d, back")
    with Scene() as s:
        by = os.path.join(s.directory.name, "clock")
        s.daemon.env = {"LD_PRELOAD": house.preload("clock.so"), "CLOCK_BY": by}
        s.daemon.start().wait_ready()
        for hours in (5, -2, -74, -2, 0):
            s.wait_more()
            with open(by + ".new", "w") as f:
                f.write(str(hours * HOUR))
            os.rename(by + ".new", by)
            s.wait_more()
        s.wait_delivered()
        # Only what is there answers; sums by quarter of an hour are of the same people.
        s.settle(out)
        durations = [d for d, in ledger.rows(s.path, "SELECT duration_s FROM faces")]
        out.expect(all(0 <= d < 600 for d in durations), f"durations {sorted(durations)[-3:]}")
        (n, highest), = ledger.rows(s.path, "SELECT count(*), max(seq) FROM faces")
        out.expect(n == highest, f"{highest - n} of {highest} records have gone")
        (sums,), = ledger.rows(s.path, "SELECT sum(people) FROM quarters")
        out.expect(sums == n, f"the sums know {sums} of {n} people")
        out.said = f"durations {min(durations):.1f} to {max(durations):.1f} s"
    return out


def summer_time(_options):
    """The hour that comes twice and the one that does not come: everybody is counted once."""
    out = Outcome("audience: change of summer time")
    with tempfile.TemporaryDirectory(prefix="torture-") as directory:
        for name, change in (("autumn", 1792890000), ("spring", 1774746000)):  # UTC
            path, by = os.path.join(directory, name), os.path.join(directory, "clock")
            said = ""
            for offset in (-5400, -1800, 1800, 5400):
                with open(by, "w") as f:
                    f.write(str(int(change + offset - time.time())))
                env = {**os.environ, "LD_PRELOAD": house.preload("clock.so"), "CLOCK_BY": by}
                said += faults.run([house.tool("storedrive"), path, "0", "test", "3"], env)[1]
            out.compare(path, ledger.committed_of(said), ledger.out_of(said), "door")
            for what in ("hour", "day", "weekday"):
                code, text, errors = faults.run(
                    [house.tool("facectl"), "audience", "--db", path, "--by", what, "--since",
                     "2026-01-01", "--until", "2027-01-01", "--format", "json"],
                    {**os.environ, "TZ": "Europe/Berlin"})
                out.expect(code == 0, errors)
                if code == 0:
                    answer = json.loads(text)
                    parts = [p["people"] for p in answer["groups"]]
                    out.expect(answer["people"] == sum(parts) == 12, f"{name}, by {what}: {parts}")
    return out


def limit(pid, what, soft):
    """Sets another process's limit; its old one."""
    old = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (soft, old[1]))
    return old


def descriptors_at_start(options):
    """However few there are: it works, or says why not and leaves."""
    out = Outcome("faced: few descriptors at the start")
    worked = refused = 0
    for n in (4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40)[::3 if options.short else 1]:
        with Scene(loop=False, args=["--once", "0"]) as s:
            argv = ["prlimit", f"--nofile={n}", house.tool("faced"), "-c", s.daemon.conf, "--once", "0"]
            code, said, errors = faults.run(argv, {**os.environ, "FACED_MODELS": house.MODELS}, 120)
            wrong = faults.how_it_ended(code, said + errors)
            out.expect(not wrong, f"with {n}: {wrong}")
            worked, refused = worked + (code == 0), refused + (code != 0)
            out.runs += 1
            s.daemon.start()
            code = s.daemon.wait()
            out.expect(code == 0, f"after {n}: exit {code}: {s.daemon.text[-300:]}")
            s.settle(out)
            out.runs -= 1
    out.said = f"{worked} worked, {refused} left with a sentence"
    return out


def descriptors_gone(_options):
    """All are taken while it runs, and the broker and a client come; then there are some again."""
    out = Outcome("faced: descriptors exhausted while running")
    with Scene() as s:
        s.daemon.start().wait_ready()
        s.wait_more()
        pid = s.daemon.p.pid
        old = limit(pid, resource.RLIMIT_NOFILE, 8)  # those that are open stay so
        s.post.die()
        s.post.live()
        with contextlib.suppress(OSError, ValueError, AssertionError, IndexError):
            s.daemon.ask({"do": "status"})
        than = s.people()
        PAUSE.wait(4)
        out.expect(s.daemon.p.poll() is None, f"it left: {s.daemon.text[-300:]}")
        more = s.people() - than
        if s.daemon.p.poll() is None:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
            begin = time.monotonic()
            s.wait_more()
            s.wait_delivered()
            out.recovered = f"{time.monotonic() - begin:.1f} s"
            out.expect(bool(s.daemon.status()), "no status")
        lines = [x for x in s.daemon.lines if "open files" in x]
        out.expect(0 < len(lines) < 20, f"{len(lines)} lines say so")
        out.said = f"{more} people kept meanwhile, {len(lines)} lines of log"
        s.settle(out)
    return out


def memory(options):
    """Its address space may not grow beyond what it has now and a little more."""
    out = Outcome("faced: limit of memory reached while running")
    left = stayed = 0
    # The first: nothing at all can be mapped any more.
    for spare in (-(1 << 40), 0, 1 << 20, 8 << 20, 32 << 20)[::2 if options.short else 1]:
        with Scene() as s:
            s.daemon.start().wait_ready()
            s.wait_more()
            pid = s.daemon.p.pid
            with open(f"/proc/{pid}/statm") as f:
                size = int(f.read().split()[0]) * resource.getpagesize()
            old = limit(pid, resource.RLIMIT_AS, max(0, size + spare))
            s.post.die()
            s.post.live()
            with contextlib.suppress(OSError, ValueError, AssertionError, IndexError):
                s.daemon.ask({"do": "status"})
            PAUSE.wait(3)
            if s.daemon.p.poll() is None:
                stayed += 1
                resource.prlimit(pid, resource.RLIMIT_AS, old)
                s.wait_more()
                s.wait_delivered()
            else:
                left += 1
                code = s.daemon.wait()
                wrong = faults.how_it_ended(code, s.daemon.text)
                out.expect(not wrong and code == 1, f"with {spare} bytes to spare: {wrong}")
                s.daemon.start().wait_ready()
                s.wait_more()
            s.settle(out)
    out.said = f"{stayed} went on, {left} left with a line"
    return out


def memory_at_start(options):
    """However little there is: it works, or says that it has not enough, and nothing else."""
    out = Outcome("faced: little memory at the start")
    worked, refused, loader = 0, 0, 0
    with Scene(loop=False) as s:
        step = 20 if options.short else 5
        # A camera's shared memory is 0.7 GB of addresses, whatever of it is used.
        for megabytes in [*range(200, 340, step), *range(900, 1250, 10 * step)]:
            argv = ["prlimit", f"--as={megabytes << 20}", house.tool("faced"), "-c", s.daemon.conf,
                    "--once", "0"]
            code, said, errors = faults.run(argv, {**os.environ, "FACED_MODELS": house.MODELS}, 120)
            if code == 127:  # the loader's own words, before there is a program
                loader += 1
                continue
            wrong = faults.how_it_ended(code, said + errors)
            out.expect(not wrong, f"with {megabytes} MB: {wrong}")
            out.expect("OpenCV cannot use it" not in errors and "damaged (" not in errors,
                       f"with {megabytes} MB something sound is called damaged: {errors[-500:]}")
            worked, refused = worked + (code == 0), refused + (code != 0)
            out.runs += 1
        s.daemon.args = ["--once", "0"]
        out.expect(s.daemon.start().wait() == 0, s.daemon.text[-300:])
        s.settle(out)
    out.said = f"{worked} worked, {refused} left with a sentence, {loader} ended in the loader"
    return out


def main(options):
    yield slow_store(options)
    yield summer_time(options)
    daemons = [clock, descriptors_at_start, descriptors_gone, memory, memory_at_start]
    if not options.short:
        daemons.append(slow_daemon)
    for scenario in daemons:
        if os.environ.get("FACED_NO_MODELS"):
            yield f"{scenario.__name__}: {os.environ['FACED_NO_MODELS']}"
            continue
        if house.FACED_MODE == "asan" and scenario in (memory, memory_at_start):
            yield f"{scenario.__name__}: a sanitizer's shadow is 16 TB of addresses"
            continue
        try:
            yield scenario(options)
        except AssertionError as e:
            out = Outcome(scenario.__name__)
            out.problems.append(f"{scenario.__name__}: {str(e)[-1500:]}")
            yield out
