"""The n-th call fails, for every n: storedrive, confdrive and faced under tests/preload/fault.c."""
import collections
import concurrent.futures
import errno
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time

import house
import kills
import ledger

PEOPLE = 3
# What stays allocated at the end without any fault is nobody's leak: the libraries' own.
KEPT_ANYWAY = {}
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # where to sync costs nothing


class Outcome:
    """One scenario: every n that was tried."""

    def __init__(self, name):
        self.name = name
        self.calls = self.runs = self.left = self.events = self.lost = self.repeats = 0
        self.problems = []
        self.lock = threading.Lock()

    def note(self, where, hit, calls, code, problems):
        """One run: at which call it was made to fail, if it came so far, and how it ended. True: it
        came so far."""
        with self.lock:
            self.runs += hit is not None
            self.left += code in (1, 78)
            self.calls = max(self.calls, calls)
            self.problems += [f"{self.name} {where} at {hit}: {x}" for x in problems if x]
        return hit is not None

    def note_events(self, found, events, repeats):
        """And what became of its events, by the ledger."""
        with self.lock:
            self.events += events
            self.repeats += repeats
            self.lost += sum("gone" in x or "gaps" in x or "have not one" in x for x in found)

    def row(self):
        return [self.name, f"{self.runs} of {self.calls}", self.events, self.lost, self.repeats,
                self.left, len(self.problems)]


def preload(kind, at, code, report, files=None, start=None, own=None, times=1):
    env = {"LD_PRELOAD": house.preload("fault.so"), "FAULT_KIND": kind, "FAULT_AT": str(at),
           "FAULT_CODE": str(code), "FAULT_REPORT": report, "FAULT_FOR": str(times)}
    env.update({"FAULT_FILES": files} if files else {})
    env.update({"FAULT_FROM": start} if start else {})
    env.update({"FAULT_OWN": own} if own else {})
    return {**os.environ, **env}


def read_report(path, drive):
    try:
        with open(path) as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        lines = []
    hit = [x for x in lines if x.startswith("hit ")]
    calls = [int(m.group(1)) for m in (re.match(r"calls (\d+)", x) for x in lines) if m]
    kept = collections.Counter(x[5:] for x in lines if x.startswith("kept "))
    if not hit:
        KEPT_ANYWAY.setdefault(drive, collections.Counter())
        KEPT_ANYWAY[drive] |= kept
    return (hit[0][4:] if hit else None, calls[0] if calls else 0,
            list(kept - KEPT_ANYWAY.get(drive, collections.Counter())))


def how_it_ended(code, stderr):
    """What is wrong with the end; None: it is as the rules say."""
    if code == 0:
        return None
    if code in (1, 78):
        return None if stderr.strip() else f"exit {code} without a word"
    return f"exit {code}: {stderr.strip()[-300:]}"


def run(argv, env=None, timeout=60):
    try:
        p = subprocess.run(argv, env=env, capture_output=True, text=True, errors="replace",
                           stdin=subprocess.DEVNULL, timeout=timeout)
        return p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired as e:
        return "none", (e.stdout or b"").decode(), (e.stderr or b"").decode() + "\nhung"


class Wire:
    """mosquitto and one subscriber for all runs; each run is a node of its own."""

    def __init__(self, directory):
        self.broker = house.Broker(directory)
        self.subscriber = house.Subscriber(self.broker.port, topic="faced/+/door/faces")
        self.by_node, self.at = {}, 0

    def received(self, node, n, timeout):
        """What came of this node once its n messages have, or the time is over."""
        deadline = time.monotonic() + timeout
        s = self.subscriber
        with s.more:
            while True:
                for topic, payload, _ in s.messages[self.at:]:
                    content = house.json.loads(payload)
                    self.by_node.setdefault(topic.split("/")[1], []).append((content["msg"], content))
                self.at = len(s.messages)
                mine = self.by_node.get(node, [])
                if len({m for m, _ in mine}) >= n or time.monotonic() > deadline:
                    return list(mine)
                s.more.wait(0.2)

    def close(self):
        self.subscriber.close()
        self.broker.stop()


def store_once(kind, at, code, out, wire=None, times=1):
    """One run with a fault and one without; True: the fault was reached."""
    directory = tempfile.mkdtemp(prefix="torture-", dir=MEMORY)
    path, report = os.path.join(directory, "door.db"), os.path.join(directory, "report")
    port, node = (str(wire.broker.port) if wire else "0"), f"n{kind}{at}x{code}x{times}"
    try:
        drive = [house.tool("storedrive"), path, port, node]
        code_1, said, errors = run(drive + [str(PEOPLE)],
                                   preload(kind, at, code, report, path, "door.db", times=times))
        hit, calls, kept = read_report(report, bool(wire))
        problems = [how_it_ended(code_1, errors)]
        if code_1 == 0 and kept:
            problems.append(f"not freed: {kept[:5]}")
        code_2, said_2, errors_2 = run(drive + ["1"])
        for _ in range(2):  # a stop waits for the broker for two seconds, the next start goes on
            if wire and code_2 == 0 and ledger.rows(path, "SELECT 1 FROM outbox LIMIT 1"):
                code_2, _, errors_2 = run(drive + ["0"])
        if code_2 != 0:
            problems.append(f"the clean run after it: exit {code_2}: {errors_2[-300:]}")
        else:
            (n,), = ledger.rows(path, "SELECT next_msg - 1 FROM meta")
            received = wire.received(node, n, 5) if wire else ledger.out_of(said) + ledger.out_of(said_2)
            found, _, events, repeats = ledger.check(
                path, ledger.committed_of(said) | ledger.committed_of(said_2), received)
            problems += found
            out.note_events(found, events, repeats)
        return out.note(f"{kind} {at} code {code} for {times}", hit, calls, code_1, problems)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def conf_once(program, kind, at, code, out):
    """One look at a configuration: the same answer as without the fault, or one line."""
    directory = tempfile.mkdtemp(prefix="torture-", dir=MEMORY)
    file, report = os.path.join(directory, "faced.conf"), os.path.join(directory, "report")
    try:
        with open(os.path.join(directory, "door"), "w") as f:
            f.write("s3cret\n")
        os.chmod(f.name, 0o600)
        with open(file, "w") as f:
            f.write(house.config(os.path.join(directory, "faced.db"), os.path.join(directory, "c"), {
                "door": {"url": "rtsp://u:${file:door}@192.0.2.7/", "masks": ["0,0, 0.5,0, 0.5,1"]},
                "hall": {"url": "/dev/video0"}}, 1883, f'secrets_dir = "{directory}";\n'))
        argv = ([house.tool("confdrive"), file] if program == "confdrive" else
                [house.tool("faced"), "-c", file, "--dump-config"])
        start = "faced.conf" if kind == "alloc" else None
        code_1, said, errors = run(argv, preload(kind, at, code, report, directory, start,
                                                 own="program" if kind == "alloc" else None))
        hit, calls, kept = read_report(report, program)
        _, right, _ = run(argv)
        problems = [how_it_ended(code_1, errors)]
        if code_1 == 0 and said != right:
            problems.append(f"another answer: {said[-200:]}")
        if code_1 == 0 and kept and program == "confdrive":
            problems.append(f"not freed: {kept[:5]}")
        if code_1 != 0 and len(errors.strip().split("\n")) != 1:
            problems.append(f"not one line: {errors}")
        if "s3cret" in said + errors:
            problems.append("it told the secret")
        return out.note(f"{kind} {at} code {code}", hit, calls, code_1, problems)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def daemon_once(kind, at, code, out, wire):
    """faced from its start to its end, with one film; then a run that delivers the rest."""
    directory = tempfile.mkdtemp(prefix="torture-", dir=MEMORY)
    report, node = os.path.join(directory, "report"), f"d{kind}{at}x{code}"
    try:
        daemon = house.Daemon(directory, {"door": {"url": house.media_of("classroom"), "pace": "max"}},
                              wire.broker.port, node=node, start=False)
        env = preload(kind, at, code, report, daemon.database if kind != "net" else None, "faced.db")
        code_1, said, errors = run([house.tool("faced"), "-c", daemon.conf, "--once", "0"],
                                   {**env, "FACED_MODELS": house.MODELS})
        hit, calls, _ = read_report(report, "faced")
        problems = [how_it_ended(code_1, said + errors)]
        committed = kills.stored(daemon.database) if os.path.exists(daemon.database) else set()
        code_2, _, errors_2 = run([house.tool("storedrive"), daemon.database, str(wire.broker.port),
                                   node, "0"])
        problems.append(None if code_2 == 0 else f"the clean run: exit {code_2}: {errors_2[-300:]}")
        (n,), = ledger.rows(daemon.database, "SELECT next_msg - 1 FROM meta")
        found, _, events, repeats = ledger.check(daemon.database, committed,
                                                 wire.received(node, n, 5))
        out.note_events(found, events, repeats)
        return out.note(f"{at} code {code}", hit, calls, code_1, problems + found)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Asked:
    """A database with people in it, and the same question again and again."""

    def __init__(self, directory):
        self.path, self.report = os.path.join(directory, "door.db"), os.path.join(directory, "report")
        run([house.tool("storedrive"), self.path, "0", "test", "5"])
        self.argv = [house.tool("facectl"), "export", "--db", self.path, "--after", "0", "--format",
                     "json"]
        _, self.right, _ = run(self.argv)
        assert self.right.count("\n") == 5, self.right

    def once(self, kind, at, code, out):
        report = f"{self.report}{at}"
        code_1, said, errors = run(self.argv, preload(kind, at, code, report, own="libjansson"))
        hit, calls, _ = read_report(report, "facectl")
        problems = [how_it_ended(code_1, errors)]
        if code_1 == 0 and said != self.right:
            problems.append(f"another answer: {said[-200:]}")
        return out.note(f"{at}", hit, calls, code_1, problems)


def every(out, once, codes, budget_s, seed, jobs):
    """once(at, code) for every n and code until the scenario no longer reaches the fault; where the
    time is too short, for as many as it allows, drawn at random."""
    once(0, codes[0])  # counts
    pairs = [(n, c) for n in range(1, out.calls + 1) for c in codes]
    random.Random(seed).shuffle(pairs)
    total, deadline = len(pairs), time.monotonic() + budget_s

    def one(pair):
        if time.monotonic() < deadline:
            once(*pair)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(one, p) for p in pairs]:
            future.result()
    # Retries make a run with a fault longer than the one that was counted.
    n = out.calls
    while time.monotonic() < deadline and len(pairs) == out.runs and once(n + 1, codes[0]):
        n += 1
    out.calls = total
    return out


STORE = [("write", [errno.EIO, errno.ENOSPC, 0]), ("sync", [errno.EIO]), ("read", [errno.EIO]),
         ("open", [errno.EMFILE, errno.EIO]), ("trunc", [errno.EIO]), ("alloc", [errno.ENOMEM])]
NET = [("net", [errno.ECONNRESET, errno.EMFILE]), ("alloc", [errno.ENOMEM])]
DAEMON = STORE[:4] + NET[:1]
CONF = [("read", [errno.EIO]), ("open", [errno.EMFILE, errno.EACCES]), ("alloc", [errno.ENOMEM])]


def main(options):
    jobs, short, seed = options.jobs, options.short, options.seed
    for kind, codes in STORE:
        out = Outcome(f"store: {kind}")
        budget = options.budget or ((3 if kind != "alloc" else 8) if short else
                                    (30 if kind != "alloc" else 90))
        yield every(out, lambda at, code: store_once(kind, at, code, out), codes, budget, seed, jobs)
    for kind, codes in STORE[:4]:
        out = Outcome(f"store: {kind}, from there on all")
        yield every(out, lambda at, code: store_once(kind, at, code, out, times=10**9), codes,
                    options.budget or (3 if short else 15), seed, jobs)
    with tempfile.TemporaryDirectory(prefix="torture-") as directory:
        wire = Wire(directory)
        try:
            for kind, codes in NET:
                out = Outcome(f"store and bus: {kind}")
                yield every(out, lambda at, code: store_once(kind, at, code, out, wire), codes,
                            options.budget or (6 if short else 40), seed, jobs)
            for kind, codes in [] if os.environ.get("FACED_NO_MODELS") else DAEMON:
                out = Outcome(f"faced from start to end: {kind}")
                yield every(out, lambda at, code: daemon_once(kind, at, code, out, wire), codes,
                            options.budget or (3 if short else 12), seed, jobs)
        finally:
            wire.close()
    for program in ("confdrive", "faced"):
        for kind, codes in CONF:
            out = Outcome(f"configuration ({program}): {kind}")
            yield every(out, lambda at, code: conf_once(program, kind, at, code, out), codes,
                        options.budget or (3 if short else 15), seed, jobs)
    with tempfile.TemporaryDirectory(prefix="torture-", dir=MEMORY) as directory:
        asked, out = Asked(directory), Outcome("facectl export: alloc")
        yield every(out, lambda at, code: asked.once("alloc", at, code, out), [errno.ENOMEM],
                    options.budget or (3 if short else 20), seed, jobs)
