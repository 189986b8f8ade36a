"""make torture: nothing is lost, whatever fails, dies or fills up.

    python3 tests/torture [--short] [--only PART,...] [--seed N] [--jobs N] [--budget S] [--record]

The parts: faults (the n-th call fails), kills (kill -9, of the broker too), power (what was not
synced is gone), states (slow disk, clock, descriptors, memory). It prints a table for each part and
ends with "N passed, N failed, N skipped": a scenario is one. --budget: seconds for each scenario of
faults.
"""
import argparse
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/integration"))
import faults  # noqa: E402
import kills  # noqa: E402
import power  # noqa: E402
import states  # noqa: E402

PARTS = {"faults": (faults, ["scenario", "times run", "events", "lost", "repeated", "left at once",
                             "wrong"]),
         "kills": (kills, ["scenario", "kills", "of the broker", "people", "events", "lost",
                           "repeated", "to recover", "wrong"]),
         "power": (power, ["scenario", "times run", "with torn sectors", "commits told before",
                           "events", "lost", "repeated", "wrong"]),
         "states": (states, ["scenario", "times run", "people", "lost", "repeated", "to recover",
                             "what it did", "wrong"])}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--short", action="store_true")
    p.add_argument("--only", default=",".join(PARTS))
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    p.add_argument("--budget", type=float)
    options = p.parse_args()
    print(f"SEED={options.seed}")
    passed = failed = skipped = 0
    for part in options.only.split(","):
        module, head = PARTS[part]
        begin = time.monotonic()
        print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
        problems = []
        for out in module.main(options):
            if isinstance(out, str):
                print(f"skipped: {out}", flush=True)
                skipped += 1
                continue
            print(f"| {' | '.join(str(x) for x in out.row())} |", flush=True)
            problems += out.problems
            failed += bool(out.problems)
            passed += not out.problems
        for x in problems[:60]:
            print(f"FAILED {x}")
        print(f"{part}: {time.monotonic() - begin:.0f} s", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
