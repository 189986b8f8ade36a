"""One record for each person who appears, from real video over real RTSP to the database."""
import pytest

import house

pytestmark = pytest.mark.models

CLIPS = sorted(c for c in house.PEOPLE if c != "one-by-one-person-detection")


def watch(running, tmp_path, broker, clips):
    """Serves each clip once and watches until all cameras have turned black; the rows."""
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({name: house.clip(f"{clip}.mkv")
                                     for name, clip in clips.items()}))
    once = max(house.once_past(clip) for clip in clips.values())
    daemon = running(house.Daemon(tmp_path, {n: cameras.url(n) for n in clips}, broker.port,
                                  args=["--once", str(once)]))
    assert daemon.wait(120) == 0
    rows = daemon.rows()
    subscriber.wait_topic("test/status", "offline")
    assert sorted(r["id"] for r in rows) == sorted(e["id"] for e in subscriber.events("end"))
    assert {r["end_reason"] for r in rows} <= {"left"}
    return rows


@pytest.mark.parametrize("clip", CLIPS)
def test_each_clip_gives_one_record_per_person(running, tmp_path, broker, clip):
    assert len(watch(running, tmp_path, broker, {"door": clip})) == house.PEOPLE[clip]


@pytest.mark.alone
def test_twelve_cameras_at_once_give_the_same_numbers(running, tmp_path, broker):
    names = {f"cam{i:02}": clip for i, clip in enumerate(
        [c for c in CLIPS if c != "head-pose-face-detection-male"][:12])}
    assert len(names) == 12
    rows = watch(running, tmp_path, broker, names)
    assert {n: len(house.by_camera(rows, n)) for n in names} == {
        n: house.PEOPLE[c] for n, c in names.items()}


@pytest.mark.alone
@pytest.mark.parametrize("rate", [5, 10])
def test_passers_by_without_a_visible_face_give_none(running, tmp_path, rate):
    """The long clip, seen from above and behind, from a file, every sampled picture analysed."""
    url = house.media_of("one-by-one-person-detection")
    daemon = running(house.Daemon(tmp_path, {"door": {"url": url, "pace": "max", "fps": rate}},
                                  args=["--once", "0"]))
    assert daemon.wait(240) == 0
    assert daemon.rows() == []


@pytest.mark.alone
@pytest.mark.parametrize("rate", [2.5, 5, 15])
def test_files_give_the_same_numbers_at_any_rate(running, tmp_path, rate):
    files = {c: house.media_of(c) for c in CLIPS}
    cameras = {c: {"url": f, "pace": "max", "fps": rate} for c, f in files.items()}
    daemon = running(house.Daemon(tmp_path, cameras, args=["--once", "0"]))
    assert daemon.wait(240) == 0
    rows = daemon.rows()
    assert {c: len(house.by_camera(rows, c)) for c in CLIPS} == {c: house.PEOPLE[c] for c in CLIPS}
    assert {r["end_reason"] for r in rows} <= {"left", "source_ended"}
