#!/usr/bin/python3
"""Runs the fuzz targets one after another, or their corpora once.

    fuzz.py run --seconds N BINARIES TARGET...   libFuzzer for N seconds each, and a table
    fuzz.py check BINARIES TARGET...             every file of tests/fuzz/corpus, and a tally
    fuzz.py keep BINARIES TARGET...              the least of what was found that covers as much

What `run` finds goes to BINARIES/work/TARGET, a crashing input to BINARIES/findings; each run adds a
line to BINARIES/runs.jsonl. Times are CPU time, user and system.
"""
import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPUS = os.path.join(TOP, "tests", "fuzz", "corpus")
LONGEST = {"stream": 1024, "database": 1024, "upload": 4096, "http": 2048}  # else 2048
KEPT = 90_000  # bytes of one target's corpus, the smallest files first
ENVIRONMENT = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1",
                   LSAN_OPTIONS="print_suppressions=0")


def corpus(target):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    return folder


def libfuzzer(binaries, target, arguments, log):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["nice", "-n", "19", os.path.join(os.path.abspath(binaries), "fuzz_" + target)]
    with open(log, "w") as out:
        code = subprocess.run(command + arguments, cwd=TOP, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, env=ENVIRONMENT).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    with open(log, errors="replace") as f:
        return code, cpu, f.read()


def run(binaries, target, seconds):
    work = os.path.join(binaries, "work", target)
    findings = os.path.join(binaries, "findings")
    for folder in (work, findings):
        os.makedirs(folder, exist_ok=True)
    arguments = [f"-max_total_time={seconds}", f"-max_len={LONGEST.get(target, 2048)}",
                 f"-artifact_prefix={os.path.abspath(findings)}/{target}-", "-timeout=20",
                 "-print_final_stats=1", "-print_funcs=0"]
    words = os.path.join(TOP, "tests", "fuzz", target + ".dict")
    if os.path.exists(words):
        arguments.append("-dict=" + words)
    log = os.path.join(binaries, target + ".log")
    code, cpu, text = libfuzzer(binaries, target,
                                arguments + [os.path.abspath(work), corpus(target)], log)
    marks = re.findall(r"cov: (\d+) ft: (\d+)", text)
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", text)
    result = {"target": target, "when": int(time.time()), "runs": int(runs[-1]) if runs else 0,
              "cpu_s": round(cpu, 1), "edges": int(marks[-1][0]) if marks else 0,
              "features": int(marks[-1][1]) if marks else 0, "findings": 1 if code else 0}
    with open(os.path.join(binaries, "runs.jsonl"), "a") as f:
        f.write(json.dumps(result) + "\n")
    if code:
        print("\n".join(text.splitlines()[-60:]))
        print(f"{target}: a finding; all of it is in {log}")
    return result


def row(cells):
    print("| " + " | ".join(str(c).rjust(10) for c in cells) + " |", flush=True)


def run_all(binaries, targets, seconds):
    results = [run(binaries, t, seconds) for t in targets]
    row(["target", "runs", "CPU s", "runs a s", "edges", "features", "findings"])
    for r in results:
        row([r["target"], r["runs"], r["cpu_s"], int(r["runs"] / max(r["cpu_s"], 0.1)), r["edges"],
             r["features"], r["findings"]])
    return 1 if any(r["findings"] for r in results) else 0


def check_all(binaries, targets):
    """One program a target, all its files; one file after another only where it fails."""
    passed = failed = 0
    for target in targets:
        program = os.path.join(binaries, "fuzz_" + target)
        files = [os.path.join(CORPUS, target, n) for n in sorted(os.listdir(corpus(target)))]
        for group in [files] if files else []:
            r = subprocess.run([program] + group, cwd=TOP, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
            if r.returncode == 0:
                passed += len(group)
                continue
            failed += 1
            print(r.stdout.decode(errors="replace")[-6000:])
            print(f"FAILED fuzz_{target}: the last file named above, or one before it")
        if not files:
            failed += 1
            print(f"FAILED fuzz_{target}: no corpus")
    print(f"corpora: {len(targets)} targets, {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def keep(binaries, target):
    work = os.path.join(binaries, "work", target)
    with tempfile.TemporaryDirectory() as least:
        sources = [d for d in (corpus(target), work) if os.path.isdir(d)]
        code, _, text = libfuzzer(binaries, target, ["-merge=1", least] + sources,
                                  os.path.join(binaries, target + ".merge.log"))
        if code:
            print(text[-2000:])
            return code
        names = sorted(os.listdir(least), key=lambda n: os.path.getsize(os.path.join(least, n)))
        shown = [n for n in os.listdir(corpus(target)) if n.startswith("found-")]
        for n in os.listdir(corpus(target)):
            if n not in shown:
                os.remove(os.path.join(corpus(target), n))
        size = 0
        for n in names:
            size += os.path.getsize(os.path.join(least, n))
            if size <= KEPT:
                shutil.copyfile(os.path.join(least, n), os.path.join(corpus(target), n[:16]))
    print(f"{target}: {len(os.listdir(corpus(target)))} files")
    return 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["run", "check", "keep"])
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("binaries")
    p.add_argument("targets", nargs="+")
    a = p.parse_args()
    if a.what == "run":
        return run_all(a.binaries, a.targets, a.seconds)
    if a.what == "check":
        return check_all(a.binaries, a.targets)
    return max(keep(a.binaries, t) for t in a.targets)


if __name__ == "__main__":
    sys.exit(main())
