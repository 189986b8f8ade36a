"""facectl as an operator and a script use it."""
import csv
import io
import json
import subprocess

import pytest

import house

pytestmark = pytest.mark.models
COLUMNS = ("id seq node camera start_time end_time start_us end_us duration_s end_reason age_years "
           "age_range age_probability age_unknown gender gender_probability gender_unknown samples "
           "score box_x box_y box_w box_h width_px detector attributes").split()


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A database in which a class and two walkers were recorded."""
    daemon = house.Daemon(tmp_path_factory.mktemp("seen"), {
        "room": {"url": house.media_of("classroom"), "pace": "max"},
        "door": {"url": house.media_of("face-demographics-walking"), "pace": "max"}},
        args=["--once", "0"])
    assert daemon.wait(60) == 0
    return daemon


def json_lines(text):
    return [json.loads(x) for x in text.splitlines()]


def test_events_in_three_formats_are_the_view(seen):
    rows = seen.rows()
    lines = json_lines(seen.ctl("events", "--format", "json").stdout)
    assert [list(x) for x in lines] == [COLUMNS] * 6
    for row, line in zip(rows, lines):
        for key in COLUMNS:
            expected = row[key]
            if isinstance(expected, float):
                assert line[key] == pytest.approx(expected, rel=1e-4)
            else:
                assert line[key] == expected
    table = list(csv.DictReader(io.StringIO(seen.ctl("events", "--format", "csv").stdout)))
    assert [r["id"] for r in table] == [r["id"] for r in rows]
    assert [list(r) for r in table] == [COLUMNS] * 6
    text = seen.ctl("events").stdout.splitlines()
    assert len(text) == 7 and "\033" not in "".join(text)


def test_events_filters(seen):
    def ids(*args):
        return [r["id"] for r in json_lines(seen.ctl("events", "--format", "json", *args).stdout)]

    rows = seen.rows()
    everybody = [r["id"] for r in rows]
    assert ids("--camera", "room") == [r["id"] for r in house.by_camera(rows, "room")]
    assert ids("--camera", "nowhere") == []
    assert ids("--limit", "2") == everybody[-2:]
    assert ids("--since", "1h") == everybody and ids("--until", "1h") == []
    # A moment between two arrivals, to the millisecond in which the option is given.
    times = [r["start_us"] // 1000 for r in rows]
    i = next(i for i in range(1, 6) if times[i] > times[i - 1])
    assert ids("--since", rows[i]["start_time"]) == everybody[i:]
    assert ids("--until", rows[i]["start_time"]) == everybody[:i]
    for gender in ("male", "female", "unknown"):
        assert ids("--gender", gender) == [r["id"] for r in rows
                                           if (r["gender"] or "unknown") == gender]
    for age in {r["age_range"] or "unknown" for r in rows}:
        assert ids("--age", age) == [r["id"] for r in rows if (r["age_range"] or "unknown") == age]
    assert ids("--db", seen.database) == everybody


@pytest.mark.parametrize("args", [["--since", "soon"], ["--limit", "0"], ["--gender", "x"],
                                  ["--age", "20-30"], ["--format", "xml"], ["stray"]])
def test_events_wrong_usage(seen, args):
    r = seen.ctl("events", *args, check=False)
    assert r.returncode == 2 and args[-1] in r.stderr and r.stdout == ""


def test_events_without_a_database(tmp_path):
    r = subprocess.run([house.tool("facectl"), "events", "--db", str(tmp_path / "none.db")],
                       capture_output=True, text=True)
    assert r.returncode == 1 and "none.db" in r.stderr


def test_each_answer_is_a_value_or_a_reason(seen):
    for r in seen.rows():
        assert (r["age_range"] is None) != (r["age_unknown"] is None)
        assert (r["gender"] is None) != (r["gender_unknown"] is None)
        assert 0 <= r["box_x"] <= r["box_x"] + r["box_w"] <= 1.0001


def test_models_shows_cards_and_verifies(seen, tmp_path):
    cards = {c["name"]: c for c in json.loads(seen.ctl("models", "--json", check=False).stdout)}
    assert {"yunet", "ssd", "xception", "retail-0013", "levi-hassner"} <= set(cards)
    for card in cards.values():
        assert card["licence"] and card["about"]
    text = seen.ctl("models", "--verify", check=False).stdout
    assert "yunet (detector): ready, checked" in text
    assert "xception (attributes): ready, checked" in text


def test_probe_of_a_camera(running):
    cameras = running(house.Cameras({"door": house.clip("long.mkv")}))
    r = subprocess.run([house.tool("facectl"), "probe", "--json", "--seconds", "4",
                        cameras.url("door")], capture_output=True, text=True,
                       env={"FACED_MODELS": house.MODELS})
    assert r.returncode == 0, r.stderr
    found = json.loads(r.stdout)
    assert (found["codec"], found["width"], found["height"]) == ("h264", 768, 432)
    assert found["faces"] == 2 and found["gop"] == 25
    assert found["found_from_px"] == 19  # 16 of the card, in a picture of 768 seen as 640
    assert found["fps"] == pytest.approx(25, abs=5)


def test_probe_of_nothing():
    port = house.free_port()
    r = subprocess.run([house.tool("facectl"), "probe", f"rtsp://a:hunter2@127.0.0.1:{port}/x"],
                       capture_output=True, text=True, env={"FACED_MODELS": house.MODELS})
    assert r.returncode == 1 and "refused" in r.stderr and "hunter2" not in r.stderr
    assert subprocess.run([house.tool("facectl"), "probe"], capture_output=True).returncode == 2
