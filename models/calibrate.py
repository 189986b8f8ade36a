#!/usr/bin/python3
"""Fit what makes one answer of the views of a combined card: its .calibration.json.

usage: calibrate.py [--faces MANIFEST] [--look PROGRAM] [--cards DIR] [--cache FILE]
                    [--views 0,4,...] [OUT]

Every labelled face is shown to the program's own detector and nets (build/look), as it is and as a
camera would have seen it: smaller, out of focus or moved, darker, noisy, compressed. The degraded
pictures are drawn by a fixed seed. What the views say is then fitted, in four steps:

  age      mean of the years, corrected:  Huber loss of the distance to the label's range
  age_sd   how far off that is:           likelihood of the label under a normal distribution
  gender   a logistic regression on both models' logits, women and men weighing alike
  doubts   what size, blur, turn, score and disagreement take from both

Before the fit on all faces it is made ten times without a tenth of the people, and everything that
is printed comes from those: nobody is scored by numbers that were fitted on a picture of his. With
OUT the fit on all faces is written there. --views takes some views only, to see what each buys. The formulas are those of daemon/vision/fusion.h.

Needs Debian's python3-opencv, python3-numpy and python3-scipy.
"""
import argparse
import csv
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

import cv2
import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTHS = (31, 36, 42, 50, 64, 80, 110)  # of the degraded faces, pixels
BATCH = 39  # faces that are shown in one go
FOLDS, REPEATS = 10, 3
CARD = "combined"

# What the formulas leave open, chosen by the cross-validation that is printed.
SECOND_AGES = [13, 20, 35, 50]
SPREAD_AGES = [20, 35]
AGE_HINGES = [30]
SD_HINGES = [10, 30]
GENDER_MIN_YEARS = 13
SET_WEIGHT = {"london": 4}  # fifty people stand for all young adults of good pictures
OLD_WEIGHT = 1.5  # from sixty on: regression to the mean makes them younger
WOMEN_WEIGHT = 1.15
STUDIO_GENDER = 0.05  # portraits are too easy to say what a picture in the wild is worth


# ---------------------------------------------------------------- labelled faces ---

def label_range(text):
    """[low, high) of a label; an exact age is a range without width."""
    if not text:
        return np.nan, np.nan
    if text.endswith("+"):
        return float(text[:-1]), 120.0
    if "-" in text:
        low, high = text.split("-")
        return float(low), float(high) + 1
    return float(text), float(text)


def person_of(path):
    """Pictures of one person have one name: london/019_03.jpg, canada/003f.jpg."""
    folder, name = path.split("/")[-2:]
    match = re.match(r"\d+", name)
    return folder + "/" + (match.group() if match and folder in ("london", "canada") else name)


def degrade(picture, face_width, width, rng):
    scale = width / face_width
    if scale >= 1:
        return None
    size = [max(16, round(n * scale)) for n in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    kind = rng.random()
    if kind < 0.35:  # motion
        length = rng.uniform(1, 0.12 * width + 1)
        n, angle = int(np.ceil(length)), rng.uniform(0, np.pi)
        kernel = np.zeros((2 * n + 1, 2 * n + 1), np.float32)
        for t in np.linspace(-length / 2, length / 2, 33):
            kernel[round(n + t * np.sin(angle)), round(n + t * np.cos(angle))] += 1
        small = cv2.filter2D(small, -1, kernel / kernel.sum())
    elif kind < 0.6:  # focus
        small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 0.02 * width + 0.4))
    light = small.astype(np.float32) * rng.uniform(0.6, 1.15) + rng.uniform(-15, 15)
    light += rng.normal(0, rng.uniform(0, 6), light.shape)
    small = np.clip(light, 0, 255).astype(np.uint8)
    quality = int(rng.integers(35, 92))
    return cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def main_face(faces, shape):
    """The largest and nearest to the middle."""
    h, w = shape[:2]

    def rank(face):
        x, y, fw, fh = face["box"]
        off = np.hypot(x + fw / 2 - w / 2, y + fh / 2 - h / 2) / (max(w, h) / 4)
        return fw * fh / (1 + off * off)
    return max(faces, key=rank) if faces else None


def look(options, pictures):
    """Faces that the program finds in each picture, with what every view says."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for i, picture in enumerate(pictures):
            path = f"{folder}/{i}.bgr"
            picture.tofile(path)
            jobs.append(f"{path} {picture.shape[1]} {picture.shape[0]}\n")
        done = subprocess.run([options.look, options.cards, CARD, "yunet", "views"],
                              input="".join(jobs), capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"calibrate: {done.stderr.strip()}")
    return [main_face(json.loads(line)["faces"], p.shape)
            for line, p in zip(done.stdout.splitlines(), pictures)]


def observe(options):
    """One row for each picture of each face: as it is (width 0), then degraded."""
    folder = os.path.dirname(options.faces)
    with open(options.faces, encoding="utf-8") as manifest:
        people = list(csv.DictReader(manifest, delimiter="\t"))
    rows = []
    for begin in range(0, len(people), BATCH):
        batch = people[begin:begin + BATCH]
        pictures = [cv2.imread(os.path.join(folder, one["path"])) for one in batch]
        small = []
        for one, picture in zip(batch, pictures):
            if picture is None:
                sys.exit(f"calibrate: {one['path']}: cannot be read")
        for i, (one, picture, face) in enumerate(zip(batch, pictures, look(options, pictures))):
            if face is None:
                continue
            rows.append({**one, "width": 0, "face": face})
            rng = np.random.default_rng(begin + i)
            small += [(one, w, degrade(picture, face["box"][2], w, rng)) for w in WIDTHS]
        small = [s for s in small if s[2] is not None]
        for (one, width, _), face in zip(small, look(options, [p for _, _, p in small])):
            if face is not None:
                rows.append({**one, "width": width, "face": face})
        print(f"\r{begin + len(batch)} of {len(people)} faces", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


class Data:
    """Columns of numbers, one row for each picture."""

    def __init__(self, rows, card, chosen):
        views = np.array([r["face"]["views"] for r in rows])[:, chosen]
        p = np.clip(views[:, :, 1], 1e-6, 1 - 1e-6)
        self.years, self.logits = views[:, :, 0], np.log(p / (1 - p))
        models = [card["views"][i]["model"] for i in chosen]
        self.first = np.array([m == models[0] for m in models])
        self.width = np.array([r["width"] for r in rows])
        self.low, self.high = np.array([label_range(r["age"]) for r in rows]).T
        self.female = np.array([{"F": 1.0, "M": 0.0}.get(r["gender"], np.nan) for r in rows])
        self.set = np.array([r["path"].split("/")[0] for r in rows])
        self.person = np.array([person_of(r["path"]) for r in rows])
        quality = [r["face"]["quality"] for r in rows]
        column = lambda name: np.array([q[name] for q in quality])  # noqa: E731
        self.score = np.array([r["face"]["score"] for r in rows])
        # what daemon/vision/quality.c leaves to the calibration
        self.good = ((column("width_px") >= 30) & (column("sharpness") >= 4) & (self.score >= 0.6) &
                     (column("inside") >= 0.8) & (column("contrast") >= 10) &
                     (abs(column("brightness") - 130) <= 105))
        octaves = lambda x, good: np.log2(good / np.clip(x, good / 64, good))  # noqa: E731
        self.spread = self.years[:, self.first].std(axis=1)
        self.quality = np.stack([octaves(column("width_px"), 80), octaves(column("sharpness"), 60),
                                 column("turn"), np.maximum(0, 0.92 - self.score) * 10], 1)
        self.age_doubts = np.column_stack([self.quality, self.spread / 5])
        self.gender_doubts = np.column_stack([self.quality, self.logits.std(axis=1) / 2])


# ---------------------------------------------------------------- the fits ---

def ramp(x, low, high):
    return np.clip((x - low) / (high - low), 0, 1)


def hinges(x, places, slopes):
    return sum((s * np.maximum(0, x - p) for p, s in zip(places, slopes)), np.zeros_like(x))


def age_parts(d):
    base = d.years[:, d.first].mean(1)
    other = base if d.first.all() else d.years[:, ~d.first].mean(1)
    a, b, c, e = SECOND_AGES
    heard = ramp(base, a, b) * (1 - ramp(base, c, e))
    columns = [np.ones_like(base)] + [np.maximum(0, base - h) for h in AGE_HINGES]
    columns += [heard * (other - base), ramp(base, *SPREAD_AGES) * d.spread]
    return base, np.stack(columns, 1)


def picture_weight(d):
    """All degraded pictures of a face together weigh as much as the original."""
    return np.where(d.width == 0, 1, 1 / len(WIDTHS))


def fit_age(d, use):
    base, columns = age_parts(d)
    use = use & ~np.isnan(d.low) & d.good
    weight = picture_weight(d) * np.array([SET_WEIGHT.get(s, 1.0) for s in d.set])
    weight = (weight * np.where(d.low >= 60, OLD_WEIGHT, 1))[use]
    base, columns, low, high = base[use], columns[use], d.low[use], d.high[use]
    middle = np.where(high < 110, (low + high) / 2, low + 5)
    ranged = (high > low) * 0.15  # a little pull towards the middle of a range
    huber = lambda e: np.where(abs(e) < 4, e * e / 2, 4 * abs(e) - 8)  # noqa: E731

    def loss(b):
        y = base + columns @ b
        e = np.minimum(0, y - low) + np.maximum(0, y - high)
        to_middle = ranged * (y - middle)
        slope = np.clip(e, -4, 4) + ranged * np.clip(to_middle, -4, 4)
        ridge = np.append(0, b[1:])
        return ((weight * (huber(e) + huber(to_middle))).sum() + (ridge ** 2).sum() / 2,
                columns.T @ (weight * slope) + ridge)
    return minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x


def age_of(d, b):
    base, columns = age_parts(d)
    return np.clip(base + columns @ b, 0, 100)


def sd_of(d, years, b):
    log = b[0] + hinges(years, SD_HINGES, b[1:1 + len(SD_HINGES)])
    return np.clip(np.exp(log + d.age_doubts @ b[1 + len(SD_HINGES):]), 1, 40)


def fit_sd(d, years, use):
    use = use & ~np.isnan(d.low) & d.good
    low = np.where(d.high > d.low, d.low, d.low - 0.5)
    high = np.where(d.high > d.low, d.high, d.high + 0.5)
    weight = picture_weight(d)

    def loss(b):
        sd = sd_of(d, years, b)
        p = ndtr((high - years) / sd) - ndtr((low - years) / sd)
        # one label or face in fifty is anything: it must not widen all others
        p = 0.98 * p + 0.02 * (high - low) / 100
        return -(weight * np.log(p))[use].sum() + 0.5 * (b[1:] ** 2).sum()
    start = np.concatenate([[1.3], np.zeros(len(SD_HINGES)), np.full(5, 0.1)])
    bounds = [(0, 3)] + [(-0.2, 0.2)] * len(SD_HINGES) + [(0, 2)] * 5
    return minimize(loss, start, bounds=bounds, method="L-BFGS-B").x


def gender_of(d, b):
    logit = b[0] + b[1] * d.logits[:, d.first].mean(1)
    if not d.first.all():
        logit = logit + b[2] * d.logits[:, ~d.first].mean(1)
    return logit * np.exp(-(d.gender_doubts @ b[3:]))


def fit_gender(d, use):
    use = use & ~np.isnan(d.female) & ~(d.low < 10) & d.good
    weight = picture_weight(d) * np.where(d.set == "fairface", 1, STUDIO_GENDER)
    weight = weight * np.where(d.female == 1, WOMEN_WEIGHT, 1)

    def loss(b):
        p = 1 / (1 + np.exp(-gender_of(d, b)))
        p = np.clip(np.where(d.female == 1, p, 1 - p), 1e-6, 1)
        return -(weight * np.log(p))[use].sum() + 0.5 * (b[1:] ** 2).sum()
    start = np.concatenate([[0, 0.4, 0.4], np.full(5, 0.05)])
    bounds = [(-3, 3), (0, 3), (0, 3)] + [(0, 1)] * 5
    return minimize(loss, start, bounds=bounds, method="L-BFGS-B").x


def fit(d, use):
    age = fit_age(d, use)
    return age, fit_sd(d, age_of(d, age), use), fit_gender(d, use)


# ---------------------------------------------------------------- what is printed ---

def out_of_fold(d, repeat):
    """Years, their standard deviation and the logit of each picture, by fits without its person."""
    people = np.unique(d.person)
    order = np.random.default_rng(repeat).permutation(len(people))
    fold = dict(zip(people[order], np.arange(len(people)) % FOLDS))
    fold = np.array([fold[p] for p in d.person])
    years, sd, logit = np.zeros(len(fold)), np.zeros(len(fold)), np.zeros(len(fold))
    for f in range(FOLDS):
        age, age_sd, gender = fit(d, fold != f)
        mine = fold == f
        years[mine] = age_of(d, age)[mine]
        sd[mine] = sd_of(d, age_of(d, age), age_sd)[mine]
        logit[mine] = gender_of(d, gender)[mine]
    return years, sd, logit


BINS = np.array([3, 10, 20, 30, 40, 50, 60, 70])  # FairFace's
BOUNDS = np.array([3.5, 7.5, 14, 23, 35.5, 46, 57])  # between the eight ranges, flow/age.c


def wilson(right, n):
    if n == 0:
        return "-"
    p, z = right / n, 1.96
    middle, half = p + z * z / 2 / n, z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return f"{p:.3f} [{(middle - half) / (1 + z * z / n):.3f}, {(middle + half) / (1 + z * z / n):.3f}]"


def age_lines(d, years, which, name):
    exact = which & (d.high == d.low)
    ranged = which & (d.high > d.low)
    if exact.any():
        e = (years - d.low)[exact]
        print(f"  {name}: {exact.sum()} exact ages: {abs(e).mean():.2f} years off "
              f"+- {1.96 * abs(e).std() / np.sqrt(exact.sum()):.2f}, bias {e.mean():+.2f}")
    if ranged.any():
        e = np.maximum(0, np.maximum(d.low - years, years - d.high))[ranged]
        off = abs(np.searchsorted(BINS, years, "right") - np.searchsorted(BINS, d.low, "right"))
        print(f"  {name}: {ranged.sum()} ranges: {e.mean():.2f} years off, inside "
              f"{wilson((off == 0)[ranged].sum(), ranged.sum())}, or beside "
              f"{wilson((off <= 1)[ranged].sum(), ranged.sum())}")


def gender_lines(d, logit, which, name):
    right = (logit > 0) == (d.female == 1)
    which = which & ~np.isnan(d.female)
    n = which.sum()
    if n == 0:
        return
    print(f"  {name}: gender always {wilson(right[which].sum(), n)}, women "
          f"{wilson(right[which & (d.female == 1)].sum(), (which & (d.female == 1)).sum())}, men "
          f"{wilson(right[which & (d.female == 0)].sum(), (which & (d.female == 0)).sum())}")
    sure = np.sort(abs(logit)[which])[::-1]
    rights = right[which][np.argsort(-abs(logit)[which])]
    share = np.cumsum(rights) / np.arange(1, n + 1)
    at = np.nonzero(share >= 0.95)[0]
    at = at.max() + 1 if len(at) else 0
    p = 1 / (1 + np.exp(-abs(logit)))
    print(f"    95 % right of the surest {at / n:.2f} (p from {1 / (1 + np.exp(-sure[at - 1])):.2f})")
    for limit in (0.8, 0.9, 0.95):
        said = which & (p >= limit)
        print(f"    p from {limit}: {wilson(right[said].sum(), said.sum())} right, "
              f"{said.sum() / n:.2f} answered")


def reliability(name, stated, right):
    print(f"  {name}: stated, right, n")
    edges = [0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01]
    for low, high in zip(edges, edges[1:]):
        here = (stated >= low) & (stated < high)
        if here.sum() >= 10:
            print(f"    {stated[here].mean():.2f}  {wilson(right[here].sum(), here.sum())}  {here.sum()}")


def range_p(years, sd):
    below = np.column_stack([np.zeros(len(years))] +
                            [ndtr((b - years) / sd) for b in BOUNDS] + [np.ones(len(years))])
    return np.diff(below, axis=1)


def report(d, years, sd, logit):
    whole, good = d.width == 0, d.good
    print("as they are:")
    for name in np.unique(d.set):
        age_lines(d, years, whole & (d.set == name), name)
    studio = whole & (d.set != "fairface")
    age_lines(d, years, studio & (d.low >= 60), "studio, sixty and over")
    gender_lines(d, logit, whole & (d.set == "fairface") & (d.low >= 10), "fairface, ten and over")
    gender_lines(d, logit, whole & np.isin(d.set, ["london", "congress"]), "london and congress")
    for low, high in zip([10, 20, 30, 40, 50, 60, 70], [20, 30, 40, 50, 60, 70, 120]):
        group = whole & (d.set == "fairface") & (d.low >= low) & (d.low < high)
        right = (logit > 0) == (d.female == 1)
        error = np.maximum(0, np.maximum(d.low - years, years - d.high))
        sides = [group & (d.female == f) for f in (1, 0)]
        print(f"  fairface, {low} to {high}: women {wilson(right[sides[0]].sum(), sides[0].sum())}, "
              f"men {wilson(right[sides[1]].sum(), sides[1].sum())}, {error[group].mean():.1f} years off")
    for width in WIDTHS:
        print(f"as a camera sees them, {width} pixels wide ({(d.width == width).sum()} found, "
              f"{(good & (d.width == width)).sum()} good enough):")
        here = good & (d.width == width)
        age_lines(d, years, here, "all")
        gender_lines(d, logit, here & ~(d.low < 10), "ten and over")
    use = good & ~(d.low < 10) & ~np.isnan(d.female) & (years >= GENDER_MIN_YEARS)
    p = 1 / (1 + np.exp(-abs(logit)))
    right = (logit > 0) == (d.female == 1)
    reliability("gender, as they are", p[use & whole], right[use & whole])
    reliability("gender, fairface as they are", p[use & whole & (d.set == "fairface")],
                right[use & whole & (d.set == "fairface")])
    reliability("gender, degraded", p[use & ~whole], right[use & ~whole])
    exact = good & (d.low == d.high)
    told = np.searchsorted(BOUNDS, years)
    truth = np.searchsorted(BOUNDS, d.low)
    ranges = range_p(years, sd)
    stated = ranges[np.arange(len(years)), told]
    near = sum(np.where((told + k >= 0) & (told + k <= 7),
                        ranges[np.arange(len(years)), np.clip(told + k, 0, 7)], 0) for k in (-1, 0, 1))
    for name, which in (("as they are", exact & whole), ("degraded", exact & ~whole)):
        reliability(f"age range, {name}", stated[which], (told == truth)[which])
        reliability(f"age range or a neighbour, {name}", near[which], (abs(told - truth) <= 1)[which])
    ranged = good & (d.high > d.low) & (d.high < 110)
    inside = ndtr((d.high - years) / sd) - ndtr((d.low - years) / sd)
    print(f"  fairface: the label's own range was given {inside[ranged & whole].mean():.3f} on average; "
          f"years inside it {((years >= d.low) & (years < d.high))[ranged & whole].mean():.3f}")


# ---------------------------------------------------------------- the file ---

def rounded(values):
    return [round(float(v), 5) for v in values]


def calibration(d, options, card, age, sd, gender):
    first = d.first.astype(float)
    second = 1 - first
    share = first * gender[1] / first.sum() + second * gender[2] / second.sum()
    n = 1 + len(AGE_HINGES)
    with open(options.faces, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()[:12]
    faces = (d.width == 0).sum()
    return {
        "about": f"How the views of {card['name']}.card.json become one answer; see daemon/vision/fusion.h",
        "made_by": "models/calibrate.py",
        "date": datetime.date.today().isoformat(),
        "data": f"{faces} labelled faces ({', '.join(f'{(d.set[d.width == 0] == s).sum()} {s}' for s in np.unique(d.set))}), "
                f"manifest {digest}, and {len(d.width) - faces} degraded pictures of them",
        "views": len(d.first),
        "age": {"weights": rounded(first / first.sum()), "second": rounded(second / second.sum()),
                "shift": round(float(age[0]), 5),
                "hinges": [[h, round(float(s), 5)] for h, s in zip(AGE_HINGES, age[1:n])],
                "second_by": round(float(age[n]), 5), "second_ages": SECOND_AGES,
                "spread_by": round(float(age[n + 1]), 5), "spread_ages": SPREAD_AGES},
        "age_sd": {"log": round(float(sd[0]), 5),
                   "hinges": [[h, round(float(s), 5)] for h, s in zip(SD_HINGES, sd[1:])],
                   "doubts": rounded(sd[1 + len(SD_HINGES):])},
        "gender": {"weights": rounded(share), "shift": round(float(gender[0]), 5),
                   "doubts": rounded(gender[3:]), "min_years": GENDER_MIN_YEARS},
    }


def main():
    parser = argparse.ArgumentParser(description="Fit the calibration of the combined card.")
    parser.add_argument("--faces", default=f"{HERE}/../../shared/faces/MANIFEST.tsv")
    parser.add_argument("--look", default=f"{HERE}/../build/look")
    parser.add_argument("--cards", default=f"{HERE}/../build/models")
    parser.add_argument("--cache", help="keep what the nets said in this file, or take it from there")
    parser.add_argument("--views", help="numbers of the card's views, from 0; without OUT")
    parser.add_argument("out", nargs="?")
    options = parser.parse_args()
    with open(f"{HERE}/{CARD}.card.json", encoding="utf-8") as f:
        card = json.load(f)
    if options.cache and os.path.exists(options.cache):
        with open(options.cache, encoding="utf-8") as f:
            rows = json.load(f)
    else:
        rows = observe(options)
        if options.cache:
            with open(options.cache, "w", encoding="utf-8") as f:
                json.dump(rows, f)
    chosen = [int(i) for i in options.views.split(",")] if options.views else range(len(card["views"]))
    d = Data(rows, card, list(chosen))
    for repeat in range(REPEATS):
        print(f"---- cross-validation {repeat + 1} of {REPEATS}, by person")
        report(d, *out_of_fold(d, repeat))
    if options.out and not options.views:
        result = calibration(d, options, card, *fit(d, np.ones(len(d.width), bool)))
        with open(options.out, "w", encoding="utf-8") as f:
            json.dump(result, f, indent=2)
            f.write("\n")
        with open(options.out, "rb") as f:
            print(f"{options.out}: {hashlib.sha256(f.read()).hexdigest()}")


if __name__ == "__main__":
    main()
