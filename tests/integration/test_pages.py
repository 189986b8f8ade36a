"""The pages in a real browser, with what a running daemon has seen."""
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import zoneinfo

import pytest

import house
from test_web import GRAVE, PEOPLE, check, page, picture, set_password  # noqa: F401

sys.path.insert(0, house.tools(""))
import fill_db  # noqa: E402

WEB = os.path.join(house.BUILD, "web")
SHOTS = os.path.join(house.BUILD, "screenshots")
SIZES = [(1280, 900), (390, 844)]  # on a desk, on a phone
VIEWS = ("now", "people", "audience", "photo")


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """The browser's driver, fetched once for all workers by the lock file's sums."""
    chromium = os.environ.get("CHROMIUM", shutil.which("chromium"))
    if not chromium or not shutil.which("npm"):
        pytest.skip("no chromium or no npm here: tests/tools/deps.sh check brings them")
    script = ("mkdir -p {1}; cp {0}/* {1}; cd {1}; "
              "cmp -s package-lock.json node_modules/made-from || "
              "{{ npm ci --no-audit --no-fund && cp package-lock.json node_modules/made-from; }}"
              ).format(os.path.join(house.TOP, "tests/web"), WEB)
    r = subprocess.run(["flock", os.path.join(house.BUILD, "web.lock"), "sh", "-c", script],
                       capture_output=True, text=True)
    if r.returncode:
        pytest.skip("npm cannot fetch the browser's driver: " + r.stderr.strip()[-200:])
    return WEB


class Browser:
    def __init__(self, port):
        self.p = subprocess.Popen(["node", "pages.mjs", f"http://127.0.0.1:{port}"], cwd=WEB,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, what, **how):
        self.p.stdin.write(json.dumps({"do": what, **how}) + "\n")
        self.p.stdin.flush()
        told = json.loads(self.p.stdout.readline())
        assert "failed" not in told, told["failed"]
        return told

    def close(self):
        self.p.stdin.close()
        self.p.wait()


@pytest.fixture
def browse(modules):
    opened = []

    def make(port):
        opened.append(Browser(port))
        return opened[-1]
    yield make
    for b in opened:
        b.close()


def quiet(b):
    """Nothing was wrong, and nothing was asked of anybody else."""
    report = b.do("report")
    assert report == {"complaints": [], "elsewhere": []}


TWO = {"door": {"url": PEOPLE, "loop": True}, "hall": {"url": house.clip("asl-book.mkv"),
                                                       "loop": True}}


def test_cameras_are_shown_as_they_are(page, browse):  # noqa: F811
    d = page(cameras=TWO)
    b = browse(d.page.port)
    assert b.do("goto", view="now")["heading"] == "Now"
    shown = b.do("pictures", cameras=2)
    assert len(shown["cards"]) == 2 and "2 of 2 cameras" in shown["summary"]
    assert any(c.startswith("door") and "online" in c for c in shown["cards"]), shown
    assert all(alt for alt in shown["alts"])
    quiet(b)


def test_what_is_wrong_is_said(page, browse):  # noqa: F811
    nobody = f"rtsp://127.0.0.1:{house.free_port()}/door"
    d = page(cameras={"door": nobody, "hall": house.clip("black.mkv")})
    b = browse(d.page.port)
    os.makedirs(SHOTS, exist_ok=True)
    for size in SIZES:
        b.do("goto", view="now", width=size[0], height=size[1])
        told = b.do("troubles", least=1)
        assert any(re.fullmatch(r"camera 'door': .*refused.* \(for \d+\s\S+.*\)", line)
                   for line in told["troubles"]), told
        assert b.do("audit")["violations"] == []
        assert b.do("overflow")["wider"] <= 0
        b.do("screenshot", file=os.path.join(SHOTS, f"now-trouble-{size[0]}.png"))
    doc = d.page.get("/api/v1/openapi.json")
    for path in ("/api/v1/cameras", "/api/v1/status"):
        check(doc, path, "get", d.page.wait(path, lambda r: json.loads(r.body)["troubles"]))
    quiet(b)


def test_people_are_listed_and_come_by_themselves(page, browse):  # noqa: F811
    d = page(cameras=TWO)
    d.wait_rows("SELECT * FROM faces", 2)
    b = browse(d.page.port)
    b.do("goto", view="people")
    listed = b.do("rows", least=2)
    assert "live" in listed["link"].lower()
    before = listed["rows"]
    d.configure({**TWO, "yard": {"url": PEOPLE}}, extra=open(d.conf).read().split("models:")[1]
                .split("};", 1)[1].split("cameras:")[0])
    d.reload()  # one camera more, and so somebody more
    after = b.do("newcomer", than=len(before))["rows"]
    assert len(after) > len(before)
    quiet(b)


def filled(page, **how):
    """A daemon with four busy weeks behind it."""
    d = page(**how)
    d.stop()
    d.wait()
    d.people = fill_db.fill(d.database, list(how["cameras"]))
    d.start().wait_ready()
    d.page.wait("/readyz", lambda r: r.status == 200)
    return d


EMPTY = {"door": house.clip("black.mkv"), "hall": house.clip("black.mkv")}


def test_people_are_filtered(page, browse):  # noqa: F811
    d = filled(page, cameras=EMPTY)
    b = browse(d.page.port)
    b.do("goto", view="people")
    b.do("rows", least=100)
    for camera in ("hall", "door"):
        rows = b.do("filter", name="camera", value=camera)["rows"]
        assert {row[1] for row in rows} == {camera}
    for gender in ("male", "female", "unknown"):
        rows = b.do("filter", name="gender", value=gender)["rows"]
        assert {(row[1], row[2].replace(":", " ").split()[0]) for row in rows} == {("door", gender)}
    for age in ("25-32", "unknown"):
        rows = b.do("filter", name="age", value=age)["rows"]
        assert {row[3].replace("–", "-").replace(":", " ").split()[0] for row in rows} == {age}
        assert {row[2].split(":")[0] for row in rows} == {"unknown"}
    b.do("filter", name="gender", value="")
    b.do("filter", name="age", value="")
    rows = b.do("filter", name="camera", value="")["rows"]
    assert len(rows) == 100 and {row[1] for row in rows} == {"door", "hall"}
    quiet(b)


def test_sums_alone_are_said_to_be_so(page, browse):  # noqa: F811
    d = page(cameras=EMPTY, extra="privacy: { aggregate_only = true; };")
    b = browse(d.page.port)
    b.do("goto", view="people")
    told = b.do("sentence", view="people")
    assert "privacy.aggregate_only" in told["notice"] and told["links"] == 0  # no table to bring
    quiet(b)


def test_a_late_answer_is_not_for_another_question(page, browse):  # noqa: F811
    d = filled(page, cameras=EMPTY)
    b = browse(d.page.port)
    b.do("goto", view="people")
    b.do("rows", least=100)
    told = b.do("overtaken", name="camera", value="hall")
    assert told["before"] == 100 and len(told["rows"]) == 100
    assert all("hall" in row for row in told["rows"])
    quiet(b)


def test_the_audience_has_the_numbers_of_facectl(page, browse):  # noqa: F811
    d = page(cameras={"door": PEOPLE})
    d.wait_rows("SELECT * FROM faces WHERE seq IS NOT NULL", 2)
    b = browse(d.page.port)
    b.do("goto", view="audience")
    shown = b.do("audience", by="camera")
    told = json.loads(d.ctl("audience", "--by", "camera", "--json").stdout)
    assert told["people"] == 2
    assert shown["summary"].startswith("2 people")
    assert ["door", "2"] in [row[:2] for row in shown["visits"]]
    numbers = {row[0].replace("–", "-"): row[1:] for row in shown["ages"]}
    for age, genders in told["ages_by_gender"].items():
        assert sorted(map(int, numbers[age][:3])) == sorted(genders.values()), age
    assert len(shown["charts"]) == 2 and all(shown["charts"])
    quiet(b)


def test_a_year_that_is_being_typed_is_no_mishap(page, browse):  # noqa: F811
    d = filled(page, cameras=EMPTY)
    b = browse(d.page.port)
    b.do("goto", view="audience")
    b.do("choose", view="audience", name="period", value="own")
    for year, value in (("2", "0002"), ("20", "0020"), ("202", "0202"), ("2024", "2024")):
        told = b.do("enter", view="audience", name="from", keys="0102" + year)
        assert told == {"notice": "", "value": f"{value}-01-02"}
    assert "people" in b.do("audience")["summary"]
    assert "four digits" in b.do("enter", view="audience", name="to", keys="010220240")["notice"]
    b.do("goto", view="people")
    b.do("rows", least=100)
    for year, value in (("2", "0002"), ("2024", "2024")):
        told = b.do("enter", view="people", name="since", keys=f"0102{year}\t0304am")
        assert told == {"notice": "", "value": f"{value}-01-02T03:04"}
    b.do("rows", least=100)
    told = b.do("enter", view="people", name="since", keys="010220240")
    assert "four digits" in told["notice"]
    quiet(b)


def changes(zone):
    """The days of last year on which this zone changed its clock."""
    def offset(day):
        return day.replace(tzinfo=zoneinfo.ZoneInfo(zone)).utcoffset()
    noons = [datetime.datetime(datetime.date.today().year - 1, 1, 1, 12) + datetime.timedelta(i)
             for i in range(366)]
    return [b.date() for a, b in zip(noons, noons[1:]) if offset(a) != offset(b)]


def test_days_begin_as_they_do_for_facectl(page, browse):  # noqa: F811
    """Also where the clock is changed at midnight, so that there is none, or two."""
    d = page(cameras=EMPTY)
    b = browse(d.page.port)
    b.do("goto", view="now")
    for zone in ("America/Santiago", "America/Havana", "Europe/Berlin", "Australia/Lord_Howe"):
        days = changes(zone)
        assert len(days) == 2
        locals_ = [f"{day}{clock}" for day in days
                   for clock in ("", "T00:30", "T01:45", "T02:30", "T23:45")]
        told = b.do("moments", zone=zone, locals=locals_)["moments"]
        for local, moment in zip(locals_, told):
            r = subprocess.run([house.tool("facectl"), "audience", "--json", "--db", d.database,
                                "--since", local.replace("T", " ")], text=True, check=True,
                               capture_output=True, env={**os.environ, "TZ": zone})
            assert json.loads(r.stdout)["since"] == moment, (zone, local)
    quiet(b)


def test_a_photo_is_looked_at(page, browse, tmp_path):  # noqa: F811
    d = page()
    (tmp_path / "man.jpg").write_bytes(picture("man1.jpg"))
    (tmp_path / "text.jpg").write_bytes(b"hello")
    b = browse(d.page.port)
    b.do("goto", view="photo")
    seen = b.do("photo", file=str(tmp_path / "man.jpg"))
    assert len(seen["faces"]) == 1 and seen["width"] == 612 and not seen["error"]
    assert "gender: male" in seen["faces"][0].lower() and "99" in seen["faces"][0]
    (tmp_path / "woman.jpg").write_bytes(picture("woman1.jpg"))
    other = b.do("photo", file=str(tmp_path / "woman.jpg"))
    assert len(other["faces"]) == 1 and "gender: female" in other["faces"][0].lower()
    # A photo may come over a slow line: 64 kbit/s, and half a minute for the look at it.
    assert other["patience"] == 30000 + os.path.getsize(tmp_path / "woman.jpg") / 8
    assert other["width"] == house.picture_size(tmp_path / "woman.jpg")[0] != 612
    quiet(b)
    assert "not a picture" in b.do("photo", file=str(tmp_path / "text.jpg"))["error"]


def test_a_photo_by_the_devices_own_camera(page, browse):  # noqa: F811
    d = page()
    b = browse(d.page.port)
    b.do("goto", view="photo")
    seen = b.do("device")
    assert seen["width"] > 0 and seen["faces"] == 0
    assert "no face" in seen["state"].lower()
    quiet(b)


def test_a_password_is_asked_for(page, browse):  # noqa: F811
    d = page(password=GRAVE)
    b = browse(d.page.port)
    assert b.do("login", password="guess")["error"]
    assert not b.do("login", password=GRAVE)["error"]
    assert b.do("goto", view="people")["heading"] == "People"
    assert b.do("report")["elsewhere"] == []


def test_the_pictures_of_the_readme(page, browse):  # noqa: F811
    """They show people who never were, and nobody else: docs/images has copies."""
    d = filled(page, cameras=EMPTY)
    os.makedirs(SHOTS, exist_ok=True)
    b = browse(d.page.port)
    b.do("goto", view="audience")
    b.do("audience")
    b.do("screenshot", file=os.path.join(SHOTS, "readme-audience.png"))
    b.do("goto", view="people", dark=True)
    assert not any("still there" in row for row in b.do("rows", least=100)["rows"])
    b.do("screenshot", file=os.path.join(SHOTS, "readme-people.png"))
    assert d.rows("SELECT count(*) AS n FROM faces")[0]["n"] == d.people
    quiet(b)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_everybody_can_use_it(page, browse, size, dark):  # noqa: F811
    """Labels, contrast and order of every view, on a desk and on a phone, by day and by night; and
    pictures of them, to be looked at."""
    d = filled(page, http="blur = true;", cameras=TWO)
    os.makedirs(SHOTS, exist_ok=True)
    b = browse(d.page.port)
    for view in VIEWS:
        b.do("goto", view=view, width=size[0], height=size[1], dark=dark)
        if view == "now":
            b.do("pictures", cameras=2)
        elif view == "people":
            b.do("rows", least=3)
        elif view == "audience":
            b.do("audience")
        assert b.do("audit")["violations"] == [], view
        assert b.do("overflow")["wider"] <= 0, view
        name = f"{view}-{size[0]}{'-dark' if dark else ''}.png"
        b.do("screenshot", file=os.path.join(SHOTS, name))
    b.do("goto", view="people", width=size[0], height=size[1], dark=dark)
    names = b.do("tab", times=4)["names"]  # from the view's heading on, its controls in order
    assert [n.split("\n")[-1] for n in names] == ["hall", "unknown", "unknown", "people-since"]
    quiet(b)
