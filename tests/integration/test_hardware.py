"""Decoding by hardware: a stand-in for a card (preload/fakegpu.c) that works, and fails at each of
its steps; and, of the hardware that this machine has not, that software takes over at once."""
import re

import pytest

import house
from test_source import Grab, make

GOP = 12
FRAMES = 100


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """With B-frames, so that pictures come in another order than their packets."""
    return make(tmp_path_factory.mktemp("clips") / "clip.mkv", "-c:v", "libx264", "-g", str(GOP),
                "-sc_threshold", "0", "-bf", "2", seconds=FRAMES // 25)


def stand_in(by):
    return {"LD_PRELOAD": house.preload("fakegpu.so"), "FAKEGPU_BY": str(by)}


class Card(Grab):
    def trouble(self):
        found = re.search("^trouble (.*)$", self.text, re.M)
        return found and found.group(1)

    def decoder(self):
        return re.search(r"^info .*\bdecoder=(\S+)", self.text, re.M).group(1)

    def pictures(self):
        """By their places in the file, of which the last one always comes: format and checksum."""
        frames = self.frames()
        end = int(frames[-1]["time"]) - (FRAMES - 1) * 40000
        return {round((int(f["time"]) - end) / 40000): (f["format"], f["hash"]) for f in frames}


def grab(by, file, *options):
    g = Card(file, "--hash", *options, env=stand_in(by))
    assert g.wait() == 0
    return g


def test_a_card_decodes(tmp_path, clip):
    by = tmp_path / "by"
    software, card = grab(by, clip), grab(by, clip, "--hwaccel", "vaapi:/dev/dri/renderD128")
    assert software.decoder() == "software" and card.decoder() == "vaapi"
    assert card.trouble() is None and software.trouble() is None
    assert [n for n in card.pictures()] == [n for n in software.pictures()] == list(range(FRAMES))
    assert {f for f, _ in card.pictures().values()} == {"nv12"}


@pytest.mark.parametrize("word,trouble", [
    ("send", "failed on a packet"), ("receive", "failed on a picture"),
    ("fetch", "cannot be fetched"), ("silent", "gives out no pictures")])
def test_a_card_that_fails(tmp_path, clip, word, trouble):
    """Nothing but what lies between the failure and the next key frame is lost, and what comes
    after it is bit by bit what software makes of the whole file."""
    by = tmp_path / "by"
    clean = grab(by, clip).pictures()
    for after in 1, 30:
        by.write_text(f"{word} {after}")
        g = grab(by, clip, "--hwaccel", "vaapi")
        assert trouble in g.trouble() and g.decoder() == "software"
        got = g.pictures()
        by_card = [n for n, (f, _) in got.items() if f == "nv12"]
        by_software = {n: p for n, p in got.items() if p[0] != "nv12"}
        assert len(by_card) <= after
        begin = min(by_software)
        assert begin % GOP == 0 and sorted(by_software) == list(range(begin, FRAMES))
        assert all(clean[n] == p for n, p in by_software.items())
        # a card that only goes silent is given some time
        assert begin - max(by_card, default=-1) <= GOP + 4 + (64 if word == "silent" else 0)


@pytest.mark.parametrize("word,trouble", [
    ("device", "device cannot be opened"), ("kind", r"does not take h264 of this kind \(High")])
def test_a_card_that_is_no_use(tmp_path, clip, word, trouble):
    by = tmp_path / "by"
    clean = grab(by, clip).pictures()
    by.write_text(f"{word} 0")
    g = grab(by, clip, "--hwaccel", "vaapi")
    assert re.search(trouble, g.trouble()) and g.decoder() == "software"
    assert g.pictures() == clean


@pytest.mark.parametrize("name", ["vaapi", "vaapi:/dev/null", "cuda", "vdpau", "v4l2m2m",
                                  "h264_v4l2m2m", "hevc_v4l2m2m", "qsv", "cuvid", "drm", "vulkan"])
def test_this_machine_has_none(clip, name):
    """Or it has, and that one works; every picture comes in any case."""
    g = Grab(clip, "--hwaccel", name)
    assert g.wait() == 0 and len(g.frames()) == FRAMES
    if "decoder=software" in g.text:
        assert re.search("^trouble .", g.text, re.M)


def look(daemon):
    return daemon.status()["cameras"]["room"]


def watch(running, tmp_path, file, by):
    # The stand-in reads a file of ours while it runs, which a camera's process may not.
    room = {"url": str(file), "loop": True, "hwaccel": "vaapi", "isolation": "thread"}
    daemon = running(house.Daemon(tmp_path, {"room": room}, env=stand_in(by)))
    daemon.wait_line("streaming")
    return daemon


def test_a_card_is_lost_and_comes_back(running, tmp_path, clip):
    by = tmp_path / "by"
    daemon = watch(running, tmp_path, clip, by)
    daemon.wait_status(lambda s: s["cameras"]["room"]["decoder"] == "vaapi")
    assert look(daemon)["decoder_trouble"] is None
    (tmp_path / "coming").write_text("fetch 0")
    (tmp_path / "coming").rename(by)
    daemon.wait_line(r'room.*hwaccel "vaapi": its picture cannot be fetched: .*; software decodes '
                     "until the next connection")
    status = daemon.wait_status(lambda s: s["cameras"]["room"]["decoder"] == "software")
    assert "cannot be fetched" in status["cameras"]["room"]["decoder_trouble"]
    shown = daemon.ctl("status").stdout
    assert "software decodes" in shown and "DECODER" in shown
    by.unlink()
    daemon.wait_line('room.*hwaccel "vaapi" decodes again')  # the file begins anew
    assert look(daemon)["decoder"] == "vaapi" and look(daemon)["state"] == "online"
    status = daemon.status()
    assert status["cameras"]["room"]["reconnects_last_hour"] == 0 and status["troubles"] == []
    assert daemon.stop() == 0


def test_nobody_is_lost_when_a_card_fails_asleep(running, tmp_path):
    """The still picture in which it sleeps was decoded by the card; who comes, by software."""
    by = tmp_path / "by"
    daemon = watch(running, tmp_path, house.clip("black.mkv"), by)
    daemon.wait_status(lambda s: s["cameras"]["room"]["asleep"])
    (tmp_path / "coming").write_text("send 0")
    (tmp_path / "coming").rename(by)
    daemon.wait_line("software decodes")
    daemon.wait_status(lambda s: s["cameras"]["room"]["asleep"] and
                       s["cameras"]["room"]["decoder"] == "software")
    assert look(daemon)["state"] == "online"
    assert daemon.stop() == 0


@pytest.mark.parametrize("name,known", [
    ("none", True), ("vaapi", True), ("vaapi:/dev/dri/renderD129", True), ("cuda:1", True),
    ("v4l2m2m", True), ("hevc_v4l2m2m", True), ("qsv", True), ("drm", True),
    ("vaapi2", False), ("auto", False), ("h264", False), ("vaapi:", False), (":", False),
    ("v4l2m2m:/dev/video10", False)])
def test_names_are_checked_with_the_configuration(tmp_path, name, known):
    conf = tmp_path / "check.conf"
    conf.write_text('cameras: ( { name = "room"; url = "rtsp://192.0.2.7/x"; '
                    f'hwaccel = "{name}"; }} );')
    said = house.run_all([house.tool("faced"), "--check-config", "-c", str(conf)])
    assert ("ok, 1 camera" in said) == known, said
    assert ("camera 'room': hwaccel: " in said) != known
    if name in ("vaapi2", "auto", "h264"):
        assert re.search(r"knows: none, .*\bvaapi\b.*\bv4l2m2m\b", said)


def test_a_wrong_name_is_not_reloaded(running, tmp_path):
    daemon = running(house.Daemon(tmp_path, {"room": house.clip("black.mkv")}))
    daemon.wait_line("streaming")
    daemon.configure({"room": {"url": house.clip("black.mkv"), "hwaccel": "gpu"}})
    daemon.reload()
    daemon.wait_line("not reloaded.*'gpu' is no hardware")
    assert daemon.stop() == 0
