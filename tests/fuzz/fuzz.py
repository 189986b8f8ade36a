#!/usr/bin/python3
"""Runs the fuzz targets, or their corpora once.

    fuzz.py run --seconds N BINARIES TARGET...   libFuzzer for N CPU seconds each, and a table
    fuzz.py check BINARIES TARGET...             every file of tests/fuzz/corpus, and a tally
    fuzz.py keep BINARIES TARGET...              the least of what was found that covers as much
    fuzz.py sum BINARIES TARGET...               a table of all runs so far

What `run` finds goes to BINARIES/work/TARGET, a crashing input to BINARIES/findings; each run adds a
line to BINARIES/runs.jsonl. Times are CPU time, user and system, of the fuzzer alone: who stops it
for a while, or needs the machine himself, takes nothing from it.
"""
import argparse
import concurrent.futures
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPUS = os.path.join(TOP, "tests", "fuzz", "corpus")
LONGEST = {"stream": 1024, "database": 1024, "upload": 4096, "http": 2048}  # else 2048
KEPT = 90_000  # bytes of one target's corpus, the smallest files first ...
KEPT_FILES = 170  # ... and so many
ROUND_S = 300  # libFuzzer minds the clock on the wall: so it is asked again until it has had enough
ENVIRONMENT = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1",
                   LSAN_OPTIONS="print_suppressions=0")


def corpus(target):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    return folder


def call(command, out):
    """Exit status and CPU seconds of a program that has a folder in memory for itself."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="faced-fuzz-") as place:
        p = subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.STDOUT, env=dict(ENVIRONMENT, FUZZ_FOLDER=place))
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        return p.returncode, usage.ru_utime + usage.ru_stime


def libfuzzer(binaries, target, arguments, log):
    command = ["nice", "-n", "19", os.path.join(os.path.abspath(binaries), "fuzz_" + target)]
    with open(log, "w") as out:
        code, cpu = call(command + arguments, out)
    with open(log, errors="replace") as f:
        return code, cpu, f.read()


def run(binaries, target, seconds, patience):
    work = os.path.join(binaries, "work", target)
    findings = os.path.join(binaries, "findings")
    for folder in (work, findings):
        os.makedirs(folder, exist_ok=True)
    arguments = [f"-max_len={LONGEST.get(target, 2048)}", f"-timeout={patience}",
                 f"-report_slow_units={patience}",
                 f"-artifact_prefix={os.path.abspath(findings)}/{target}-",
                 "-print_final_stats=1", "-print_funcs=0"]
    words = os.path.join(TOP, "tests", "fuzz", target + ".dict")
    if os.path.exists(words):
        arguments.append("-dict=" + words)
    arguments += [os.path.abspath(work), corpus(target)]
    log = os.path.join(binaries, target + ".log")
    total = {"target": target, "runs": 0, "cpu_s": 0, "edges": 0, "features": 0, "findings": 0}
    while total["cpu_s"] < seconds and not total["findings"]:
        wall = min(ROUND_S, max(5, math.ceil(seconds - total["cpu_s"])))
        code, cpu, text = libfuzzer(binaries, target, [f"-max_total_time={wall}"] + arguments, log)
        marks = re.findall(r"cov: (\d+) ft: (\d+)", text)
        runs = re.findall(r"stat::number_of_executed_units: (\d+)", text)
        result = {"target": target, "when": int(time.time()), "runs": int(runs[-1]) if runs else 0,
                  "cpu_s": round(cpu, 1), "edges": int(marks[-1][0]) if marks else 0,
                  "features": int(marks[-1][1]) if marks else 0, "findings": 1 if code else 0}
        with open(os.path.join(binaries, "runs.jsonl"), "a") as f:
            f.write(json.dumps(result) + "\n")
        add(total, result)
        if code:
            print("\n".join(text.splitlines()[-60:]))
            print(f"{target}: a finding; all of it is in {log}", flush=True)
    return total


def add(total, result):
    for key in ("runs", "cpu_s", "findings"):
        total[key] += result[key]
    for key in ("edges", "features"):
        total[key] = max(total[key], result[key])


def row(cells):
    print("| " + " | ".join(str(c).rjust(10) for c in cells) + " |", flush=True)


def table(results):
    row(["target", "runs", "CPU s", "runs a s", "edges", "features", "findings"])
    for r in results:
        row([r["target"], r["runs"], round(r["cpu_s"]), int(r["runs"] / max(r["cpu_s"], 0.1)),
             r["edges"], r["features"], r["findings"]])
    row(["all", sum(r["runs"] for r in results), round(sum(r["cpu_s"] for r in results)), "", "",
         "", sum(r["findings"] for r in results)])


def run_all(binaries, targets, seconds, jobs, patience):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda t: run(binaries, t, seconds, patience), targets))
    table(results)
    return 1 if any(r["findings"] for r in results) else 0


def sum_all(binaries, targets):
    totals = {}
    with open(os.path.join(binaries, "runs.jsonl")) as f:
        for line in f:
            result = json.loads(line)
            if result["target"] in targets:
                add(totals.setdefault(result["target"], dict(result, runs=0, cpu_s=0, findings=0)),
                    result)
    table([totals[t] for t in sorted(totals)])
    return 0


def check_all(binaries, targets):
    """One program a target, all its files; one file after another only where it fails."""
    passed = failed = 0
    for target in targets:
        program = os.path.join(binaries, "fuzz_" + target)
        files = [os.path.join(CORPUS, target, n) for n in sorted(os.listdir(corpus(target)))]
        for group in [files] if files else []:
            with tempfile.TemporaryFile() as out:
                code, _ = call([program] + group, out)
                out.seek(0)
                said = out.read().decode(errors="replace")
            if code == 0:
                passed += len(group)
                continue
            failed += 1
            print(said[-6000:])
            print(f"FAILED fuzz_{target}: the last file named above, or one before it")
        if not files:
            failed += 1
            print(f"FAILED fuzz_{target}: no corpus")
    print(f"corpora: {len(targets)} targets, {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def snapshot(work, to):
    """A fuzzer that runs replaces files by shorter ones that do the same."""
    for entry in os.scandir(work):
        try:
            shutil.copyfile(entry.path, os.path.join(to, entry.name))
        except FileNotFoundError:
            pass


def keep(binaries, target):
    work = os.path.join(binaries, "work", target)
    with tempfile.TemporaryDirectory() as least, tempfile.TemporaryDirectory() as found:
        if os.path.isdir(work):
            snapshot(work, found)
        code, _, text = libfuzzer(binaries, target, ["-merge=1", least, corpus(target), found],
                                  os.path.join(binaries, target + ".merge.log"))
        if code:
            print(text[-2000:])
            return code
        take_over(least, target)
    print(f"{target}: {len(os.listdir(corpus(target)))} files")
    return 0


def take_over(least, target):
    """What was found and mended stays, whatever it covers."""
    names = sorted(os.listdir(least), key=lambda n: os.path.getsize(os.path.join(least, n)))
    for n in os.listdir(corpus(target)):
        if not n.startswith("found-"):
            os.remove(os.path.join(corpus(target), n))
    size = 0
    for n in names[:KEPT_FILES]:
        size += os.path.getsize(os.path.join(least, n))
        if size <= KEPT:
            shutil.copyfile(os.path.join(least, n), os.path.join(corpus(target), n[:16]))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["run", "check", "keep", "sum"])
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--jobs", type=int, default=1, help="targets beside each other")
    p.add_argument("--patience", type=int, default=20, help="seconds that one input may take")
    p.add_argument("binaries")
    p.add_argument("targets", nargs="+")
    a = p.parse_args()
    if a.what == "run":
        return run_all(a.binaries, a.targets, a.seconds, a.jobs, a.patience)
    if a.what == "sum":
        return sum_all(a.binaries, a.targets)
    if a.what == "check":
        return check_all(a.binaries, a.targets)
    return max([keep(a.binaries, t) for t in a.targets])


if __name__ == "__main__":
    sys.exit(main())
