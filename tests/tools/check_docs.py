#!/usr/bin/python3
"""Are pages, completion and programs of one mind? Says what is not, and exits 1.

    check_docs.py BUILD     the folder of faced, facectl and keys

Every option of --help stands on its page, and no other; every key of the table stands in
faced.conf(5) below its section with its type, range and default, and in operations.md where it
needs a restart; every field of a message and every column of a view
stands in faced-events(7), and no other; the completion offers each subcommand's options.
"""
import glob
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
wrong = []


def page(name):
    return open(os.path.join(TOP, "docs/man", name)).read()


def out(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True,
                          env={**os.environ, "ARGP_HELP_FMT": "rmargin=200"}).stdout


def options_of(help_text):
    """Long options, without those that argp gives to every program."""
    found = set(re.findall(r"^ +(?:-\w, |    )?--([a-z-]+)", help_text, re.M))
    return found - {"help", "usage", "version"}


def options_on(text):
    return set(re.findall(r"Fl Fl ([a-z-]+)", text)) - {"help", "usage", "version"}


def compare(what, have, want):
    for x in sorted(want - have):
        wrong.append(f"{what}: {x} is missing")
    for x in sorted(have - want):
        wrong.append(f"{what}: {x} is there, and does not exist")


def check_lint():
    for f in sorted(glob.glob(os.path.join(TOP, "docs/man/*.[1578]"))):
        r = subprocess.run(["mandoc", "-Tlint", "-W", "warning", f], capture_output=True, text=True)
        wrong.extend(x for x in r.stdout.splitlines() if x.startswith("mandoc:"))


def check_programs(build):
    compare("faced(8)", options_on(page("faced.8").split(".Sh SIGNALS")[0]),
            options_of(out(f"{build}/faced", "--help")))
    text = page("facectl.1")
    commands = set(re.findall(r"^  (\w+) ", out(f"{build}/facectl", "--help"), re.M))
    sections = dict(re.findall(r"^\.Ss (\w+)[^\n]*\n(.*?)(?=^\.S[sh] )", text, re.M | re.S))
    compare("facectl(1)", set(sections), commands)
    completion = open(os.path.join(TOP, "docs/completion/facectl")).read()
    offered = set(re.search(r'commands="([^"]*)"', completion).group(1).split())
    compare("completion", offered, commands)
    for c in sorted(commands & set(sections)):
        want = options_of(out(f"{build}/facectl", c, "--help"))
        compare(f"facectl(1), {c}", options_on(sections[c]), want)
        found = re.search(rf'local {c}="([^"]*)"', completion)
        have = {x[2:] for x in found.group(1).split()} if found else set()
        compare(f"completion, {c}", have, want)


def check_keys(build):
    text = page("faced.conf.5")
    there = dict(re.findall(r"^\.It Cm ([\w.]+)\n\((.*)\)$", text, re.M))
    table = {}
    for line in out(f"{build}/keys").splitlines():
        path, kind, default, low, high, words, meaning, fixed = line.split("\t")
        facts = kind + (": " + ", ".join(words.split()) if words else "")
        if low not in ("", "0", "0s"):
            facts += f", {low} to {high}"
        elif high:
            facts += f", at most {high}"
        facts += f"; default {default}" if default else ""
        facts += "; restart" if fixed else ""
        table[path] = facts
        if meaning not in text:
            wrong.append(f"faced.conf(5), {path}: it does not say: {meaning}")
    for title, body in re.findall(r"^\.Ss ([^\n]*)\n(.*?)(?=^\.S[sh] )", text, re.M | re.S):
        for path in re.findall(r"^\.It Cm ([\w.]+)\n\(", body, re.M):
            section = path.split(".")[0] if "." in path else "Top level"
            if section not in title.split() and section != title:
                wrong.append(f"faced.conf(5), {path}: it stands below '{title}'")
    change = open(os.path.join(TOP, "docs/operations.md")).read().split("## Change")[1].split("\n## ")[0]
    fixed = {path for path, facts in table.items() if facts.endswith("; restart")}
    wrong.extend(f"operations.md, Change: `{p}` needs a restart" for p in sorted(fixed)
                 if f"`{p}`" not in change)
    compare("faced.conf(5)", set(there), set(table))
    for path in sorted(set(there) & set(table)):
        if there[path] != table[path]:
            wrong.append(f"faced.conf(5), {path}: ({there[path]}) should be ({table[path]})")


def fields_of(event, prefix=""):
    for k, v in event.items():
        if isinstance(v, dict):
            yield from fields_of(v, f"{prefix}{k}.")
        else:
            yield prefix + k


def check_events(build):
    text = page("faced-events.7")
    messages = text.split(".Sh MESSAGES")[1].split("When the outbox is full")[0]
    here = set(re.findall(r"^\.It Cm ([\w.]+)$", messages, re.M))
    made = json.loads(out(f"{build}/keys", "message"))
    compare("faced-events(7), messages", here, set(fields_of(made)))
    schema = open(os.path.join(TOP, "daemon/store/schema.c")).read()
    for view in ("faces", "observations", "cameras"):
        body = re.findall(rf'"CREATE VIEW {view} AS SELECT (.*?)FROM', schema, re.S)[-1]
        body = re.sub(r'"\s*"', "", body)
        body = re.sub(r'"\s*[A-Z_]+\s*"', "X", body)
        body = re.sub(r"CASE .*? END", "X", body)
        columns = set()
        depth, part = 0, ""
        for ch in body + ",":
            depth += (ch == "(") - (ch == ")")
            if ch == "," and depth == 0:
                columns.add(re.split(r"[ .]", part.strip())[-1])
                part = ""
            else:
                part += ch
        told = re.search(rf"^\.It Sy {view}\n(.*?)(?=^\.It|^\.El)", text, re.M | re.S).group(1)
        have = set()
        for line in re.findall(r"^\.Cm (.*)$", told, re.M):
            have |= {x for x in re.split(r"[ ,.]+", line) if x}
        compare(f"faced-events(7), view {view}", have, columns)


def main():
    build = sys.argv[1]
    check_lint()
    check_programs(build)
    check_keys(build)
    check_events(build)
    for x in wrong:
        print(x)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
