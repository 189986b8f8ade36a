#!/usr/bin/python3
"""Composes scenes of which everything is known: portraits walk over a background, as H.264.

    compose_scenes.py OUT KIND:SEED...      OUT/KIND-SEED.mkv and OUT/KIND-SEED.truth.jsonl
    compose_scenes.py --kinds               the kinds, a line each

Heads and shoulders are cut out of studio portraits (--faces: the folders london, congress and
canada below it), which are read when a scene is made and kept nowhere. They walk, cross, pause,
turn, come nearer and leave; the nearer one covers the other; the camera's noise, motion blur and
H.264 come on top. The same kind, seed and portraits give the same scene. What exists is kept.

The truth is what facectl(1), `evaluate --video`, reads: a header with everybody's `counts`, then a
line a picture with the box and the visible share of each face: neither covered, nor outside of the
picture, nor blurred away. A person counts who was seen well, wholly and large enough, for a second
on end. So does a picture on the wall, once; so does a reflection, as one more. A picture that
only flickers around what a detector sees does not count, and may have a record or none.
"""
import argparse
import fcntl
import glob
import json
import os
import subprocess
import sys
import zlib
from multiprocessing import Pool

import cv2
import numpy as np

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
W, H = 1280, 720
SPRITE = 200          # width of the face in the largest sprite
ASPECT = 1.36         # a face's height by its width, roughly: for placing, never for the truth
COUNT_S, COUNT_SHARE, COUNT_PX, COUNT_TURN = 1.0, 0.8, 20, 0.75
COVER = 255           # the owner of what is nobody's


# ------------------------------------------------------------- portraits ---

class Portraits:
    """Cut-outs, made when they are asked for."""

    def __init__(self, faces, yunet):
        self.files = sorted(f for d in ("london", "congress", "canada")
                            for f in glob.glob(os.path.join(faces, d, "*.jpg")))
        if not self.files:
            sys.exit(f"compose_scenes: there are no portraits in {faces}")
        self.net = cv2.dnn.readNet(yunet)
        self.made = {}

    def face(self, image):
        """The surest face's box by YuNet; see docs of the model for the outputs."""
        side = 640
        scale = side / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.zeros((side, side, 3), np.uint8)
        canvas[:small.shape[0], :small.shape[1]] = small
        self.net.setInput(cv2.dnn.blobFromImage(canvas))
        names = [f"{n}_{s}" for n in ("cls", "obj", "bbox") for s in (8, 16, 32)]
        out = [o.reshape(-1, o.shape[-1]) for o in self.net.forward(names)]
        best = (0, None)
        for i, s in enumerate((8, 16, 32)):
            score = np.sqrt(np.clip(out[i][:, 0], 0, 1) * np.clip(out[3 + i][:, 0], 0, 1))
            k = int(score.argmax())
            if score[k] > best[0]:
                b, row, col = out[6 + i][k], k // (side // s), k % (side // s)
                w, h = np.exp(b[2]) * s, np.exp(b[3]) * s
                best = (score[k], ((col + b[0]) * s - w / 2, (row + b[1]) * s - h / 2, w, h))
        return [float(x) / scale for x in best[1]]

    def measure(self, name):
        """The portrait and its face, found at the size that a camera would show."""
        image = cv2.imread(name)
        box = self.face(image)
        k = 90 / box[2]
        pad = 640 - max(2, int(max(image.shape[:2]) * k))
        if pad > 0:  # smaller in the same square
            size = int(max(image.shape[:2]) / (640 - pad) * 640)
            wide = np.full((size, size, 3), 127, np.uint8)
            wide[:image.shape[0], :image.shape[1]] = image
            box = self.face(wide)
        return image, box

    def cut(self, index):
        """(sprite levels, face centre and size in the largest): premultiplied colour and alpha."""
        name = self.files[index % len(self.files)]
        if name not in self.made:
            image, box = self.measure(name)
            self.made[name] = (person_sprite(image, box), poster_sprite(image, box))
        return self.made[name]


class Sprite:
    """Premultiplied colour and alpha in sizes that halve, and where the face is in the first."""

    def __init__(self, colour, alpha, centre, size):
        bgra = np.dstack([colour.astype(np.float32) * alpha[..., None], alpha * 255])
        self.levels = [np.clip(bgra + 0.5, 0, 255).astype(np.uint8)]
        while self.levels[-1].shape[0] > 40:
            self.levels.append(cv2.resize(self.levels[-1], None, fx=0.5, fy=0.5,
                                          interpolation=cv2.INTER_AREA))
        self.centre, self.size = centre, size


def crop(image, box, left, up, width, height):
    """The part around the face's centre, in widths and heights of the face, SPRITE large; and
    where it is inside of the portrait."""
    k = SPRITE / box[2]
    cx, cy = box[0] + box[2] / 2, box[1] + box[3] / 2
    sw, sh = box[2] * k, box[3] * k
    out = (int(width * sw), int(height * sh))
    m = np.float32([[k, 0, left * sw - k * cx], [0, k, up * sh - k * cy]])
    if k < 1:  # warpAffine does not average
        small = cv2.resize(image, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        m[:, :2] = np.eye(2)
    else:
        small = image
    got = cv2.warpAffine(small, m, out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.full(small.shape[:2], 255, np.uint8), m, out)
    return got, inside, (left * sw, up * sh), (sw, sh)


def person_sprite(image, box):
    """Head, neck and shoulders with soft edges; below them a body of the clothes' colour."""
    colour, inside, (cx, cy), (w, h) = crop(image, box, 1.7, 1.15, 3.4, 3.6)
    rows, cols = inside.shape
    last = int(np.flatnonzero(inside[:, cols // 2] > 128)[-1]) - 3
    cloth = np.median(colour[last - 8:last, int(cx - w):int(cx + w)].reshape(-1, 3), axis=0)
    lines = np.linspace(1.0, 0.7, rows - last)[:, None, None]
    colour[last:] = np.clip(cloth * lines, 0, 255)
    shoulders = np.array([(-0.42, 0.5), (-0.5, 0.72), (-1.0, 0.86), (-1.35, 1.1), (-1.42, 3),
                          (1.42, 3), (1.35, 1.1), (1.0, 0.86), (0.5, 0.72), (0.42, 0.5)])
    mask = np.zeros((rows, cols), np.uint8)
    pts = (shoulders * (w, h) + (cx, cy)).astype(np.int32)
    cv2.fillPoly(mask, [pts], 255)
    outside = (inside < 128) & (mask > 0)
    outside[last:] = False
    colour[outside] = np.clip(cloth, 0, 255)
    head = (int(cx), int(cy - 0.08 * h)), (int(0.74 * w), int(0.78 * h))
    cv2.ellipse(mask, *head, 0, 0, 360, 255, -1)
    # What is left of the studio's wall beside the hair: the wall's colour, above the shoulders.
    studio = np.median(image[:image.shape[0] // 12].reshape(-1, 3), axis=0)
    far = np.abs(cv2.GaussianBlur(colour, (0, 0), 2).astype(np.float32) - studio).max(axis=2)
    near_face = np.zeros_like(mask)
    cv2.ellipse(near_face, (int(cx), int(cy)), (int(0.5 * w), int(0.55 * h)), 0, 0, 360, 255, -1)
    wall = (far < 30) & (near_face == 0)
    wall[int(cy + 0.62 * h):] = False
    mask[wall] = 0
    alpha = cv2.GaussianBlur(mask, (0, 0), 4).astype(np.float32) / 255
    return Sprite(colour, alpha, (cx, cy), (w, h))


def poster_sprite(image, box):
    """A framed picture of the face."""
    colour, _, centre, size = crop(image, box, 0.95, 0.95, 1.9, 1.9)
    rows, cols = colour.shape[:2]
    cv2.rectangle(colour, (0, 0), (cols - 1, rows - 1), (40, 50, 60), 12)
    return Sprite(colour, np.ones((rows, cols), np.float32), centre, size)


# ------------------------------------------------------------- who walks where ---

class Actor:
    """One face for the whole scene: where its centre is, its width, its pose, in each picture."""

    def __init__(self, scene, kind, keys, smooth=0.32):
        t = np.arange(scene.n) / scene.fps
        keys = np.array(keys, np.float64)  # (seconds, x, y, width)
        x, y, w = (np.interp(t, keys[:, 0], keys[:, i]) for i in (1, 2, 3))
        k = max(3, int(smooth * scene.fps) | 1)
        window = np.hanning(k + 2)[1:-1]
        window /= window.sum()
        self.x, self.y, self.w = (np.convolve(np.pad(a, k // 2, mode="edge"), window, "valid")
                                  for a in (x, y, w))
        self.kind = kind
        self.active = (t >= keys[0, 0]) & (t <= keys[-1, 0])
        self.turn = np.zeros(scene.n)  # -1 to 1: 45 degrees
        self.roll = np.zeros(scene.n)  # degrees
        self.blur = np.zeros(scene.n)  # in widths of the face
        self.light = np.ones(scene.n)
        self.cover = []                # (from, to, "hand" or "bar")
        self.depth = 0.0               # added to the width: who is nearer
        self.clip = None               # a mirror's frame
        self.flip = False
        self.counts = None             # None: by what was seen
        self.sprite = scene.portrait(kind)
        self.seen = np.zeros(scene.n)
        self.good = np.zeros(scene.n, bool)

    def alive(self, scene, lively=1.0):
        """Steps bob, heads sway and turn."""
        rs, t = scene.rs, np.arange(scene.n) / scene.fps
        speed = np.abs(np.gradient(self.x, 1 / scene.fps)) / self.w
        bob = 0.04 * lively * np.clip(speed, 0, 1)
        self.y = self.y + self.w * bob * np.sin(2 * np.pi * rs.uniform(1.7, 2.2) * t + rs.uniform(0, 6))
        for f, a in ((rs.uniform(0.1, 0.3), 0.05), (rs.uniform(0.5, 0.9), 0.02)):
            self.x = self.x + self.w * a * lively * np.sin(2 * np.pi * f * t + rs.uniform(0, 6))
            self.y = self.y + self.w * 0.5 * a * lively * np.sin(2 * np.pi * f * 1.3 * t + rs.uniform(0, 6))
        self.turn = rs.uniform(0.2, 0.55) * np.sin(2 * np.pi * rs.uniform(0.1, 0.35) * t + rs.uniform(0, 6))
        self.roll = rs.uniform(1, 6) * np.sin(2 * np.pi * rs.uniform(0.15, 0.5) * t + rs.uniform(0, 6))
        return self


class Scene:
    def __init__(self, kind, seed, portraits):
        # The legacy generator's stream never changes.
        self.rs = np.random.RandomState(zlib.crc32(f"{kind}/{seed}".encode()))
        self.kind, self.seed, self.portraits = kind, seed, portraits
        self.deck = list(self.rs.permutation(len(portraits.files)))
        self.actors, self.walls = [], []
        self.fps, self.noise, self.crf = 25, self.rs.uniform(2, 5), int(self.rs.randint(20, 27))
        self.n = 0

    def lasts(self, seconds, fps=25):
        self.fps, self.n = fps, int(round(seconds * fps))
        self.t = np.arange(self.n) / fps

    @property
    def seconds(self):
        return self.n / self.fps

    def portrait(self, kind):
        person, poster = self.portraits.cut(self.deck.pop())
        return poster if kind == "poster" else person

    def add(self, keys, kind="person", lively=1.0, smooth=0.32):
        a = Actor(self, kind, keys, smooth)
        if kind == "person":
            a.alive(self, lively)
        self.actors.append(a)
        return a

    def pillar(self, x0, x1, y0=0, y1=H, near=1e6):
        tone = self.rs.uniform(40, 150, 3)
        shade = np.cos(np.linspace(-1.2, 1.2, x1 - x0))[None, :, None] * tone[None, None]
        grain = self.rs.normal(0, 6, (y1 - y0, x1 - x0, 1))
        self.walls.append((x0, x1, y0, y1, near, np.clip(shade + grain, 0, 255).astype(np.uint8)))

    def lane(self, w):
        """A height in the picture that suits the size: nearer heads are lower."""
        return np.interp(w, (30, 60, 120, 200), (0.2, 0.32, 0.45, 0.5)) * H + self.rs.uniform(-0.04, 0.04) * H

    def pace(self, low=1.2, high=8):
        return np.exp(self.rs.uniform(np.log(low), np.log(high)))

    def walk(self, w, pace, start, right, y, drift=0.0, **more):
        """From edge to edge, at `pace` widths a second."""
        v = max(pace * w, 60)
        x0, x1 = (-1.6 * w, W + 1.6 * w) if right else (W + 1.6 * w, -1.6 * w)
        end = start + abs(x1 - x0) / v
        return self.add([(start, x0, y, w), (end, x1, y + drift, w)], **more)


def scene_walk(s):
    """single people at different sizes and speeds"""
    s.lasts(14)
    for low, high in ((30, 42), (50, 75), (100, 170)):
        w = s.rs.uniform(low, high)
        s.walk(w, max(s.pace(), 160 / w), s.rs.uniform(0, 4), s.rs.rand() < 0.5, s.lane(w))


def scene_cross(s):
    """six pairs, of whom one passes behind the other, from both sides or overtaking"""
    s.lasts(24)
    for low, high in ((32, 55), (60, 110)):
        for tm in (4, 11, 18):
            tm += s.rs.uniform(-1, 1)
            w = s.rs.uniform(low, high)
            ratio = s.rs.uniform(1.0, 1.5)
            y, xm = s.lane(w), s.rs.uniform(0.3, 0.7) * W
            overtakes = s.rs.rand() < 0.25
            speed = [max(s.pace(1.6, 7) * w, 140) for _ in range(2)]
            if overtakes:
                speed[1] = speed[0] * s.rs.uniform(1.5, 2.2)
            side = 1 if s.rs.rand() < 0.5 else -1
            for i, (v, size) in enumerate(zip(speed, (w, w * ratio))):
                v *= side if i == 0 or overtakes else -side
                dy = 0 if i == 0 else s.rs.uniform(-0.35, 0.45) * size
                edge0, edge1 = (-1.6 * size, W + 1.6 * size)[::1 if v > 0 else -1]
                s.add([(tm + (edge0 - xm) / v, edge0, y + dy, size),
                       (tm + (edge1 - xm) / v, edge1, y + dy, size)])


def scene_pause(s):
    """people who stop in the middle, and go on or turn back"""
    s.lasts(16)
    for low, high, t in ((32, 50, 0.3), (60, 90, 1.5), (100, 140, 0.5)):
        w = s.rs.uniform(low, high)
        v, y = max(s.pace(2, 6) * w, 180), s.lane(w)
        right, back = s.rs.rand() < 0.5, s.rs.rand() < 0.5
        x0, x1 = (-1.6 * w, W + 1.6 * w) if right else (W + 1.6 * w, -1.6 * w)
        xm = s.rs.uniform(0.3, 0.7) * W
        t1 = t + abs(xm - x0) / v
        t2 = t1 + s.rs.uniform(1.5, 5)
        x2 = x0 if back else x1
        s.add([(t, x0, y, w), (t1, xm, y, w), (t2, xm, y, w), (t2 + abs(x2 - xm) / v, x2, y, w)])


def scene_pillar(s):
    """people who pass, wait, turn back or meet behind a pillar"""
    s.lasts(20)
    x = int(s.rs.uniform(0.4, 0.6) * W)
    half = int(s.rs.uniform(55, 110))
    s.pillar(x - half, x + half)
    for low, high, t in ((34, 50, 0), (34, 50, 8), (60, 90, 0.5), (60, 90, 9)):
        w = s.rs.uniform(low, high)
        v, y = max(s.pace(2.5, 6) * w, 180), s.lane(w)
        right, turns, wait = s.rs.rand() < 0.5, s.rs.rand() < 0.25, s.rs.uniform(0, 0.9)
        x0, x1 = (-1.6 * w, W + 1.6 * w) if right else (W + 1.6 * w, -1.6 * w)
        t1 = t + abs(x - x0) / v
        x2 = x0 if turns else x1
        s.add([(t, x0, y, w), (t1, x, y, w), (t1 + wait, x, y, w),
               (t1 + wait + abs(x2 - x) / v, x2, y, w)])


def scene_edge(s):
    """people who come in slowly at the edge, lean out and in again, and go"""
    s.lasts(16)
    for side, (low, high) in zip((-1, 1, -1), ((35, 55), (70, 110), (120, 180))):
        side *= 1 if s.rs.rand() < 0.5 else -1
        w = s.rs.uniform(low, high)
        y, t = s.lane(w), s.rs.uniform(0, 2)
        at = lambda inside: (-w * 0.5 + inside * w) if side < 0 else (W + w * 0.5 - inside * w)
        slow = s.rs.uniform(0.4, 1.2)
        keys = [(t, at(-1), y, w), (t + 2 / slow, at(1.0), y, w), (t + 2 / slow + 2, at(2.2), y, w)]
        if s.rs.rand() < 0.6:
            u = keys[-1][0]
            keys += [(u + 1, at(0.2), y, w), (u + 1 + s.rs.uniform(0.2, 1.2), at(0.2), y, w),
                     (u + 3.2, at(2), y, w)]
        keys += [(keys[-1][0] + 2, at(2), y, w), (keys[-1][0] + 4, at(-1.5), y, w)]
        s.add(keys)


def scene_near(s):
    """pairs who meet, stand close together and turn back, or pass without covering one another"""
    s.lasts(18)
    for low, high, t in ((36, 55, 4), (36, 55, 12), (70, 110, 5), (70, 110, 13)):
        w = s.rs.uniform(low, high)
        y, xm, right = s.lane(w), s.rs.uniform(0.35, 0.65) * W, s.rs.rand() < 0.5
        back, stay = s.rs.rand() < 0.6, s.rs.uniform(0.3, 2)
        gap, dy = s.rs.uniform(1.35, 1.8), s.rs.uniform(1.3, 1.7)
        for i in (0, 1):
            side = (-1 if i == 0 else 1) * (1 if right else -1)
            v = max(s.pace(2, 5) * w, 200)
            edge = -1.6 * w if side < 0 else W + 1.6 * w
            other = W + 1.6 * w if side < 0 else -1.6 * w
            if back:
                x = xm + side * gap / 2 * w
                go = t + stay
                s.add([(t - abs(x - edge) / v, edge, y, w), (t, x, y, w), (go, x, y, w),
                       (go + abs(x - edge) / v, edge, y, w)])
            else:
                yy = y + i * dy * w
                s.add([(t - abs(xm - edge) / v, edge, yy, w), (t, xm, yy, w),
                       (t + abs(other - xm) / v, other, yy, w)])


def scene_poster(s):
    """a picture on the wall for the whole scene, and people who pass and stand before it"""
    s.lasts(24)
    w, x, y = s.rs.uniform(32, 70), s.rs.uniform(0.3, 0.7) * W, s.rs.uniform(0.2, 0.35) * H
    s.add([(0, x, y, w), (s.seconds, x, y, w)], kind="poster")
    for t in (1, 7, 13):
        size = w * s.rs.uniform(1.1, 1.9)
        v, right, yy = max(s.pace(2, 6) * size, 220), s.rs.rand() < 0.5, y + s.rs.uniform(-0.2, 0.5) * size
        x0, x1 = (-1.6 * size, W + 1.6 * size) if right else (W + 1.6 * size, -1.6 * size)
        t1, stay = t + abs(x - x0) / v, s.rs.uniform(0, 1.6)
        s.add([(t, x0, yy, size), (t1, x, yy, size), (t1 + stay, x, yy, size),
               (t1 + stay + abs(x1 - x) / v, x1, yy, size)])


def scene_flicker(s):
    """a picture on the wall that is found and not found for four minutes"""
    s.lasts(240, 5)
    w, x, y = s.rs.uniform(24, 44), s.rs.uniform(0.3, 0.7) * W, s.rs.uniform(0.2, 0.4) * H
    a = s.add([(0, x, y, w), (s.seconds, x, y, w)], kind="poster")
    a.counts = False
    level, slow, levels = s.rs.normal(), s.rs.normal(), []
    for _ in range(s.n):
        level = 0.8 * level + 0.6 * s.rs.normal()
        slow = 0.98 * slow + 0.2 * s.rs.normal()
        levels.append(0.45 * level + 0.9 * slow)
    a.blur = np.clip(s.rs.uniform(0.08, 0.14) + 0.06 * np.array(levels), 0, 0.5)
    a.light = np.clip(0.7 + 0.2 * np.array(levels), 0.35, 1.1)
    for t in s.rs.uniform(20, 220, 4):  # a lamp goes out for a while
        a.blur[int(t * s.fps):int((t + s.rs.uniform(4, 20)) * s.fps)] = 0.6


def scene_mirror(s):
    """people beside a mirror, and their reflections"""
    s.lasts(16)
    x0, x1 = int(0.62 * W), int(0.9 * W)
    s.mirror = (x0, x1, int(0.08 * H), int(0.75 * H))
    for t in (0.2, 7.5):
        w = s.rs.uniform(50, 95)
        y, v, xm = s.lane(w), max(s.pace(2, 4) * w, 170), s.rs.uniform(0.40, 0.55) * W
        t1 = t + (xm + 1.6 * w) / v
        t2 = t1 + s.rs.uniform(1.0, 2.0)
        keys = [(t, -1.6 * w, y, w), (t1, xm, y, w), (t2, xm, y, w), (t2 + (xm + 1.6 * w) / v, -1.6 * w, y, w)]
        a = s.add(keys)
        b = s.add(keys, kind="reflection")
        b.sprite, b.flip, b.clip, b.depth = a.sprite, True, s.mirror, -1e3
        k = s.rs.uniform(0.7, 0.85)
        b.x, b.w, b.y = 2 * 0.6 * W - a.x * 1.0, a.w * k, a.y - 0.1 * w
        b.turn, b.roll = -a.turn, -a.roll
        b.light[:] = 0.85


def scene_crowd(s):
    """twenty people, of whom some walk through"""
    s.lasts(16)
    rows = ((0.15, 36, 6), (0.30, 46, 5), (0.48, 58, 4))
    for yr, w, n in rows:
        for i in range(n):
            size = w * s.rs.uniform(0.9, 1.1)
            x = (i + 0.5 + s.rs.uniform(-0.15, 0.15)) * W / n
            y = yr * H + s.rs.uniform(-0.02, 0.02) * H
            keys, t = [(0, x, y, size)], 0
            while t < s.seconds:
                t += s.rs.uniform(1.5, 4)
                keys.append((t, x + s.rs.uniform(-0.8, 0.8) * size, y + s.rs.uniform(-0.1, 0.1) * size, size))
            s.add(keys, smooth=1.0)
    for i in range(5):
        w = s.rs.uniform(50, 72)
        y = s.rs.uniform(0.3, 0.5) * H
        s.walk(w, s.rs.uniform(2.5, 5), s.rs.uniform(0, 8), i % 2 == 0, y)


def scene_approach(s):
    """people who walk towards the camera and past it, and one who goes away"""
    s.lasts(14)
    for i, t in enumerate((0.2, 4.5)):
        x0, x1 = s.rs.uniform(0.35, 0.65) * W, (s.rs.uniform(-0.05, 0.25) if i else s.rs.uniform(0.75, 1.05)) * W
        w0, w1, n = s.rs.uniform(28, 36), s.rs.uniform(150, 200), 24
        length = s.rs.uniform(4.5, 7.5)
        keys = []
        for k in range(n + 1):  # as far away as 1 / width, at an even pace
            f = k / n
            w = 1 / (1 / w0 + f * (1 / w1 - 1 / w0))
            g = (w - w0) / (w1 - w0)
            keys.append((t + f * length, x0 + g * (x1 - x0), (0.2 + 0.3 * g) * H, w))
        out = (1.3 * w1 + W if x1 > W / 2 else -1.3 * w1)
        keys.append((keys[-1][0] + abs(out - x1) / (2 * w1), out, 0.5 * H, w1))
        s.add(keys)


def scene_dropout(s):
    """people whom the detector loses for moments: blurred, behind a hand or a bar"""
    s.lasts(14)
    for low, high, t in ((34, 48, 0.2), (60, 90, 1), (100, 150, 0.5)):
        w = s.rs.uniform(low, high)
        a = s.walk(w, max(s.pace(1.2, 3) * 1.0, 150 / w), t, s.rs.rand() < 0.5, s.lane(w))
        inside = np.flatnonzero(a.active & (a.x > 0) & (a.x < W)) / s.fps
        for _ in range(4):
            u = s.rs.uniform(inside[0] + 0.5, max(inside[0] + 0.6, inside[-1] - 0.5))
            long, how = s.rs.uniform(0.2, 1.2), s.rs.randint(3)
            if how == 0:
                a.blur[int(u * s.fps):int((u + long) * s.fps)] = s.rs.uniform(0.25, 0.4)
            else:
                a.cover.append((u, u + long, "hand" if how == 1 else "bar"))


def scene_seat(s):
    """somebody sits, goes, and a while later another one sits down in the same place"""
    s.lasts(70, 10)
    w, x, y = s.rs.uniform(40, 70), s.rs.uniform(0.35, 0.65) * W, s.rs.uniform(0.3, 0.45) * H
    t = 1.0
    for _ in range(2):
        size, yy = w * s.rs.uniform(0.95, 1.05), y + s.rs.uniform(-0.1, 0.1) * w
        v, side = s.rs.uniform(3, 5) * w, -1.6 * w if s.rs.rand() < 0.5 else W + 1.6 * w
        t1 = t + abs(x - side) / v
        t2 = t1 + s.rs.uniform(12, 20)
        keys, u = [(t, side, yy, size), (t1, x, yy, size)], t1
        while u < t2 - 2:
            u += s.rs.uniform(1, 3)
            keys.append((u, x + s.rs.uniform(-0.15, 0.15) * w, yy + s.rs.uniform(-0.05, 0.05) * w, size))
        t3 = t2 + abs(x - side) / v
        s.add(keys + [(t2, x, yy, size), (t3, side, yy, size)], lively=0.5)
        t = t3 + s.rs.uniform(4, 8)


KINDS = {k[6:]: f for k, f in list(globals().items()) if k.startswith("scene_")}


# ------------------------------------------------------------- pictures ---

def background(rs):
    """A wall with stains and boards, and a floor: texture, and nothing like a face."""
    wall = np.zeros((H, W, 3), np.float32)
    for cells, amount in ((5, 18), (20, 9), (90, 5)):
        small = rs.normal(0, amount, (cells * 9 // 16 + 2, cells + 2, 1)).astype(np.float32)
        small = small + rs.normal(0, amount / 4, small.shape[:2] + (3,)).astype(np.float32)
        wall += cv2.resize(small, (W, H), interpolation=cv2.INTER_CUBIC)
    wall += rs.uniform(80, 180) + rs.uniform(-25, 25, 3)
    step = int(rs.randint(50, 160))
    for y in range(int(rs.randint(step)), H, step):
        wall[y:y + 3] -= 18
    for _ in range(int(rs.randint(3, 8))):
        x, y, w, h = rs.randint(W), rs.randint(H), rs.randint(30, 200), rs.randint(40, 300)
        wall[y:y + h, x:x + w] += rs.uniform(-35, 35, 3)
    floor = int(rs.uniform(0.75, 0.88) * H)
    wall[floor:] = wall[floor:] * 0.5 + rs.uniform(20, 80)
    wall += np.linspace(rs.uniform(-20, 20), rs.uniform(-20, 20), W)[None, :, None]
    return np.clip(wall, 0, 255).astype(np.uint8)


def corners(a, i, k):
    """How the sprite's face is turned, tilted and put into the picture: a homography."""
    turn, roll, w = a.turn[i], np.deg2rad(a.roll[i]), a.w[i]
    (cx, cy), (sw, sh) = (c * k for c in a.sprite.centre), (c * k for c in a.sprite.size)
    scale = w / sw
    squeeze = np.cos(turn * np.pi / 4)
    near, far = 1 + 0.08 * turn, 1 - 0.08 * turn
    x, y = sw, sh
    src = np.float32([(cx - x, cy - y), (cx + x, cy - y), (cx + x, cy + y), (cx - x, cy + y)])
    dst = np.float32([(-x * squeeze, -y * near), (x * squeeze, -y * far), (x * squeeze, y * far),
                      (-x * squeeze, y * near)]) * scale
    if a.flip:
        dst[:, 0] = -dst[:, 0]
    c, s = np.cos(roll), np.sin(roll)
    dst = dst @ np.float32([[c, s], [-s, c]])
    dst += (a.x[i], a.y[i])
    return cv2.getPerspectiveTransform(src, dst.astype(np.float32)), squeeze


def at(m, x, y):
    v = m @ (x, y, 1)
    return v[:2] / v[2]


def truth_box(a, m, k):
    """The box of the turned face: its own middle lines, transformed."""
    (cx, cy), (sw, sh) = (c * k for c in a.sprite.centre), (c * k for c in a.sprite.size)
    left, right = at(m, cx - sw / 2, cy), at(m, cx + sw / 2, cy)
    top, bottom = at(m, cx, cy - sh / 2), at(m, cx, cy + sh / 2)
    w, h = np.hypot(*(right - left)), np.hypot(*(bottom - top))
    x, y = (left + right) / 2, (top + bottom) / 2
    return [float(x[0]) - w / 2, float(y[1]) - h / 2, float(w), float(h)]


def blend(frame, owner, patch, x, y, who):
    """Premultiplied patch over the frame at x, y, and whose these pixels are now."""
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + patch.shape[1], frame.shape[1]), min(y + patch.shape[0], frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    p = patch[y0 - y:y1 - y, x0 - x:x1 - x]
    rest = cv2.cvtColor(255 - p[..., 3], cv2.COLOR_GRAY2BGR)
    roi = frame[y0:y1, x0:x1]
    roi[:] = cv2.add(p[..., :3].copy(), cv2.multiply(roi, rest, scale=1 / 255))
    owner[y0:y1, x0:x1][p[..., 3] > 127] = who


def paint(scene, a, i, who, frame, owner):
    """Draws the actor; its truth box."""
    level = 0
    while level + 1 < len(a.sprite.levels) and SPRITE / 2 ** (level + 1) >= a.w[i] * 1.1:
        level += 1
    sprite = a.sprite.levels[level]
    k = sprite.shape[1] / a.sprite.levels[0].shape[1]
    m, _ = corners(a, i, k)
    rows, cols = sprite.shape[:2]
    edge = np.array([at(m, x, y) for x, y in ((0, 0), (cols, 0), (cols, rows), (0, rows))])
    pad = int(a.w[i] * 0.6) + 4
    x0, y0 = np.floor(edge.min(axis=0)).astype(int) - pad
    x1, y1 = np.ceil(edge.max(axis=0)).astype(int) + pad
    shift = np.float64([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]])
    patch = cv2.warpPerspective(sprite, shift @ m, (int(x1 - x0), int(y1 - y0)))
    if a.blur[i] > 0:
        patch = cv2.GaussianBlur(patch, (0, 0), max(0.3, a.blur[i] * a.w[i]))
    if i:  # the shutter is open for a 60th of a second
        way = np.array((a.x[i] - a.x[i - 1], a.y[i] - a.y[i - 1])) * scene.fps / 60
        if abs(way[0]) >= 2:
            patch = cv2.blur(patch, (int(abs(way[0])), 1))
    if a.light[i] != 1:
        patch[..., :3] = cv2.convertScaleAbs(patch[..., :3], alpha=float(a.light[i]))
    if a.clip:
        cx0, cx1, cy0, cy1 = a.clip
        blend(frame[cy0:cy1, cx0:cx1], owner[cy0:cy1, cx0:cx1], patch, x0 - cx0, y0 - cy0, who)
    else:
        blend(frame, owner, patch, x0, y0, who)
    box = truth_box(a, m, k)
    t = i / scene.fps
    for start, end, how in a.cover:
        if start <= t < end:
            hide(scene, a, box, how, frame, owner)
    return box


def hide(scene, a, box, how, frame, owner):
    x, y, w, h = (int(v) for v in box)
    if how == "hand":
        tone = (90, 120, 170)
        for img, value in ((frame, tone), (owner, COVER)):
            cv2.ellipse(img, (x + w // 2, y + int(0.6 * h)), (int(0.62 * w), int(0.55 * h)), 20, 0, 360, value, -1)
    else:
        for img, value in ((frame, (60, 60, 66)), (owner, COVER)):
            cv2.rectangle(img, (x - w // 8, y - h // 4), (x + w + w // 8, y + int(0.8 * h)), value, -1)


def visible(owner, box, who, blur):
    """The share of the ellipse in the face's box that can be seen and recognised."""
    x, y, w, h = box
    x0, y0, x1, y1 = int(x), int(y), int(x + w) + 1, int(y + h) + 1
    if x1 <= 0 or y1 <= 0 or x0 >= W or y0 >= H:
        return 0.0
    ys, xs = np.mgrid[max(y0, 0):min(y1, H), max(x0, 0):min(x1, W)]
    in_face = ((xs + 0.5 - x - w / 2) / (w / 2)) ** 2 + ((ys + 0.5 - y - h / 2) / (h / 2)) ** 2 <= 1
    own = owner[max(y0, 0):min(y1, H), max(x0, 0):min(x1, W)] == who
    share = min(1.0, float((in_face & own).sum()) / (np.pi / 4 * w * h))
    return share if blur < 0.2 else share * 0.3


def paint_all(scene, i, frame, owner):
    """Far to near; returns what the truth says of this picture."""
    order = [(a.w[i] + a.depth - (1e5 if a.kind == "poster" else 0), "actor", k)
             for k, a in enumerate(scene.actors) if a.active[i]]
    order += [(near, "wall", k) for k, (*_, near, _) in enumerate(scene.walls)]
    boxes = {}
    for _, what, k in sorted(order):
        if what == "wall":
            x0, x1, y0, y1, _, picture = scene.walls[k]
            frame[y0:y1, x0:x1] = picture
            owner[y0:y1, x0:x1] = COVER
        else:
            boxes[k] = paint(scene, scene.actors[k], i, k + 1, frame, owner)
    people = []
    for k, box in sorted(boxes.items()):
        a = scene.actors[k]
        share = visible(owner, box, k + 1, a.blur[i])
        if share <= 0:
            continue
        a.seen[i] = share
        a.good[i] = share >= COUNT_SHARE and box[2] >= COUNT_PX and np.cos(a.turn[i] * np.pi / 4) >= COUNT_TURN
        people.append({"id": k + 1, "box": [round(v, 1) for v in box], "visible": round(share, 2)})
    return people


def counts(scene, a):
    """Seen well for a second on end?"""
    if a.counts is not None:
        return a.counts
    best = run = 0
    for good in a.good:
        run = run + 1 if good else 0
        best = max(best, run)
    return bool(best >= COUNT_S * scene.fps)


def encoder(scene, path):
    return subprocess.Popen(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24",
         "-s", f"{W}x{H}", "-r", str(scene.fps), "-i", "-", "-an", "-c:v", "libx264", "-preset",
         "veryfast", "-crf", str(scene.crf), "-bf", "0", "-g", str(2 * scene.fps), "-threads", "1",
         "-pix_fmt", "yuv420p", "-fflags", "+bitexact", "-flags:v", "+bitexact", path],
        stdin=subprocess.PIPE)


def compose(kind, seed, portraits, out):
    scene = Scene(kind, seed, portraits)
    KINDS[kind](scene)
    back = background(scene.rs)
    if hasattr(scene, "mirror"):
        x0, x1, y0, y1 = scene.mirror
        back[y0:y1, x0:x1] = cv2.GaussianBlur(back[y0:y1, x0:x1], (0, 0), 8) // 2 + 60
        cv2.rectangle(back, (x0, y0), (x1, y1), (30, 40, 60), 10)
    grain = np.clip(scene.rs.normal(0, scene.noise, (H + 64, W + 64, 3)), -60, 60)
    more, less = np.clip(grain, 0, 60).astype(np.uint8), np.clip(-grain, 0, 60).astype(np.uint8)
    video = os.path.join(out, f"{kind}-{seed}.mkv")
    ff = encoder(scene, video + ".part.mkv")
    lines = []
    for i in range(scene.n):
        frame, owner = back.copy(), np.zeros((H, W), np.uint8)
        people = paint_all(scene, i, frame, owner)
        dy, dx = scene.rs.randint(0, 64, 2)
        frame = cv2.subtract(cv2.add(frame, more[dy:dy + H, dx:dx + W]), less[dy:dy + H, dx:dx + W])
        ff.stdin.write(frame.tobytes())
        lines.append({"time": round(i / scene.fps, 4), "people": people})
    ff.stdin.close()
    if ff.wait() != 0:
        sys.exit("compose_scenes: ffmpeg failed")
    header = {"width": W, "height": H, "fps": scene.fps, "kind": kind, "seed": seed, "people": [
        {"id": k + 1, "kind": a.kind, "counts": counts(scene, a),
         "seconds": round(float((a.seen >= 0.5).sum()) / scene.fps, 2)}
        for k, a in enumerate(scene.actors) if a.seen.any()]}
    truth = os.path.join(out, f"{kind}-{seed}.truth.jsonl")
    with open(truth + ".part", "w") as f:
        for line in [header] + lines:
            f.write(json.dumps(line) + "\n")
    os.replace(video + ".part.mkv", video)
    os.replace(truth + ".part", truth)


def make(job):
    kind, seed, args = job
    cv2.setNumThreads(1)
    if not hasattr(make, "portraits"):
        make.portraits = Portraits(args.faces, args.yunet)
    compose(kind, seed, make.portraits, args.out)
    return f"{kind}-{seed}"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("out", nargs="?")
    p.add_argument("scenes", nargs="*", metavar="KIND:SEED")
    p.add_argument("--faces", default=os.path.join(TOP, "../shared/faces"))
    p.add_argument("--yunet", default=os.path.join(
        TOP, os.environ.get("FACED_MODELS", "build/models"), "face_detection_yunet_2023mar.onnx"))
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--kinds", action="store_true")
    args = p.parse_args()
    if args.kinds:
        for name, f in KINDS.items():
            print(f"{name:10} {f.__doc__}")
        return
    if not args.out or not args.scenes:
        p.error("name a folder and at least one KIND:SEED")
    os.makedirs(args.out, exist_ok=True)
    # One at a time in a folder: tests that run side by side ask for the same scenes.
    lock = open(os.path.join(args.out, ".lock"), "w", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    jobs = []
    for scene in args.scenes:
        kind, _, seed = scene.partition(":")
        if kind not in KINDS or not seed.isdigit():
            p.error(f"{scene}: KIND is one of {' '.join(KINDS)}, SEED a number")
        truth = os.path.join(args.out, f"{kind}-{seed}.truth.jsonl")
        if not os.path.exists(truth) or os.path.getmtime(truth) < os.path.getmtime(__file__):
            jobs.append((kind, int(seed), args))
    if jobs:
        with Pool(max(1, args.jobs)) as pool:
            for name in pool.imap_unordered(make, jobs):
                print(f"  SCENE {name}", flush=True)


if __name__ == "__main__":
    main()
