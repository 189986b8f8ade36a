"""The whole daemon for a long time, with everything around it failing now and then.

    python3 tests/soak [--hours H] [--accelerated MINUTES] [--record]

Two phases. `accelerated`: files as fast as they can be analysed, records kept for a minute, so that
hours of video pass in minutes. `real`: cameras over RTSP, the broker over TLS, systemd's watchdog
listening. In both, at random moments: a camera's process is killed or stopped, the camera server or
the broker is killed and started again, a camera is switched off and on, the configuration is read
again. Every few seconds is noted what the daemon holds. At the end nothing may have been lost, and
nothing that was noted may have grown: the slope over the second half, not a number, decides.

It ends with `N passed, N failed, 0 skipped` and writes build/soak-PHASE.jsonl; --record draws them
into docs/images.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", d) for d in ("integration", "bench")]
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import house  # noqa: E402
import judge  # noqa: E402
import plot  # noqa: E402
import world  # noqa: E402

EVERY_S = 5          # from sample to sample
FAULT_S = (3, 15)    # from fault to fault


def run(phase, seconds, seed):
    """The samples, the faults that were made, and what came of it: [(question, answer, fine)]."""
    draw = random.Random(seed)
    samples, faults = [], {}
    with tempfile.TemporaryDirectory() as directory:
        w = world.World(directory, phase)
        try:
            begin = time.monotonic()
            next_fault = begin + FAULT_S[1]
            while time.monotonic() < begin + seconds:
                time.sleep(max(0, begin + EVERY_S * len(samples) - time.monotonic()))
                samples.append(w.sample(time.monotonic() - begin))
                if time.monotonic() >= next_fault:
                    fault = draw.choice(w.faults)
                    fault(draw)
                    faults[fault.__name__] = faults.get(fault.__name__, 0) + 1
                    next_fault = time.monotonic() + draw.uniform(*FAULT_S)
                if len(samples) % 12 == 0:
                    print(f"  SOAK  {phase}: {judge.line(samples[-1])}", file=sys.stderr, flush=True)
            answers = judge.growth(samples) + w.finish()
        finally:
            w.close()
    return samples, faults, answers


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--hours", type=float, default=0.5, help="of the real phase")
    p.add_argument("--accelerated", type=float, default=10, help="minutes of the other one")
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--record", action="store_true")
    args = p.parse_args()
    passed = failed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for phase, seconds in (("accelerated", args.accelerated * 60), ("real", args.hours * 3600)):
        if seconds <= 0:
            continue
        samples, faults, answers = run(phase, seconds, args.seed)
        with open(os.path.join(house.BUILD, f"soak-{phase}.jsonl"), "w") as f:
            f.writelines(json.dumps(s) + "\n" for s in samples)
        print(f"{phase}: {seconds / 60:.0f} minutes, seed {args.seed}; "
              + ", ".join(f"{n} x {name.replace('_', ' ')}" for name, n in sorted(faults.items())))
        for question, answer, fine in answers:
            print(f"  {'ok  ' if fine else 'FAIL'}  {question}: {answer}")
            passed, failed = passed + fine, failed + (not fine)
        if args.record:
            plot.draw(samples, os.path.join(TOP, "docs", "images", f"soak-{phase}.svg"))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


sys.exit(main())
