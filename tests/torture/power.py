"""Power loss: storedrive runs once under tests/preload/journal.c. For a moment drawn at random the
disk is then built as a power loss may leave it - all that was synced, and of what was not: nothing,
everything, or arbitrary sectors - and the next run must find all that was told before that moment.
"""
import bisect
import os
import random
import shutil
import struct
import tempfile
import time

import faults
import house
import ledger

SECTOR = 512
DIRECTORY = "disk"
HEAD = struct.Struct("<4q")


class Outcome:
    def __init__(self, name):
        self.name, self.problems = name, []
        self.moments = self.told = self.events = self.lost = self.repeats = self.torn = 0

    def row(self):
        return [self.name, self.moments, self.torn, self.told, self.events, self.lost, self.repeats,
                len(self.problems)]


def read_journal(path):
    """[(letter, offset, name, data)]"""
    found = []
    with open(path, "rb") as f:
        while len(head := f.read(HEAD.size)) == HEAD.size:
            letter, at, name, size = HEAD.unpack(head)
            found.append((chr(letter), at, os.path.basename(f.read(name).decode()), f.read(size)))
    return found


class File:
    """What of a file has been synced, and what has been done since."""

    def __init__(self):
        self.durable, self.pending, self.there = bytearray(), [], False

    @staticmethod
    def put(content, at, data):
        if len(content) < at:
            content.extend(bytes(at - len(content)))
        content[at:at + len(data)] = data

    def apply(self, content, operations, keep=lambda: True):
        """What comes of the content; keep() decides about each sector."""
        for letter, at, data in operations:
            if letter == "t" and keep():
                del content[at:]
                content.extend(bytes(max(0, at - len(content))))
            for i in range(0, len(data), SECTOR):
                if letter == "w" and keep():
                    self.put(content, at + i, data[i:i + SECTOR])
        return content

    def sync(self):
        self.durable, self.pending, self.there = self.apply(self.durable, self.pending), [], True


def disk_at(journal, moment, how, draw):
    """{name: content} that a power loss after so many operations may leave, and what was said."""
    files, removed, said = {}, {}, []
    for letter, at, name, data in journal[:moment]:
        if letter == "o":
            said.append(data.decode())
        elif letter == "s" and name == DIRECTORY:
            removed = {}
        elif letter == "s":
            files.setdefault(name, File()).sync()
        elif letter == "u":
            removed[name] = files.pop(name, File())
        else:
            files.setdefault(name, File()).pending.append((letter, at, data))
    keep = {"nothing": lambda: False, "everything": lambda: True,
            "sectors": lambda: draw.random() < 0.5}[how]
    # Until the directory is synced, what was removed may be there again.
    files = {**{n: f for n, f in removed.items() if not keep()}, **files}
    contents = {n: f.apply(bytearray(f.durable), f.pending, keep) for n, f in files.items()}
    return {n: c for n, c in contents.items() if c or files[n].there}, "".join(said)


def lose_power(out, journal, moment, how, draw):
    directory = tempfile.mkdtemp(prefix="torture-", dir=faults.MEMORY)
    path = os.path.join(directory, "faced.db")
    try:
        disk, said = disk_at(journal, moment, how, draw)
        for name, content in disk.items():
            if not name.endswith((".lock", "-shm")):
                with open(os.path.join(directory, name), "wb") as f:
                    f.write(content)
        code, said_2, errors = faults.run([house.tool("storedrive"), path, "0", "test", "1"])
        problems = [] if code == 0 else [f"exit {code}: {errors[-300:]}"]
        if code == 0:
            told = ledger.committed_of(said)
            found, _, events, repeats = ledger.check(
                path, told | ledger.committed_of(said_2),
                ledger.out_of(said) + ledger.out_of(said_2))
            problems += found
            out.told += len(told)
            out.events += events
            out.repeats += repeats
            out.lost += sum("gone" in x or "gaps" in x or "have not one" in x for x in found)
        out.problems += [f"{out.name}, {how}, after {moment} of {len(journal)} operations: {x}"
                         for x in problems]
        out.moments += 1
        out.torn += how == "sectors"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main(options):
    draw = random.Random(options.seed)
    out = Outcome("store")
    with tempfile.TemporaryDirectory(prefix="torture-", dir=faults.MEMORY) as directory:
        disk, to = os.path.join(directory, DIRECTORY), os.path.join(directory, "journal")
        os.mkdir(disk)
        path = os.path.join(disk, "faced.db")
        people = 40 if options.short else 300
        code, _, errors = faults.run([house.tool("storedrive"), path, "0", "test", str(people),
                                      "2000"], {**os.environ, "JOURNAL": to, "JOURNAL_OF": disk,
                                                "LD_PRELOAD": house.preload("journal.so")})
        if code != 0:
            out.problems.append(f"exit {code}: {errors}")
        journal = read_journal(to)
    syncs = [i for i, x in enumerate(journal) if x[0] == "s"]
    deadline = time.monotonic() + (12 if options.short else 45)
    while time.monotonic() < deadline:
        moment = draw.randrange(len(journal) + 1)
        if draw.random() < 0.5:  # right before or after a sync it is the most delicate
            at = bisect.bisect(syncs, moment) % len(syncs)
            moment = syncs[at] + draw.randrange(2)
        for how in ("nothing", "sectors", "everything"):
            lose_power(out, journal, moment, how, draw)
    yield out
