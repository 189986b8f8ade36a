"""make install and uninstall: what they write, what they leave alone, and that the unit is sound."""
import os
import re
import subprocess

import pytest

import house


def make(*args):
    r = subprocess.run(["make", "-C", house.TOP, "--no-print-directory", f"OUT={house.BUILD}",
                        f"MODE={house.FACED_MODE}", *args], capture_output=True, text=True,
                       timeout=600)
    assert r.returncode == 0, r.stdout + r.stderr


def files_of(root):
    return sorted(os.path.relpath(os.path.join(d, f), root)
                  for d, _, names in os.walk(root) for f in names)


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local"])
def test_what_is_installed_goes_again(tmp_path, prefix):
    root = str(tmp_path)
    make("install", f"DESTDIR={root}", f"PREFIX={prefix}")
    there = files_of(root)
    below = prefix.lstrip("/")
    for f in (f"{below}/bin/faced", f"{below}/bin/facectl", f"{below}/lib/systemd/system/faced.service",
              f"{below}/lib/sysusers.d/faced.conf", f"{below}/lib/tmpfiles.d/faced.conf",
              f"{below}/share/man/man8/faced.8", f"{below}/share/man/man5/faced.conf.5",
              f"{below}/share/man/man7/faced-events.7", f"{below}/share/man/man1/facectl.1",
              f"{below}/share/bash-completion/completions/facectl",
              f"{below}/share/faced/fetch/catalogue", f"{below}/share/doc/faced/examples/gpu.conf",
              f"{below}/share/doc/faced/examples/data.conf", f"{below}/share/doc/faced/privacy.md",
              f"{below}/share/doc/faced/operations.md", f"{below}/share/doc/faced/web.md",
              "etc/faced/faced.conf"):
        assert f in there
    unit = open(f"{root}/{below}/lib/systemd/system/faced.service").read()
    assert f"ExecStart={prefix}/bin/faced -c /etc/faced/faced.conf" in unit
    conf = open(f"{root}/etc/faced/faced.conf").read()
    models = re.search(r'^ +(#?)dir = "(.*)";', conf, re.M).groups()
    assert models == ("#" if prefix == "/usr" else "", f"{prefix}/share/faced/models")

    with open(f"{root}/etc/faced/faced.conf", "w") as f:
        f.write("# mine\n")
    make("install", f"DESTDIR={root}", f"PREFIX={prefix}")
    assert open(f"{root}/etc/faced/faced.conf").read() == "# mine\n", "never touched"
    make("uninstall", f"DESTDIR={root}", f"PREFIX={prefix}")
    assert files_of(root) == ["etc/faced/faced.conf"]


def test_the_unit_is_sound():
    """As systemd reads it, and how exposed it finds it."""
    unit = os.path.join(house.TOP, "systemd/faced.service")
    r = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                       capture_output=True, text=True)
    level = float(re.search(r"Overall exposure level for faced.service: ([\d.]+)",
                            r.stdout).group(1))
    assert level <= 1.5, r.stdout
    for name, words in (("README.md", f"exposure {level})"), ("docs/operations.md", f"says {level}.")):
        assert words in open(os.path.join(house.TOP, name)).read(), f"{name} has another figure"
    assert "unknown" not in r.stderr.lower(), r.stderr
    text = open(unit).read()
    for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "WatchdogSec=30",
                 "Restart=on-failure", "RestartPreventExitStatus=78", "StateDirectory=faced"):
        assert line in text
    # What is said to be enough is not more than may be used.
    needed = int(re.search(r" 160 \+ 63 \* 30 = (\d+) MB", text, re.M).group(1))
    assert needed == 160 + 63 * 30
    assert needed * 10**6 <= int(re.search(r"^MemoryMax=(\d+)M$", text, re.M).group(1)) << 20


def test_bash_completes(tmp_path):
    """The completion as bash runs it."""
    script = ('source docs/completion/facectl; COMP_WORDS=({}); COMP_CWORD={}; _facectl; '
              'printf "%s\\n" "${{COMPREPLY[@]}}"')

    def complete(*words):
        out = subprocess.run(["bash", "-c", script.format(" ".join(f"'{w}'" for w in words),
                                                          len(words) - 1)],
                             cwd=house.TOP, capture_output=True, text=True, check=True).stdout
        return out.split()
    assert complete("facectl", "eve") == ["events"]
    assert complete("facectl", "erase", "--s") == ["--since"]
    assert complete("facectl", "events", "--gender", "f") == ["female"]
