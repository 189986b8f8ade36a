#!/usr/bin/python3
"""What tiles find in pictures of 3840x2160, and what they cost.

    bench_tiles.py BUILD FACES [PICTURES]

FACES is a folder of portraits. They are shrunk until a face is so many pixels wide and scattered over
a room without people, wherever tiles meet too. Prints a table: of the faces those that are found at
all and those that could begin a record, boxes where there is no face, and milliseconds a picture.
SEED= makes other pictures.
"""
import glob
import json
import os
import random
import statistics
import subprocess
import sys

import cv2
import numpy

BUILD, FACES = sys.argv[1:3]
PICTURES = int(sys.argv[3]) if len(sys.argv) > 3 else 4
WIDTH, HEIGHT = 3840, 2160
START = 0.8  # of the card
RAW = os.path.join(BUILD, "tiles.bgr")


def look(job, narrowest=0):
    r = subprocess.run([f"{BUILD}/look", f"{BUILD}/models", "retail-0013", "yunet",
                        f"tiles={narrowest}"],
                       input="".join(j + "\n" for j in job), capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


def save(picture):
    picture.tofile(RAW)
    return f"{RAW} {picture.shape[1]} {picture.shape[0]}"


def portraits(draw):
    """Pictures with exactly one face, and its box."""
    files = sorted(glob.glob(os.path.join(glob.escape(FACES), "**", "*.jpg"), recursive=True))
    draw.shuffle(files)
    for file in files[:120]:
        picture = cv2.imread(file)
        found = look([save(picture)])[0]["faces"]
        if len(found) == 1 and found[0]["score"] > START and found[0]["box"][2] > 60:
            yield picture, found[0]["box"]


def room(draw):
    """The passers' corridor, enlarged, with the grain of a camera."""
    clip = cv2.VideoCapture(glob.glob(f"{BUILD}/media/one-by-one*")[0])
    ok, picture = clip.read()
    assert ok
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = numpy.random.default_rng(draw.randrange(1 << 30)).normal(0, 4, picture.shape)
    return numpy.clip(picture + grain, 0, 255).astype(numpy.uint8)


def overlap(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0, w) * max(0, h)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def compose(people, width, draw):
    """As many as fit without touching one another, at most forty; and their boxes."""
    picture, truth, taken = room(draw), [], []
    for _ in range(200):
        portrait, box = draw.choice(people)
        scale = width / box[2]
        size = [max(1, round(v * scale)) for v in (portrait.shape[1], portrait.shape[0])]
        if len(truth) == 40 or size[0] >= WIDTH or size[1] >= HEIGHT:
            continue
        x, y = draw.randrange(WIDTH - size[0]), draw.randrange(HEIGHT - size[1])
        if any(overlap((x, y, *size), t) > 0 for t in taken):
            continue
        picture[y:y + size[1], x:x + size[0]] = cv2.resize(portrait, size,
                                                           interpolation=cv2.INTER_AREA)
        taken.append((x, y, *size))
        truth.append((x + box[0] * scale, y + box[1] * scale, box[2] * scale, box[3] * scale))
    return picture, truth


def main():
    seed = int(os.environ.get("SEED", "1"))
    draw = random.Random(seed)
    people = list(portraits(draw))
    print(f"SEED={seed}, {len(people)} portraits, {PICTURES} pictures of {WIDTH}x{HEIGHT} a row")
    print(f"{'tiles':>12} {'work':>5} {'face px':>8} {'faces':>6} {'found':>6} {'sure':>6} "
          f"{'false':>6} {'sure':>5} {'ms':>7}")
    for width in (20, 30, 40, 60, 90, 120, 250, 600):
        scenes = [compose(people, width, draw) for _ in range(PICTURES)]
        for narrowest in (0, 40, 30, 20, 12):
            found = sure = false = false_sure = n = 0
            ms = []
            for picture, truth in scenes:
                runs = look([save(picture)] * 3, narrowest)
                ms += [r["ms"] for r in runs[1:]]  # the first one allocates
                boxes = [(f["box"], f["score"]) for f in runs[0]["faces"]]
                best = [max((s for b, s in boxes if overlap(b, t) > 0.3), default=0) for t in truth]
                wrong = [s for b, s in boxes if all(overlap(b, t) <= 0.3 for t in truth)]
                n += len(truth)
                found += sum(s > 0 for s in best)
                sure += sum(s >= START for s in best)
                false += len(wrong)
                false_sure += sum(s >= START for s in wrong)
            print(f"{'min ' + str(narrowest) if narrowest else 'off':>12} {runs[0]['work']:5.1f} "
                  f"{width:8} {n:6} {found / n:6.2f} {sure / n:6.2f} {false:6} {false_sure:5} "
                  f"{statistics.median(ms):7.0f}", flush=True)
    os.remove(RAW)


if __name__ == "__main__":
    main()
