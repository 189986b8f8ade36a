"""What must hold in a hostile network, for the camera, for all others and for the events, as the
scenarios of test_hostile.py and test_partition.py check it; and a place for what they measure."""
import json
import os
import subprocess
import time

import house

FINE = {"hall": "classroom", "yard": "head-pose-face-detection-male"}
UNLIKE = ("published", "replayed")  # what may differ where an event comes twice


def once(name, *options):
    """A video that ffmpeg makes, if it is not there."""
    folder = os.path.join(house.BUILD, "hostile")
    os.makedirs(folder, exist_ok=True)
    file = os.path.join(folder, name)
    if not os.path.exists(file):
        new = os.path.join(folder, f"{os.getpid()}-{name}")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *options, new], check=True)
        os.replace(new, file)
    return file


def raw(name, size="640x480"):
    """A raw H.264 file of four seconds with a key frame each second, for rtpcam.py."""
    return once(f"{name}.h264", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=4", "-c:v",
                "libx264", "-preset", "veryfast", "-bf", "0", "-pix_fmt", "yuv420p", "-threads",
                "1", "-x264-params", "slices=1:repeat-headers=1:keyint=25:scenecut=0")


def fake(running, program, *args, port=0):
    """fakecam.py or rtpcam.py."""
    p = running(house.Process(["/usr/bin/python3", house.tools(program), *map(str, args[:1]),
                               "--port", str(port), *map(str, args[1:])]))
    p.port = int(p.wait_line(r"^ready (\d+)").group(1))
    p.url = f"rtsp://127.0.0.1:{p.port}/door"
    return p


def fine(clip):
    """A camera's stream of ten minutes: people, a minute of black, people again."""
    return once(f"{clip}.mkv", "-stream_loop", "8", "-i", house.clip(f"{clip}.mkv"), "-c", "copy")


def fine_cameras(running):
    """A real server with two cameras before which people come and go."""
    server = running(house.Cameras({n: fine(c) for n, c in FINE.items()}))
    return {name: server.url(name) for name in FINE}


def rss_mb(daemon):
    """The most memory that the daemon ever held."""
    with open(f"/proc/{daemon.p.pid}/status") as f:
        return int(next(x for x in f if x.startswith("VmHWM")).split()[1]) // 1024


def check_others(daemon, names=tuple(FINE)):
    """Online, never away, and pictures go on coming."""
    before = daemon.wait_status(lambda s: all(s["cameras"][n]["state"] != "connecting"
                                              for n in names))["cameras"]
    for name in names:
        assert before[name]["state"] == "online", before[name]
        assert before[name]["reconnects_last_hour"] == 0, before[name]
    daemon.wait_status(lambda s: all(s["cameras"][n]["frames"] > before[n]["frames"]
                                     for n in names))
    assert daemon.count(rf"warning camera: ({'|'.join(names)}):") == 0


def check_records(daemon, names=tuple(FINE)):
    """People were seen there, and each record has its end."""
    for name in names:
        rows = daemon.rows("SELECT * FROM faces WHERE camera = ?", name)
        assert rows, name
        assert all(r["end_us"] for r in rows), rows


def check_events(daemon, events):
    """All that the daemon said, which has ended: nothing lost, nothing twice but by (epoch, msg), in
    order. events: in the order in which they came. Returns how many were made and repeated."""
    assert daemon.rows("SELECT * FROM outbox") == []
    known = {}
    for e in events:
        content = {k: v for k, v in e.items() if k not in UNLIKE}
        assert known.setdefault((e["epoch"], e["msg"]), content) == content
    numbers = [n for _, n in known]
    assert numbers == sorted(numbers), "in order"
    assert numbers == list(range(1, len(numbers) + 1)), "none is missing"
    rows = {r["id"]: r["seq"] for r in daemon.rows()}
    assert {e["id"]: e["seq"] for e in known.values() if e["type"] == "end"} == rows
    begun, over = set(), set()
    for e in known.values():
        assert e["id"] not in over
        assert (e["id"] in begun) == (e["type"] != "new"), e
        (over if e["type"] == "end" else begun).add(e["id"])
    return {"made": len(known), "lost": 0, "repeated": len(events) - len(known)}


class Stopwatch:
    """Seconds between what happens."""

    def __init__(self):
        self.began = time.monotonic()

    def seconds(self):
        return round(time.monotonic() - self.began, 1)


def measured(scenario, **values):
    """One line of JSON in the file that FACED_MEASURED names."""
    if "FACED_MEASURED" in os.environ:
        with open(os.environ["FACED_MEASURED"], "a") as f:
            f.write(json.dumps({"scenario": scenario, **values}) + "\n")
