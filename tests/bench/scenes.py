"""The scenes of the bench: composed once, encoded as cameras send them, kept in BUILD/bench-scenes.

Portraits walk through 1920x1080 at 25 pictures a second; compose_scenes.py does the painting. A
scene lasts 20 or 40 s and is repeated without being encoded again, so that a camera never ends
while it is measured; the seam is a cut at a key frame.
"""
import os
import subprocess
import sys
from multiprocessing import Pool

import house

sys.path.insert(0, os.path.join(house.TOP, "tests/tools"))
import compose_scenes as compose  # noqa: E402

WIDTH, HEIGHT, FPS = 1920, 1080, 25
DIR = os.path.join(house.BUILD, "bench-scenes")
FACES = os.environ.get("FACES") or os.path.join(house.TOP, "../shared/faces")
PHASES = 10  # a scene of 40 s, begun at so many places: not all cameras are busy at once


# ------------------------------------------------------------- who is there ---

def empty(s):
    """nobody"""
    s.lasts(20)


def tenth(s):
    """one person comes in, stops, goes on: in view for 4 of 40 s"""
    s.lasts(40)
    w, y = 110, 0.45 * HEIGHT
    s.add([(3, -1.2 * w, y, w), (4.5, 0.45 * WIDTH, y, w), (5.5, 0.55 * WIDTH, y, w),
           (7, WIDTH + 1.2 * w, y, w)])


def wander(s, x, y, w, reach):
    """Somebody who is always there and walks up and down."""
    keys, t = [(0, x, y, w)], 0
    while t < s.seconds:
        t += s.rs.uniform(1.5, 4)
        keys.append((t, x + s.rs.uniform(-reach, reach) * w, y + s.rs.uniform(-0.1, 0.1) * w, w))
    s.add(keys, smooth=1.0)


def busy(s):
    """two people are always there and walk up and down"""
    s.lasts(20)
    wander(s, 0.3 * WIDTH, 0.42 * HEIGHT, 100, 3)
    wander(s, 0.7 * WIDTH, 0.48 * HEIGHT, 140, 2)


def crowd(s):
    """twenty people are always there"""
    s.lasts(20)
    for row, (n, w) in enumerate(((7, 60), (7, 75), (6, 90))):
        for i in range(n):
            x = (i + 0.5 + s.rs.uniform(-0.1, 0.1)) * WIDTH / n
            wander(s, x, (0.18 + 0.24 * row) * HEIGHT, w * s.rs.uniform(0.95, 1.05), 0.5)


SCENES = {"empty": empty, "tenth": tenth, "busy": busy, "crowd": crowd}
TITLES = {"empty": "empty", "tenth": "10 % busy", "busy": "always busy", "crowd": "crowd of 20"}

# ------------------------------------------------------------- how a camera sends it ---

X264 = "-c:v libx264 -preset veryfast -bf 0 -sc_threshold 0 -pix_fmt yuv420p -threads 1"
X265 = ("-c:v libx265 -preset ultrafast -crf 23 -pix_fmt yuv420p -x265-params "
        "log-level=error:pools=none:frame-threads=1:bframes=0:open-gop=0:scenecut=0:keyint=50")
VARIABLE = X264 + " -crf 21 -g "
STREAMS = {
    "vbr": VARIABLE + "50",
    "cbr": X264 + " -g 50 -b:v 4M -minrate 4M -maxrate 4M -bufsize 4M -x264-params nal-hrd=cbr",
    "gop1": VARIABLE + "25",
    "gop10": VARIABLE + "250",
    "h265": X265,
    "sub": "-vf scale=640:360 " + VARIABLE + "50",
}
STREAM_TITLES = {
    "vbr": "H.264 variable, GOP 2 s", "cbr": "H.264 constant 4 Mbit/s", "gop1": "GOP 1 s",
    "gop10": "GOP 10 s", "h265": "H.265 variable", "sub": "640x360",
}


def path(name):
    return os.path.join(DIR, name + ".mkv")


def ffmpeg(target, *argv):
    part = target + ".part.mkv"
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *argv, part], check=True)
    os.replace(part, target)


def due(target, *sources):
    made = os.path.getmtime(target) if os.path.exists(target) else 0
    return any(os.path.getmtime(s) > made for s in sources)


def encoder(scene, target):
    """What the variants are made of: nearly without loss, and fast."""
    return subprocess.Popen(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24",
         "-s", f"{WIDTH}x{HEIGHT}", "-r", str(scene.fps), "-i", "-", "-c:v", "libx264", "-preset",
         "ultrafast", "-qp", "12", "-threads", "1", "-pix_fmt", "yuv420p", target],
        stdin=subprocess.PIPE)


def paint(kind):
    """The scene itself."""
    def with_noise(scene):
        SCENES[kind](scene)
        scene.noise = 2.0

    compose.cv2.setNumThreads(1)
    compose.W, compose.H = WIDTH, HEIGHT
    compose.encoder = encoder
    compose.KINDS[kind] = with_noise
    portraits = compose.Portraits(FACES, os.path.join(
        house.MODELS, "face_detection_yunet_2023mar.onnx"))
    compose.compose(kind, 1, portraits, DIR)
    return f"{kind}-1"


def encode(job):
    kind, stream = job
    ffmpeg(path(f"{kind}-{stream}"), "-i", path(f"{kind}-1"), "-an", *STREAMS[stream].split())
    return f"{kind}-{stream}"


def lengthen(scene, stream, seconds, phase=0):
    """The scene's stream for so long, from one of its phases on; its path."""
    source = path(f"{scene}-{stream}")
    target = path(f"{scene}-{stream}-{seconds}s-{phase}")
    if due(target, source):
        ffmpeg(target, "-stream_loop", "-1", "-i", source, "-ss", str(phase * 4), "-t",
               str(seconds), "-c", "copy")
    return target


def make(wanted):
    """wanted: [(scene, stream)]. Makes what is missing, on two cores."""
    os.makedirs(DIR, exist_ok=True)
    wanted = list(dict.fromkeys(wanted))
    paints = [k for k in dict.fromkeys(k for k, _ in wanted)
              if due(path(f"{k}-1"), __file__)]
    with Pool(2) as pool:
        for name in pool.imap_unordered(paint, paints):
            print(f"  SCENE {name}", flush=True)
        jobs = [(k, s) for k, s in wanted if due(path(f"{k}-{s}"), path(f"{k}-1"))]
        for name in pool.imap_unordered(encode, jobs, chunksize=1):
            print(f"  SCENE {name}", flush=True)


def rate(file):
    """Bits a second."""
    out = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration,size", "-of",
                          "csv=p=0", file], capture_output=True, text=True, check=True).stdout
    seconds, size = out.strip().split(",")
    return 8 * float(size) / float(seconds)
