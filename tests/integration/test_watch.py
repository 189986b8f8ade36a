"""facectl watch: who appears, live, and the annotated video."""
import json
import os
import re
import signal
import subprocess

import cv2
import numpy
import pytest

import house

WALKING = "face-demographics-walking"


def watch(*args, code=0):
    env = {**os.environ, "FACED_MODELS": house.MODELS}
    r = subprocess.run([house.tool("facectl"), "watch", *map(str, args)], env=env, text=True,
                       capture_output=True, timeout=house.PATIENCE)
    assert r.returncode == code, r.stdout + r.stderr
    return r


def watching(*args):
    return house.Process([house.tool("facectl"), "watch", *map(str, args)],
                         env={**os.environ, "FACED_MODELS": house.MODELS})


def times(video):
    """Presentation times of a video's pictures in seconds."""
    r = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries",
                        "packet=pts_time", "-of", "csv=p=0", str(video)], capture_output=True,
                       text=True, check=True)
    return sorted(float(line.strip(",")) for line in r.stdout.split())


@pytest.fixture
def cut(tmp_path):
    """The beginning of a clip: its second of black and four of people."""
    def make(name, seconds=5):
        out = tmp_path / f"{name}.mkv"
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", house.clip(f"{name}.mkv"), "-t",
                        str(seconds), "-c", "copy", out], check=True)
        return out
    return make


def test_a_file_is_told_person_by_person(cut):
    r = watch(cut("head-pose-female-and-male"))
    lines = r.stdout.splitlines()
    appear = [line for line in lines if "appears" in line]
    leave = [line for line in lines if "leaves after" in line]
    assert len(appear) == len(leave) == 2
    assert all(re.match(r"00:00:0\d\.\d  person [12] ", line) for line in lines)
    assert r.stderr.splitlines()[-1] == "2 people"
    assert any("male" in line and "25-32" in line for line in leave)


def test_json_lines_are_events(cut):
    source = cut("head-pose-face-detection-male")
    events = [json.loads(line) for line in watch("--json", source).stdout.splitlines()]
    assert [e["type"] for e in events][0] == "new" and [e["type"] for e in events][-1] == "end"
    assert {e["person"] for e in events} == {1} and len({e["id"] for e in events}) == 1
    assert events[-1]["end_reason"] == "source_ended" and events[-1]["source"] == str(source)
    assert list(events[-1]["age"]) == ["range", "years", "probability", "unknown"]
    assert not {"epoch", "msg", "seq", "published", "replayed"} & set(events[0])


def test_the_annotated_video_has_every_picture_at_its_time(cut, tmp_path):
    source, out = cut("head-pose-female-and-male"), tmp_path / "out.mp4"
    watch(source, "-o", out)
    was, now = times(source), times(out)
    assert len(was) == len(now) > 20
    assert max(abs((a - was[0]) - (b - now[0])) for a, b in zip(was, now)) < 0.002
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of",
                            "csv=p=0", out], capture_output=True, text=True, check=True)
    assert probe.stdout.strip() == "h264"
    plain, drawn = cv2.VideoCapture(str(source)), cv2.VideoCapture(str(out))
    changed = 0
    pictures = 0
    while plain.grab() and drawn.grab():
        a, b = plain.retrieve()[1], drawn.retrieve()[1]
        changed += (numpy.abs(a.astype(int) - b.astype(int)).max(axis=2) > 60).any()
        pictures += 1
    assert 10 < changed < pictures  # people, after a second of black


def test_pictures_at_odd_times_stay_so(tmp_path):
    source, out = tmp_path / "odd.mkv", tmp_path / "out.mp4"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i",
                    "testsrc=size=321x241:rate=10:duration=3", "-vf",
                    "select='not(mod(n,2))+gt(n,20)',setpts='PTS+0.03*mod(N,3)/TB'", "-vsync", "vfr",
                    "-c:v", "ffv1", source], check=True)
    r = watch(source, "-o", out)
    assert r.stdout == "" and "0 people" in r.stderr
    was, now = times(source), times(out)
    assert len(was) == len(now)
    assert max(abs((a - was[0]) - (b - now[0])) for a, b in zip(was, now)) < 0.002


def test_control_c_ends_camera_and_video_properly(tmp_path):
    cameras = house.Cameras({"a": house.clip("head-pose-female-and-male.mkv")})
    out = tmp_path / "out.mp4"
    try:
        w = watching(cameras.url("a"), "-o", out)
        w.wait_line(r"person 2 appears")
        w.stop(signal.SIGINT)
        assert w.wait() == 0
        assert w.count(r"leaves after") == 2 and w.count(r"2 people") == 1
        assert len(times(out)) > 3
    finally:
        cameras.stop()


def test_what_cannot_be_watched_is_one_sentence(tmp_path):
    r = watch(tmp_path / "absent.mp4", code=1)
    assert r.stdout == "" and r.stderr.count("\n") == 1 and "absent.mp4" in r.stderr
    r = watch(f"rtsp://viewer:geheim@127.0.0.1:{house.free_port()}/x", code=1)
    assert r.stderr.count("\n") == 1 and "refused" in r.stderr and "geheim" not in r.stderr
    assert "webcam" in watch(code=2).stderr
    assert "0.5 to 30" in watch("--fps", "90", "x.mp4", code=2).stderr
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert "source itself" in watch(tmp_path / "a.mp4", "-o", tmp_path / "a.mp4", code=2).stderr


def test_a_video_that_cannot_be_written_is_said(cut, tmp_path):
    source = cut("head-pose-face-detection-male", 3)
    assert "No such file" in watch(source, "-o", tmp_path / "no/a.mp4", code=1).stderr
    assert "take .mp4" in watch(source, "-o", tmp_path / "a.xyz", code=1).stderr


def test_a_camera_that_is_lost_is_told_once_and_watched_again():
    clip = house.clip("asl-book.mkv")
    cameras = house.Cameras({"a": clip})
    w = watching(cameras.url("a"))
    try:
        w.wait_line(r"person 1 appears")
        port = int(re.search(r":(\d+)/", cameras.url("a")).group(1))
        cameras.stop()
        w.wait_line(r"trying again until Ctrl-C")
        w.wait_line(r"person 1 leaves")
        cameras = house.Cameras({"a": clip}, port=port)
        w.wait_line(r"person 2 appears", timeout=90)
    finally:
        w.stop(signal.SIGINT)
        cameras.stop()
