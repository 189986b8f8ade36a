"""facectl events --follow, export and audience: what an owner asks of the database."""
import csv
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys

import pytest

import house

sys.path.insert(0, house.tools(""))
import fill_db  # noqa: E402

PEOPLE = house.clip("head-pose-female-and-male.mkv")
COLUMNS = ("id seq node camera start_time end_time start_us end_us duration_s end_reason age_years age_range "
           "age_probability age_unknown gender gender_probability gender_unknown samples score box_x box_y "
           "box_w box_h width_px detector attributes").split()


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A database of four weeks, and how many people are in it."""
    d = house.Daemon(tmp_path_factory.mktemp("month"), {"hall": house.clip("black.mkv")}).wait_ready()
    d.stop()
    d.wait()
    d.people = fill_db.fill(d.database, ["door", "hall"])
    return d


def ask(d, *args, code=0, **env):
    r = subprocess.run([house.tool("facectl"), *args, "--db", d.database], capture_output=True,
                       text=True, env={**os.environ, **env}, timeout=house.PATIENCE)
    assert r.returncode == code, r.stdout + r.stderr
    return r.stdout if code == 0 else r.stderr


def test_export_is_a_cursor(month):
    seen, after = [], 0
    while True:
        lines = ask(month, "export", "--after", str(after), "--limit", "700").splitlines()
        if not lines:
            break
        rows = [json.loads(line) for line in lines]
        assert list(rows[0]) == ["epoch"] + COLUMNS
        seen += [r["seq"] for r in rows]
        after = seen[-1]
    assert seen == list(range(1, month.people + 1))
    table = list(csv.DictReader(io.StringIO(
        ask(month, "export", "--after", "3", "--limit", "2", "--format", "csv"))))
    assert [r["seq"] for r in table] == ["4", "5"] and len(table[0]["epoch"]) == 36
    assert "--after is needed" in ask(month, "export", code=2)
    assert "json or csv" in ask(month, "export", "--after", "0", "--format", "table", code=2)


def test_an_export_does_not_pass_over_another_database(month):
    """A cursor of the database that was there before hides nobody of this one."""
    first = json.loads(ask(month, "export", "--after", "0", "--limit", "1"))
    assert (first["seq"], len(first["epoch"])) == (1, 36)
    told = ask(month, "export", "--after", str(month.people + 1), code=1)
    assert f"last seq here is {month.people}" in told and first["epoch"] in told
    assert ask(month, "export", "--after", str(month.people)) == ""
    for epoch, begin in ((first["epoch"], month.people), ("0190-another", 1)):
        for after in (month.people - 1, month.people + 1 if begin == 1 else month.people - 1):
            lines = ask(month, "export", "--after", str(after), "--epoch", epoch).splitlines()
            assert json.loads(lines[0])["seq"] == begin
            assert json.loads(lines[-1])["seq"] == month.people


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("by", ["hour", "day", "weekday", "camera"])
def test_the_audience_is_what_was_seen(month, by, zone):
    """The sums say the same as the records, however they are grouped and wherever one lives."""
    told = json.loads(ask(month, "audience", "--by", by, "--since", "2020-01-01", "--json", TZ=zone))
    assert told["people"] == month.people == sum(g["people"] for g in told["groups"])
    assert sum(told["ages"].values()) == sum(told["genders"].values()) == month.people
    day = "strftime('%Y-%m-%d', start_us / 1000000, 'unixepoch')"
    if by == "camera":
        rows = month.rows("SELECT camera AS k, count(*) AS n FROM record GROUP BY 1")
    elif by == "day" and zone == "UTC":
        rows = month.rows(f"SELECT {day} AS k, count(*) AS n FROM record GROUP BY 1")
    else:
        return
    groups = {g["key"]: g["people"] for g in told["groups"]}
    assert all(groups[r["k"]] == r["n"] for r in rows)


def test_the_table_fits_a_terminal(month):
    for by in ("hour", "day", "weekday", "camera"):
        out = ask(month, "audience", "--by", by, LC_ALL="C.UTF-8")
        assert all(len(line) <= 80 for line in out.splitlines()[1:]), out
        assert "█" in out
        assert "#" in ask(month, "audience", "--by", by, LC_ALL="C")
    assert re.match(r"\d+ people came from .* than the week before \(\d+\); they stayed \d+ s",
                    ask(month, "audience"))
    rows = list(csv.reader(io.StringIO(ask(month, "audience", "--format", "csv"))))
    assert rows[0][0] == "day" and len(rows) == 8 and len({len(r) for r in rows}) == 1


def test_the_bench_begins_anew(month, tmp_path):
    """Also where one that was interrupted has left its people."""
    for ending in ("", "-wal", ".lock"):
        if os.path.exists(month.database + ending):
            shutil.copy(month.database + ending, tmp_path / f"bench-ask.db{ending}")
    r = subprocess.run([house.tool("bench_ask"), "1000", tmp_path], capture_output=True, text=True)
    assert r.returncode == 0 and r.stdout.startswith("1000 people in a year"), r.stderr
    assert os.listdir(tmp_path) == []


def test_wrong_questions(month):
    assert "hour, day, weekday or camera" in ask(month, "audience", "--by", "moon", code=2)
    assert "expected 1h" in ask(month, "audience", "--since", "never", code=2)
    told = json.loads(ask(month, "audience", "--camera", "nowhere", "--json"))
    assert told["people"] == 0 and told["stay_s"] is None


def follow(d, *args):
    return house.Process([house.tool("facectl"), "events", "--follow", "-c", d.conf, *args])


def test_following_tells_each_who_leaves_once(running, tmp_path):
    d = running(house.Daemon(tmp_path, {"door": {"url": PEOPLE, "loop": True}})).wait_ready()
    d.wait_rows("SELECT * FROM faces WHERE seq IS NOT NULL", 2)
    f = running(follow(d, "--format", "json"))
    f.wait_line(r'"seq": ?2,')
    d.stop()
    d.wait()
    d.start().wait_ready()  # the clip begins anew
    f.wait_line(r'"seq": ?3,')
    f.stop(signal.SIGINT)
    assert f.wait() == 0
    seqs = [json.loads(line)["seq"] for line in f.text.splitlines() if line.startswith("{")]
    # Those who had left come in the order in which they came, the others as they leave.
    assert sorted(seqs) == list(range(1, len(seqs) + 1)) and len(seqs) >= 3


def test_following_a_database_that_is_replaced(running, tmp_path, month):
    d = running(house.Daemon(tmp_path, {"door": PEOPLE})).wait_ready()
    d.wait_rows("SELECT * FROM faces WHERE seq IS NOT NULL", 2)
    f = running(follow(d))
    f.wait_line(r"door .*(left|source_ended)")
    assert re.search(r"^CAME +CAMERA +STAYED", f.text, re.M)
    d.stop()
    d.wait()
    for end in ("", "-wal", "-shm"):
        if os.path.exists(d.database + end):
            os.unlink(d.database + end)
    d.start().wait_ready()
    f.wait_line(r"door .*(left|source_ended)", n=4)
    f.stop(signal.SIGINT)
    assert f.wait() == 0


def test_a_reader_who_goes_ends_it_quietly(month):
    r = subprocess.run(["sh", "-c", f"{house.tool('facectl')} events --follow --db {month.database} "
                        "--since 2020-01-01 | head -n 3"], capture_output=True, text=True,
                       timeout=house.PATIENCE)
    assert len(r.stdout.splitlines()) == 3 and r.stderr == ""


def test_a_file_that_is_watched_shows_how_far_it_is():
    """A bar on a terminal, and nothing of it where the lines go elsewhere."""
    ours, theirs = pty.openpty()
    w = subprocess.Popen([house.tool("facectl"), "watch", PEOPLE], stdout=subprocess.PIPE,
                         stderr=theirs, env={**os.environ, "FACED_MODELS": house.MODELS})
    os.close(theirs)
    told = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        told += part
        if not part:
            break
    out = w.stdout.read().decode()
    assert w.wait() == 0 and b"\r" in told and b"s of video" in told and b"%" in told
    assert "appears" in out and "\r" not in out
    os.close(ours)
