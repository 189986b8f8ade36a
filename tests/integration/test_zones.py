"""Where a camera looks: zones, masks, and tiles for small faces in a large picture."""
import json
import os
import subprocess

import pytest

import house

pytestmark = pytest.mark.models

MALE = "head-pose-face-detection-male"
LEFT = "0,0, 0.5,0, 0.5,1, 0,1"
RIGHT = "0.5,0, 1,0, 1,1, 0.5,1"
ALL = "0,0, 1,0, 1,1, 0,1"


def test_zones_and_masks_decide_who_is_recorded(running, tmp_path):
    """Six cameras look at the same two people, a woman on the left and a man on the right."""
    file = tmp_path / "pair.mkv"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", house.clip("long.mkv"), "-t", "3", "-c",
                    "copy", file], check=True)
    wanted = {"all": {}, "left": {"zones": [LEFT]}, "right": {"zones": [RIGHT]},
              "unmasked": {"masks": [LEFT]}, "none": {"masks": [LEFT, RIGHT]},
              "within": {"zones": [ALL], "masks": [RIGHT]}}
    daemon = running(house.Daemon(
        tmp_path, {n: {"url": str(file), "pace": "max", **keys} for n, keys in wanted.items()},
        args=["--once", "0"]))
    assert daemon.wait(120) == 0
    rows = daemon.rows()
    genders = {n: sorted(str(r["gender"]) for r in house.by_camera(rows, n)) for n in wanted}
    both = genders["all"]
    assert len(both) == 2
    assert {n: len(g) for n, g in genders.items()} == {
        "all": 2, "left": 1, "right": 1, "unmasked": 1, "none": 0, "within": 1}
    assert genders["left"] == genders["within"] and genders["right"] == genders["unmasked"]
    assert sorted(genders["left"] + genders["right"]) == both


def test_a_new_mask_ends_what_is_open_and_begins_nothing(running, tmp_path, broker):
    """A reload changes that camera alone; who stands in the mask is not seen any more."""
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({n: house.clip("long.mkv") for n in ("door", "hall")}))
    urls = {n: cameras.url(n) for n in ("door", "hall")}
    daemon = running(house.Daemon(tmp_path, urls, broker.port))
    subscriber.wait(lambda _: {e["camera"] for e in subscriber.events("new")} == set(urls),
                    "somebody before both")
    daemon.configure({"door": {"url": urls["door"], "masks": [ALL]}, "hall": urls["hall"]},
                     broker.port)
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*: 1 camera changed$")
    subscriber.wait(lambda _: any(e["camera"] == "door" and e["end_reason"] == "restart"
                                  for e in subscriber.events("end")), "an end for this reason")
    before = len([e for e in subscriber.events("new") if e["camera"] == "door"])
    daemon.wait_line(r"camera: door: streaming", 2)
    status = daemon.wait_status(lambda s: s["cameras"]["door"]["looks"] >= 5)["cameras"]["door"]
    assert status["people"] == 0 and status["faces"] == 0
    assert len([e for e in subscriber.events("new") if e["camera"] == "door"]) == before
    assert daemon.stop() == 0


@pytest.fixture(scope="module")
def square(tmp_path_factory):
    """3840x2160, an empty square on which the same man stands four times with a face of 30 pixels:
    in a corner, where two tiles and where four tiles meet, and at the lower edge."""
    out = tmp_path_factory.mktemp("square") / "square.mkv"
    places = ((0, 0), (1000, 300), (1000, 1030), (3000, 2044))
    graph = f"[0:v]fps=5,scale=203:114,split={len(places)}"
    graph += "".join(f"[man{i}]" for i in range(len(places)))
    under = "1:v"
    for i, (x, y) in enumerate(places):
        graph += f";[{under}][man{i}]overlay={x}:{y}[on{i}]"
        under = f"on{i}"
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", house.media_of(MALE), "-f",
                    "lavfi", "-i", "color=0x606870:s=3840x2160:r=5", "-filter_complex",
                    graph, "-map", f"[{under}]", "-t", "1.6",
                    "-c:v", "libx264", "-preset", "ultrafast", "-crf", "14", "-pix_fmt", "yuv420p",
                    out], check=True)
    return out


def test_tiles_find_small_faces_in_4k(running, tmp_path, square):
    """Without them nobody, with them each of the four once; and no more tiles than a zone needs."""
    common = {"url": str(square), "pace": "max", "min_face": 20}
    corner = "0,0, 0.06,0, 0.06,0.06, 0,0.06"
    daemon = running(house.Daemon(
        tmp_path, {"off": common, "auto": {**common, "min_face": 25, "tiles": "auto"},
                   "corner": {**common, "tiles": "auto", "zones": [corner]}},
        args=["--once", "0"]))
    assert daemon.wait(120) == 0
    rows = daemon.rows()
    assert {n: len(house.by_camera(rows, n)) for n in ("off", "auto", "corner")} == {
        "off": 0, "auto": 4, "corner": 1}
    many = daemon.wait_line(r"camera 'auto': tiles in pictures of 3840x2160: (\d+); faces from 25 "
                            r"px on are found, for ([\d.]+) times the work")
    one = daemon.wait_line(r"camera 'corner': tiles in pictures of 3840x2160: (\d+); faces from 20 "
                           r"px on are found, for ([\d.]+) times the work")
    assert 8 <= int(many.group(1)) <= 32 and int(one.group(1)) == 1
    assert float(one.group(2)) < 3
    assert daemon.count(r"camera 'off': tiles") == 0


def test_tiles_find_small_faces_in_a_photo(tmp_path, square):
    photo = tmp_path / "photo.jpg"
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-ss", "1", "-i", square,
                    "-frames:v", "1", "-q:v", "2", photo], check=True)

    def faces(*args):
        r = subprocess.run([house.tool("facectl"), "image", "--json", *args, photo], text=True,
                           capture_output=True, timeout=house.PATIENCE,
                           env={**os.environ, "FACED_MODELS": house.MODELS})
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)["faces"]

    assert faces() == []
    found = faces("--tiles")
    assert len(found) == 4
    assert all(22 <= f["width_px"] <= 40 for f in found)
