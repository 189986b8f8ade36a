#!/usr/bin/python3
"""Scores records per person on composed scenes and on the catalogue's clips, as tables.

    bench_tracking.py BUILD [--seeds 101-103] [--kinds walk,cross] [--rates 5,2.5,10] [--fast]

The scenes are composed into BUILD/scenes and kept. Each goes through `facectl evaluate --video` at
every rate. With --fast the detections of all pictures are recorded once, and tracker and score
alone run over them, at every rate and in four phases of the interval: for tuning, in seconds.
A row is a kind of scene; what went wrong follows by name, so that it can be looked at.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/integration"))
CROSSINGS = 17  # scenes of six: a hundred
COLUMNS = ("people", "records", "missed", "doubled", "swapped", "extra", "identity_switches")


def run(*argv):
    r = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if r.returncode != 0:
        sys.exit(f"bench_tracking: {' '.join(argv)} failed")
    return r.stdout


def detections(args, clip):
    out = clip[:-4] + ".detections.jsonl"
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(clip):
        with open(out + ".part", "w") as f:
            subprocess.run([f"{args.build}/retrack", "-d", args.models, clip], stdout=f, check=True)
        os.replace(out + ".part", out)
    return out


def evaluate(args, scene, rate):
    clip = f"{args.build}/scenes/{scene}.mkv"
    truth = f"{args.build}/scenes/{scene}.truth.jsonl"
    if not args.fast:
        return [json.loads(run(f"{args.build}/facectl", "evaluate", "-c", "config/faced.conf",
                               "--json", "--fps", str(rate), "--video", clip, "--truth", truth))]
    recorded = detections(args, clip)
    return [json.loads(run(f"{args.build}/retrack", "-r", str(rate), "-p", str(phase), truth,
                           recorded)) for phase in (0, 0.25, 0.5, 0.75)]


def add_up(results):
    """Of several scenes: sums, and both shares over all of their faces."""
    total = {c: sum(r[c] for r in results) for c in COLUMNS}
    faces = sum(r["faces"] for r in results)
    errors = sum(r["faces_missing"] + r["sightings_wrong"] + r["identity_switches"]
                 for r in results)
    total["mota"] = 1 - errors / faces if faces else 1
    # 2 IDTP / (faces + sightings), from each scene's own
    sums = [r["faces"] + r["faces_matched"] + r["sightings_wrong"] for r in results]
    total["idf1"] = sum((r["idf1"] or 1) * n for r, n in zip(results, sums)) / sum(sums) if sum(sums) else 1
    return total


def line(name, scenes, t):
    print(f"{name:10} {scenes:4} {t['mota']:6.3f} {t['idf1']:6.3f} " +
          " ".join(f"{t[c]:7}" for c in COLUMNS), flush=True)


def table(args, rate, scenes, pool):
    print(f"\n{rate:g} pictures a second\n{'scene':10} {'of':>4} {'MOTA':>6} {'IDF1':>6} " +
          " ".join(f"{c[:7]:>7}" for c in COLUMNS))
    found = dict(zip(scenes, pool.map(lambda s: evaluate(args, s, rate), scenes)))
    wrong, everything = [], []
    for kind in dict.fromkeys(s.split("-")[0] for s in scenes):
        results = [(s, r) for s in scenes if s.split("-")[0] == kind for r in found[s]]
        line(kind, len(results), add_up([r for _, r in results]))
        everything += [r for _, r in results]
        for s, r in results:
            bad = {c: r[c] for c in ("missed", "doubled", "swapped", "extra") if r[c]}
            if bad:
                wrong.append(f"  {s}: " + ", ".join(f"{n} {c}" for c, n in bad.items()))
    line("all", len(everything), add_up(everything))
    print("\n".join(dict.fromkeys(wrong)), flush=True)


def clips(args, rate):
    """The catalogue's clips by the daemon's own way: how many records, of how many people."""
    import house
    print(f"\n{rate:g} pictures a second\n{'clip':32} {'people':>7} {'records':>7}")
    for path in sorted(glob.glob(f"{args.build}/media/*")):
        name = os.path.splitext(os.path.basename(path))[0]
        if name not in house.PEOPLE:
            continue
        lines = run(f"{args.build}/facectl", "watch", "-c", "config/faced.conf", "--json", "--fps",
                    str(rate), path).splitlines()
        records = sum(json.loads(x)["type"] == "new" for x in lines)
        people = house.PEOPLE[name]
        print(f"{name:32} {people:7} {records:7}{'' if people == records else '  WRONG'}",
              flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("build")
    p.add_argument("--seeds", default="101-102")
    p.add_argument("--kinds")
    p.add_argument("--rates", default="5,2.5,10")
    p.add_argument("--fast", action="store_true")
    p.add_argument("--jobs", type=int, default=2)
    args = p.parse_args()
    args.models = os.environ.setdefault("FACED_MODELS", os.path.join(args.build, "models"))
    compose = [sys.executable, os.path.join(TOP, "tests/tools/compose_scenes.py")]
    kinds = [x.split()[0] for x in run(*compose, "--kinds").splitlines()]
    if args.kinds:
        kinds = [k for k in kinds if k in args.kinds.split(",")]
    first, _, last = args.seeds.partition("-")
    first, last = int(first), int(last or first)
    scenes = []
    for k in kinds:
        end = first + CROSSINGS - 1 if k == "cross" and not args.fast else last
        scenes += [f"{k}:{seed}" for seed in range(first, end + 1)]
    subprocess.run(compose + ["--jobs", str(args.jobs), f"{args.build}/scenes"] + scenes, check=True)
    scenes = [s.replace(":", "-") for s in scenes]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for rate in (float(r) for r in args.rates.split(",")):
            table(args, rate, scenes, pool)
    if not args.fast and not args.kinds:
        for rate in (float(r) for r in args.rates.split(",")):
            clips(args, rate)


if __name__ == "__main__":
    main()
