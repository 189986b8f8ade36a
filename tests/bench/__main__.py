"""make bench: what faced costs, beside the floors and what else could be taken.

    python3 tests/bench [--quick] [--record] [--profile] [--isolation thread] [--only PART,...]

The parts: stages (bench.c, bench_store, bench_ask), beside (one camera, the same stream for all),
scale (many cameras). It prints tables and writes them to BUILD/bench.txt; --record also writes
docs/bench.txt. It measures and never judges. Only loopback is used.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/integration"))
import daemon  # noqa: E402
import house  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
import rivals  # noqa: E402
import scenes  # noqa: E402

LINES = [("empty", "vbr"), ("tenth", "vbr"), ("busy", "vbr"), ("crowd", "vbr"),
         ("empty", "cbr"), ("busy", "cbr"), ("empty", "gop1"), ("busy", "gop1"),
         ("empty", "gop10"), ("busy", "gop10"), ("empty", "h265"), ("busy", "h265")]
QUICK_LINES = LINES[:6]
CLASSIC_S = {"empty": 4, "tenth": 40, "busy": 8, "crowd": 4}
RUNS = [(1, "vbr"), (4, "vbr"), (16, "vbr"), (32, "vbr"), (64, "sub")]
QUICK_RUNS = [(1, "vbr"), (4, "vbr"), (64, "sub")]
SIZES = {"vbr": "1920x1080", "sub": "640x360"}
FLOOR_NETS = ("yunet", *dict.fromkeys(rivals.VIEWS))
PERIOD = 40  # of the scene with one person in ten


# ------------------------------------------------------------- one camera beside others ---

class Round:
    """One stream, and what all who watched it had to pay."""

    def __init__(self, scene, stream, file):
        self.scene, self.stream = scenes.TITLES[scene], scenes.STREAM_TITLES[stream]
        self.kind, self.file = scene, file
        self.mbit = scenes.rate(file) / 1e6
        self.classic = None

    def measure(self, seconds, nets):
        nets.begin()
        with daemon.Whole({"cam": self.file}) as w:
            url = w.server.url("cam")
            clients = {k: w.keep(rivals.floor(k, url)) for k in rivals.FLOORS}
            clients["motion"] = rivals.motion(w.directory.name, url)
            clients = {k: w.keep(p) for k, p in clients.items() if p}
            w.settle(1 + len(clients))
            self.got, self.others = w.measure(seconds, {k: p.p.pid for k, p in clients.items()},
                                              lambda: nets.turn(FLOOR_NETS))
            for k, p in clients.items():
                if p.p.poll() is not None:
                    raise AssertionError(f"{k} ended: {p.text}")
        self.seconds, self.cpu = self.got["seconds"], self.got["cpu"]
        self.cam = self.got["by_thread"].get("cam", 0)
        self.infer = self.got["by_thread"].get("infer", 0)
        self.rest = sum(self.got["by_thread"].values()) - self.cam - self.infer
        ms = nets.median()
        forward = (self.got["looks"] * ms["yunet"] +
                   self.got["estimates"] * sum(ms[v] for v in rivals.VIEWS)) / 1000
        self.floor = self.others["decode"] + forward / self.seconds

    def run_classic(self):
        c = rivals.classic(scenes.path(f"{self.kind}-vbr"), CLASSIC_S[self.kind])
        self.classic, self.classic_faces = c["cpu_s"] / c["video_s"], c["faces"] / c["video_s"]


def beside(out, quick):
    nets = rivals.Nets()
    rounds = []
    for scene, stream in QUICK_LINES if quick else LINES:
        seconds = PERIOD if scene == "tenth" else 12 if quick else 20
        r = Round(scene, stream, scenes.lengthen(scene, stream, PERIOD + 60))
        r.measure(seconds, nets)
        if stream == "vbr" and not (quick and scene == "tenth"):
            r.run_classic()
        rounds.append(r)
        progress(f"{r.scene}, {r.stream}: {100 * r.cpu:.1f} %")
    report.beside(out, rounds)
    out.say()
    for r in rounds:
        if r.classic:
            out.say(f"{r.scene}: the classic script found {r.classic_faces:.1f} faces in a second "
                    f"of video, in 25 pictures; faced {r.got['faces'] / r.seconds:.1f} in "
                    f"{r.got['looks'] / r.seconds:.1f}.")
    out.say()
    report.nets(out, nets.all())


# ------------------------------------------------------------- many cameras ---

def scale(out, quick):
    runs = []
    for n, stream in QUICK_RUNS if quick else RUNS:
        mounts = {f"cam{i}": scenes.lengthen("tenth", stream, 4 * PERIOD, i % scenes.PHASES)
                  for i in range(n)}
        with daemon.Whole(mounts) as w:
            w.settle(n)
            yardstick = w.keep(rivals.floor("decode", w.server.url("cam0")))
            w.settle(n + 1)
            got, others = w.measure(PERIOD, {"decode": yardstick.p.pid})
        runs.append((n, SIZES[stream], got, others))
        progress(f"{n} cameras of {SIZES[stream]}: {100 * got['cpu'] / n:.1f} % each")
    report.scale(out, runs)


# ------------------------------------------------------------- the rest ---

def stages(out, quick):
    """The C programs say their tables themselves."""
    runs = [["bench", house.MODELS, house.clip("long.mkv"), house.tool("faced")],
            ["bench", house.MODELS, house.clip("long-1080p.mkv"), house.tool("faced")]]
    if not quick:
        runs += [["bench_store", "1000000", house.BUILD], ["bench_ask", "1000000", house.BUILD]]
    for name, *args in runs:
        text = subprocess.run([house.tool(name), *args], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        out.say(text.rstrip() + "\n")


def profile(out, scene):
    """What the time goes into, by perf(1): thread and library."""
    if not shutil.which("perf"):
        out.say("No profile: there is no perf (Debian's linux-perf).")
        return
    file = scenes.lengthen(scene, "vbr", PERIOD + 60)
    with daemon.Whole({"cam": file}) as w:
        w.settle(1)
        data = os.path.join(w.directory.name, "perf.data")
        pid = w.daemon.p.pid
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "-o", data, "-p",
                        ",".join(map(str, [pid] + measure.children(pid))), "--", "sleep", "15"], check=True)
        text = subprocess.run(
            ["perf", "report", "-q", "--stdio", "-i", data, "--sort", "comm,dso", "-t", ","],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    parts = {}
    for line in text.splitlines():
        if line.count(",") == 2:
            share, thread, library = (x.strip() for x in line.split(","))
            key = thread.split("-")[0], library.split(".so")[0]
            parts[key] = parts.get(key, 0) + float(share.rstrip("%"))
    out.say(f"What faced's CPU time goes into (perf), one camera of 1920x1080, "
            f"{scenes.TITLES[scene]}, in % of it\n")
    out.table(["thread", "library", "%"],
              [[*key, v] for key, v in sorted(parts.items(), key=lambda x: -x[1]) if v >= 0.5])
    out.say()


def progress(text):
    print(f"  BENCH {text}", file=sys.stderr, flush=True)


def wanted(parts, quick):
    """The streams to be composed."""
    streams = []
    if "beside" in parts or "profile" in parts:
        streams += QUICK_LINES if quick else LINES
    if "scale" in parts:
        streams += [("tenth", s) for _, s in (QUICK_RUNS if quick else RUNS)]
    return streams


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--quick", action="store_true")
    p.add_argument("--record", action="store_true")
    p.add_argument("--profile", action="store_true")
    p.add_argument("--isolation", choices=("process", "thread"), default="process")
    p.add_argument("--only", default="stages,beside,scale")
    args = p.parse_args()
    daemon.Whole.isolation = args.isolation
    parts = args.only.split(",") + ["profile"] * args.profile
    out = report.Report()
    streams = wanted(parts, args.quick)
    if streams:
        scenes.make(streams)
    begin = time.monotonic()
    for line in measure.machine():
        out.say(line)
    out.say(f"each camera in a {args.isolation} of its own; MB: PSS of all processes")
    out.say()
    for name, run in (("beside", beside), ("scale", scale), ("stages", stages)):
        if name in parts:
            run(out, args.quick)
            out.say()
    if args.profile:
        for scene in ("empty", "busy", "crowd"):
            profile(out, scene)
    out.say(f"Measured in {(time.monotonic() - begin) / 60:.1f} minutes"
            f"{', quickly' if args.quick else ''}.")
    out.write(os.path.join(house.BUILD, "bench.txt"))
    if args.record:
        out.write(os.path.join(house.TOP, "docs/bench.txt"))


if __name__ == "__main__":
    main()
