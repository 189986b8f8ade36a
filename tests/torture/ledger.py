"""What must hold after any torture: the database, what was said to be committed, and what the
broker got are compared."""
import collections
import glob
import json
import sqlite3


def rows(path, sql):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def committed_of(text):
    """(type, id) of each event whose commit storedrive has told."""
    words = [x.split() for x in text.split("\n") if x.startswith("committed ")]
    return {(w[1], w[2]) for w in words if len(w) == 3 and len(w[2]) == 36}


def out_of(text):
    """(msg, content) of each message that storedrive, being the bus itself, was handed."""
    found = []
    for line in text.split("\n"):
        if line.startswith("out ") and line.endswith("}"):
            _, msg, content = line.split(" ", 2)
            found.append((int(msg), json.loads(content)))
    return found


def _numbered(received, problems):
    """{msg: content} and the number of repeats; the same number always with the same content."""
    by_msg, repeats = {}, 0
    for msg, content in received:
        same = {k: v for k, v in content.items() if k not in ("msg", "published", "replayed")}
        if msg in by_msg:
            repeats += 1
            if by_msg[msg] != same:
                problems.append(f"message {msg} came with two contents")
        by_msg[msg] = same
    return by_msg, repeats


def check(path, committed, received, camera="door"):
    """(problems, people, events, repeats) of a database at rest, whose outbox is drained."""
    problems = []
    (sound,), = rows(path, "PRAGMA integrity_check")
    if sound != "ok":
        problems.append(f"integrity: {sound}")
    people = {i: (seq, reason) for i, seq, reason in rows(path, "SELECT id, seq, end_reason FROM faces")}
    if sorted(s or 0 for s, _ in people.values()) != list(range(1, len(people) + 1)):
        problems.append("seq has gaps, or a record is open")
    (next_msg, epoch), = rows(path, "SELECT next_msg, epoch FROM meta")
    if rows(path, "SELECT 1 FROM outbox"):
        problems.append("messages wait that nobody takes")
    if glob.glob(glob.escape(path) + ".damaged*"):
        problems.append("a sound database was moved aside")

    for kind, who in committed:
        if who not in people:
            problems.append(f"{kind} of {who} was committed and is gone")
        elif kind == "end" and people[who][1] == "restart":
            problems.append(f"the end of {who} was committed and is another now")

    by_msg, repeats = _numbered(received, problems)
    missing = set(range(1, next_msg)) - set(by_msg)
    if missing or max(by_msg, default=0) >= next_msg:
        problems.append(f"msg has gaps: {sorted(missing)[:9]} of {next_msg - 1}")
    if {c["epoch"] for c in by_msg.values()} - {epoch}:
        problems.append("another epoch")
    told = collections.Counter((c["type"], c["id"]) for c in by_msg.values())
    for kind in ("new", "end"):
        wrong = [i for i in people if told[kind, i] != 1]
        if wrong:
            problems.append(f"{len(wrong)} of {len(people)} people have not one '{kind}', as {wrong[0]}")
    strangers = {c["id"] for c in by_msg.values()} - set(people)
    if strangers:
        problems.append(f"messages of people whom nobody knows: {sorted(strangers)[:3]}")
    for c in by_msg.values():
        if c["type"] == "end" and c["id"] in people and c["seq"] != people[c["id"]][0]:
            problems.append(f"the message says seq {c['seq']}, the row {people[c['id']][0]}")
        if c["camera"] != camera:
            problems.append(f"camera '{c['camera']}'")
    return problems, len(people), len(by_msg), repeats
