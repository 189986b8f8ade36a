"""kill -9 at random moments under load, of the broker too; then the database and what the broker
got are compared.

The broker is tests/tools/fakebroker.py: it writes down each message before it acknowledges it, so
that its own death loses nothing that it took over; mosquitto without a disk would. It is killed and
comes back on the same port.
"""
import json
import os
import random
import signal
import tempfile
import threading
import time

import house
import ledger

PAUSE = threading.Event()  # nobody sets it: a moment of the load's life is what is waited for


class Outcome:
    def __init__(self, name):
        self.name, self.problems = name, []
        self.kills = self.broker_kills = self.people = self.events = self.lost = self.repeats = 0
        self.recovered = 0

    def row(self):
        return [self.name, self.kills, self.broker_kills, self.people, self.events, self.lost,
                self.repeats, f"{self.recovered:.1f} s", len(self.problems)]


class Post:
    """The broker in all its lives, and what it has taken over."""

    def __init__(self):
        self.lives = [house.FakeBroker()]
        self.port = self.lives[0].port

    def die(self):
        self.lives[-1].stop(signal.SIGKILL)

    def live(self):
        self.lives.append(house.FakeBroker(port=self.port))

    def received(self):
        found = []
        for life in self.lives:
            for line in life.text.split("\n"):
                if line.startswith("{") and '/faces"' in line and line.endswith("}"):
                    content = json.loads(json.loads(line)["payload"])
                    found.append((content["msg"], content))
        return found

    def close(self):
        self.lives[-1].stop(signal.SIGKILL)


def stored(path):
    """What the database has committed, at rest after a kill."""
    try:
        rows = ledger.rows(path, "SELECT id, seq, end_reason FROM faces")
    except ledger.sqlite3.OperationalError:
        return set()  # it was killed before the tables were made
    return {("new", i) for i, _, _ in rows} | {("end", i) for i, s, r in rows if s and r != "restart"}


def drain(out, start, path):
    """A run that nobody kills, until what waited has been delivered; then one that only delivers."""
    (last_row,), = ledger.rows(path, "SELECT coalesce(max(row), 0) FROM outbox")
    begin = time.monotonic()
    last = start(1)
    while last.p.poll() is None and time.monotonic() < begin + 4 * house.PATIENCE:
        if "main: ready" in last.text and not ledger.rows(
                path, f"SELECT 1 FROM outbox WHERE row <= {last_row}"):
            break
        PAUSE.wait(0.02)
    out.recovered = time.monotonic() - begin
    codes = [last.stop(signal.SIGTERM), start(0).wait()]
    if codes != [0, 0]:
        out.problems.append(f"{out.name}: clean runs: exit {codes}: {last.text[-300:]}")


def torment(out, start, path, post, draw, kills, longest, camera):
    """Kills what start() starts again and again, and the broker with one in three."""
    committed = set()
    for _ in range(kills):
        victim = start(-1)
        PAUSE.wait(draw.uniform(0, longest))
        if draw.random() < 1 / 3:
            post.die()
            out.broker_kills += 1
            PAUSE.wait(draw.uniform(0, longest / 2))
            if draw.random() < 1 / 2:
                victim.stop(signal.SIGKILL)  # both are dead
            post.live()
            PAUSE.wait(draw.uniform(0, longest / 2))
        if victim.p.poll() not in (None, -signal.SIGKILL):
            out.problems.append(f"{out.name}: it ended by itself: {victim.text[-300:]}")
        victim.stop(signal.SIGKILL)
        out.kills += 1
        if os.path.exists(path):
            committed |= stored(path)
        committed |= ledger.committed_of(victim.text)
    drain(out, start, path)
    found, out.people, out.events, out.repeats = ledger.check(path, committed, post.received(), camera)
    out.lost = sum("gone" in x or "gaps" in x or "have not one" in x for x in found)
    out.problems += [f"{out.name}: {x}" for x in found]
    return out


def drive(path, post, people, pause_us=0):
    return house.Process([house.tool("storedrive"), path, str(post.port), "test", str(people),
                          str(pause_us)])


def kill_store(options, kills):
    out, draw = Outcome("store and bus"), random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="torture-") as directory:
        path, post = os.path.join(directory, "faced.db"), Post()
        try:
            def start(people):
                return drive(path, post, people, draw.randrange(1000, 20000))
            return torment(out, start, path, post, draw, kills, 0.6, "door")
        finally:
            post.close()


def kill_daemon(options, kills):
    out, draw = Outcome("faced, one camera"), random.Random(options.seed + 1)
    with tempfile.TemporaryDirectory(prefix="torture-") as directory:
        post = Post()
        daemon = house.Daemon(directory, {"room": {"url": house.media_of("classroom"), "pace": "max",
                                                   "loop": True}}, post.port, start=False)
        try:
            def start(people):
                return daemon.start() if people else drive(daemon.database, post, 0)
            return torment(out, start, daemon.database, post, draw, kills, 1.5, "room")
        finally:
            post.close()


def main(options):
    yield kill_store(options, 15 if options.short else 100)
    if os.environ.get("FACED_NO_MODELS"):
        yield "faced killed: " + os.environ["FACED_NO_MODELS"]
    else:
        yield kill_daemon(options, 4 if options.short else 100)
