"""The room source/ against real and faked cameras, through the tool `grab`.

What a picture must look like is known exactly: decoders are bit-exact, so a frame that came over
a network has the checksum that it has in the file, or it was damaged.
"""
import functools
import http.server
import os
import random
import re
import subprocess
import threading
import time

import pytest

import house

SECRET = "s3cr3t-Pa55"


class Grab(house.Process):
    def __init__(self, source, *options, env=None):
        env = {"FACED_LOG": "debug", **(env or {})}
        super().__init__([house.tool("grab"), *[str(o) for o in options], str(source)], env)
        self.source = str(source)

    def wait(self, timeout=2 * house.PATIENCE):
        code = super().wait(timeout)
        assert SECRET not in self.text
        assert "ERROR: " not in self.text, self.text  # a sanitizer's
        assert self.lines[-1] == "closed", self.text
        return code

    def fault(self):
        """The fault and its sentence; None when there was none."""
        self.wait()
        found = re.search(r"^fault (\w+): (.*)$", self.text, re.M)
        return found.groups() if found else None

    def frames(self):
        found = re.findall(r"^frame n=(\d+) time=(\d+) wall=(\d+) size=(\S+) format=(\S+)"
                           r"(?: hash=(\w+))?$", self.text, re.M)
        return [dict(zip(("n", "time", "wall", "size", "format", "hash"), f)) for f in found]

    def hashes(self):
        return [f["hash"] for f in self.frames()]

    def info(self, key):
        return int(re.search(rf"^info .*\b{key}=(\d+)", self.text, re.M).group(1))


@functools.lru_cache(maxsize=None)
def hashes_of(file):
    g = Grab(file, "--hash")
    assert g.wait() == 0
    return g.hashes()


def assert_whole(g, file, late=1):
    """All pictures of the file from its first one on. What was left in the receiver when the
    camera ended the stream may be torn and is not given out; over UDP the good-bye, on a port of
    its own, may overtake the last packets."""
    clean, got = hashes_of(file), g.hashes()
    assert got == clean[:len(got)] and len(got) >= len(clean) - late, g.argv
    assert g.info("withheld") <= late


def fakecam(running, mode):
    p = running(house.Process([house.tools("fakecam.py"), mode]))
    p.port = int(p.wait_line(r"^ready (\d+)").group(1))
    p.url = f"rtsp://viewer:{SECRET}@127.0.0.1:{p.port}/x"
    return p


def make(file, *options, seconds=2, size="320x240", rate=25):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                    f"testsrc2=s={size}:r={rate}:d={seconds}", "-threads", "1",
                    "-pix_fmt", "yuv420p", *options, str(file)], check=True)
    return file


def counted(file):
    out = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
                          "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", str(file)],
                         check=True, capture_output=True, text=True).stdout
    return int(out.split()[0].strip(","))  # a transport stream is told of twice


# ------------------------------------------------------------- real streams ---

@pytest.mark.models
@pytest.mark.parametrize("name,options", [
    ("plain.mkv", ()), ("plain.mkv", ("--udp",)), ("h265.mkv", ()), ("h265.mkv", ("--udp",)),
    ("mjpeg.mkv", ()), ("resize.h264", ())])
def test_every_picture_of_a_stream_arrives_whole(running, name, options):
    cameras = running(house.Cameras({"door": house.clip(name)}))
    g = Grab(cameras.url("door"), "--hash", *options)
    fault, text = g.fault()
    assert (fault, "ended the stream" in text) == ("broken", True), g.text
    if name == "mjpeg.mkv":  # RTP has no place for all of a JPEG's header
        assert len(g.frames()) == counted(house.clip(name))
    else:
        assert_whole(g, house.clip(name), 3 if options else 1)
    times = [int(f["time"]) for f in g.frames()]
    assert all(a < b for a, b in zip(times, times[1:]))
    assert {int(f["wall"]) - int(f["time"]) for f in g.frames()} == {
        int(g.frames()[0]["wall"]) - times[0]}
    if name == "resize.h264":
        sizes = [f["size"] for f in g.frames()]
        changes = [s for i, s in enumerate(sizes) if i == 0 or s != sizes[i - 1]]
        assert changes == ["640x480", "480x270", "640x480"]
    cameras.wait_line(r"^teardown /door$")


@pytest.mark.models
def test_no_damaged_picture_passes(running):
    """All at once: both codecs, both transports, every N-th packet missing."""
    files = {"h264": house.clip("long.mkv"), "h265": house.clip("long-h265.mkv")}
    cameras = running(house.Cameras({f"{n}-{loss}": f"{f},loss={loss}"
                                     for n, f in files.items() for loss in (29, 97, 211)}))
    grabs = [(n, loss, Grab(cameras.url(f"{n}-{loss}"), "--hash", *o))
             for n in files for loss in (29, 97, 211) for o in ((), ("--udp",))]
    for name, loss, g in grabs:
        g.wait()
        clean = hashes_of(files[name])
        assert set(g.hashes()) <= set(clean), g.argv
        assert g.info("damages") > 0 and g.info("withheld") > 0, g.argv
        if loss > 200:
            assert len(g.frames()) > len(clean) // 3, g.text


@pytest.mark.models
def test_torn_last_picture_does_not_pass(running):
    """The camera dies in the middle of a picture, wherever that is."""
    files = {"h264": house.clip("plain.mkv"), "h265": house.clip("h265.mkv")}
    cuts = range(60, 68)
    cameras = running(house.Cameras({f"{n}-{cut}": f"{f},cut={cut}"
                                     for n, f in files.items() for cut in cuts}))
    grabs = [(n, Grab(cameras.url(f"{n}-{cut}"), "--hash")) for n in files for cut in cuts]
    for name, g in grabs:
        g.wait()
        got = g.hashes()
        assert got and got == hashes_of(files[name])[:len(got)], g.argv


@pytest.mark.models
@pytest.mark.parametrize("how", ["basic", "digest"])
def test_password_right_wrong_and_missing(running, how):
    options = ["--user", f"viewer:{SECRET}", "--auth", how]
    cameras = running(house.Cameras({"door": house.clip("plain.mkv")}, options=options))
    good = Grab(cameras.url("door", f"viewer:{SECRET}"), "--frames", 3)
    assert good.fault() is None and len(good.frames()) == 3
    for user in (f"viewer:{SECRET}x", f"nobody:{SECRET}", None):
        fault, text = Grab(cameras.url("door", user)).fault()
        assert fault == "auth" and "wrong user name or password (401)" in text


@pytest.mark.models
def test_no_such_stream(running):
    cameras = running(house.Cameras({"door": house.clip("plain.mkv")}))
    fault, text = Grab(cameras.url("window")).fault()
    assert fault == "not_found" and "no such stream (404)" in text


@pytest.mark.models
def test_transport_that_the_camera_refuses(running):
    cameras = running(house.Cameras({"door": house.clip("plain.mkv")}, options=["--no-udp"]))
    fault, text = Grab(cameras.url("door"), "--udp").fault()
    assert fault == "refused" and "refused this transport" in text
    assert Grab(cameras.url("door"), "--frames", 1).fault() is None


@pytest.mark.models
@pytest.mark.parametrize("options", [(), ("--udp",)])
def test_server_is_killed(running, options):
    cameras = running(house.Cameras({"door": house.clip("long.mkv")}))
    g = Grab(cameras.url("door"), "--read-ms", 1500, *options)
    g.wait_line(r"^frame n=10 ")
    cameras.p.kill()
    fault, _ = g.fault()
    assert fault in ("broken", "timeout", "refused")


@pytest.mark.models
@pytest.mark.parametrize("options", [("--frames", 5), ("--stop-after-ms", 1500),
                                     ("--frames", 5, "--udp")])
def test_a_camera_is_told_good_bye(running, options):
    cameras = running(house.Cameras({"door": house.clip("long.mkv")}))
    g = Grab(cameras.url("door"), *options)
    g.wait()
    cameras.wait_line(r"^teardown /door$")
    assert g.fault() is None or g.fault()[0] == "stopped"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    where = tmp_path_factory.mktemp("tls")
    cert, key = str(where / "cert.pem"), str(where / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-out", cert, "-keyout", key],
                   check=True, capture_output=True)
    return cert, key


@pytest.mark.models
def test_rtsps(running, certificate):
    options = ["--cert", certificate[0], "--key", certificate[1]]
    cameras = running(house.Cameras({"door": house.clip("plain.mkv")}, options=options))
    g = Grab(cameras.url("door", scheme="rtsps"), "--hash")
    g.wait()
    assert_whole(g, house.clip("plain.mkv"))
    assert "unverified=1" in g.text
    cameras.wait_line(r"^teardown /door$")
    # A camera that speaks no TLS, and a client that does not.
    assert Grab(cameras.url("door"), "--open-ms", 2000).fault()[0] in ("broken", "timeout")
    plain = running(house.Cameras({"door": house.clip("plain.mkv")}))
    assert Grab(plain.url("door", scheme="rtsps"), "--open-ms", 2000).fault()[0] in (
        "broken", "timeout")


# ------------------------------------------------------------- cameras that misbehave ---

@pytest.mark.parametrize("mode", ["mute", "drip"])
def test_camera_that_does_not_answer(running, mode):
    camera = fakecam(running, mode)
    fault, text = Grab(camera.url, "--open-ms", 700).fault()
    assert fault == "timeout" and "does not answer within 0.7 s" in text


def test_camera_that_falls_silent(running):
    camera = fakecam(running, "mute-play")
    fault, text = Grab(camera.url, "--read-ms", 700).fault()
    assert fault == "timeout" and "has sent nothing for 0.7 s" in text
    camera.wait_line("^TEARDOWN$")


@pytest.mark.parametrize("mode,faults", [
    ("redirect", {"broken", "unusable"}), ("redirect-http", {"broken", "unusable"}),
    ("garbage", {"broken", "timeout"}), ("huge", {"broken", "timeout"}),
    ("unauthorized", {"auth"}), ("audio", {"no_video"}), ("hangup", {"broken"}),
    ("cut", {"broken"})])
def test_camera_that_misbehaves(running, mode, faults):
    camera = fakecam(running, mode)
    g = Grab(camera.url, "--open-ms", 1500, "--read-ms", 1500)
    assert g.fault()[0] in faults, g.text
    assert g.frames() == []
    assert "root:" not in g.text


@pytest.mark.parametrize("mode", ["mime", "playlist"])
def test_web_server_that_sends_no_video(running, mode):
    camera = fakecam(running, mode)
    g = Grab(f"http://127.0.0.1:{camera.port}/a.m3u8", "--open-ms", 2000)
    assert g.fault()[0] in ("broken", "no_video") and "root:" not in g.text


def test_nobody_is_there(running):
    url = f"rtsp://viewer:{SECRET}@127.0.0.1:{house.free_port()}/x"
    fault, text = Grab(url).fault()
    assert fault == "refused" and "refused the connection" in text
    fault, text = Grab(f"rtsp://viewer:{SECRET}@nobody.invalid/x").fault()
    assert fault == "unreachable" and "viewer:***@nobody.invalid" in text


@pytest.mark.parametrize("mode", ["mute", "mute-play"])
def test_stop_is_heard_at_once(running, mode):
    camera = fakecam(running, mode)
    began = time.monotonic()
    assert Grab(camera.url, "--stop-after-ms", 300).fault()[0] == "stopped"
    # The deadlines are ten seconds: this tells a heard stop from a passed deadline.
    assert time.monotonic() - began < 9


# ------------------------------------------------------------- files ---

def test_every_frame_of_a_file(tmp_path):
    """With and without B-frames, with an index and without one, of all kinds of containers."""
    for name, options in (("a.mp4", ("-c:v", "libx264")), ("b.mkv", ("-c:v", "libx264")),
                          ("c.h264", ("-c:v", "libx264", "-bf", "2")), ("d.gif", ()),
                          ("e.ts", ("-c:v", "libx264")), ("f.avi", ("-c:v", "mjpeg")),
                          ("a:b.mp4", ("-c:v", "libx265", "-x265-params", "log-level=error"))):
        if name == "d.gif":
            options = ("-pix_fmt", "pal8")
        file = tmp_path / name
        make(f"file:{file}", *options)
        g = Grab(file)
        assert g.fault() == ("ended", f"{file}: has ended"[:len(g.fault()[1])]), g.text
        assert len(g.frames()) == counted(f"file:{file}") == 50, name
        times = [int(f["time"]) for f in g.frames()]
        assert all(a < b for a, b in zip(times, times[1:])), name
        assert abs(times[-1] - times[0] - 49 * 40000) <= 10000, name


def test_pace_real_takes_the_files_own_time(tmp_path):
    file = make(tmp_path / "a.mp4", seconds=1)
    began = time.monotonic()
    g = Grab(file, "--real")
    assert g.wait() == 0 and len(g.frames()) == 25
    assert time.monotonic() - began >= 24 / 25
    g = Grab(make(tmp_path / "b.mp4", rate="1/30", seconds=120), "--real", "--stop-after-ms", 300)
    assert g.fault()[0] == "stopped"


def test_sampling_a_file(tmp_path):
    g = Grab(make(tmp_path / "a.mp4", seconds=4), "--fps", 5)
    assert g.wait() == 0 and len(g.frames()) == 20


def test_file_from_a_web_server(tmp_path):
    make(tmp_path / "a.mp4", "-movflags", "+faststart")
    handler = functools.partial(Ranges, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://viewer:{SECRET}@127.0.0.1:{server.server_address[1]}"
        g = Grab(f"{base}/a.mp4", "--hash")
        g.wait()
        assert g.hashes() == hashes_of(str(tmp_path / "a.mp4"))
        assert "live=0" in g.text
        assert Grab(f"{base}/none.mp4").fault()[0] == "not_found"
        server.shutdown()


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Says that it can seek, so that a file of known length is known as one."""

    def end_headers(self):
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("what,fault,words", [
    ("text", "unusable", "is a text file, not a video"),
    ("playlist", "unusable", "is a text file, not a video"),
    ("directory", "unusable", "is a directory, not a video"),
    ("missing", "not_found", "no such file"),
    ("empty", "unusable", "is empty, not a video"),
    ("pipe", "unusable", "is a device or a pipe, not a video"),
    ("truncated", "broken", "is damaged, incomplete"),
    ("random", "broken", "is damaged, incomplete"),
    ("sound", "no_video", "no video stream in it"),
    ("large", "too_large", "larger than 16384 pixels on a side or 37 megapixels"),
])
def test_file_that_is_no_video(tmp_path, what, fault, words):
    file = tmp_path / what
    if what == "text":
        file.write_text("Dear camera,\nplease show me something.\n")
    elif what == "playlist":
        file.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    elif what == "directory":
        file.mkdir()
    elif what == "empty":
        file.touch()
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "truncated":
        whole = make(tmp_path / "whole.mp4").read_bytes()
        file.write_bytes(whole[:len(whole) // 2])
    elif what == "random":
        file.write_bytes(random.Random(7).randbytes(300000))
    elif what == "sound":
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                        "sine=d=1", "-f", "wav", str(file)], check=True)
    elif what == "large":
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                        "color=s=20000x5000:d=0.1:r=10", "-frames:v", "1", "-pix_fmt", "gray",
                        "-c:v", "png", "-f", "image2pipe", str(file)], check=True)
    got = Grab(file).fault()
    assert got[0] == fault and words in got[1], got
    assert got[1].startswith(str(file)[:100])


def test_damaged_files_never_crash(tmp_path):
    """Bytes changed at random anywhere: some frames or a fault, and an end."""
    seed = int(os.environ.get("SEED", time.time_ns() % 2**32))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    for name, options in (("a.mp4", ()), ("b.mkv", ()), ("c.h264", ()), ("d.gif", None)):
        whole = bytearray(make(tmp_path / name, *(() if options is None else
                                                  ("-c:v", "libx264")), seconds=1).read_bytes())
        for _ in range(5):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 60)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            (tmp_path / f"hurt-{name}").write_bytes(data)
            g = Grab(tmp_path / f"hurt-{name}", "--read-ms", 3000)
            assert g.wait() in (0, 1), f"SEED={seed} {name}"


def test_addresses_that_are_none_of_ours():
    for url in (f"ftp://viewer:{SECRET}@127.0.0.1/a", "concat://a", "rtmp://127.0.0.1/live"):
        fault, text = Grab(url).fault()
        assert fault == "unusable" and "not a kind of source that can be read" in text
    fault, text = Grab("/dev/video97").fault()
    assert fault == "unreachable" and "no such device" in text
