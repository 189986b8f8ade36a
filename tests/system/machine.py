"""A Debian of its own, booted by systemd in a container, in which the package is tried.

The root is made once by debootstrap, with what faced's package depends on, and kept; each machine
runs on an overlay that is thrown away. Its network is its own and has a loopback only. The tests
join that network, so that broker, cameras and subscribers of the scenarios run as ever, beside the
machine and not in it.
"""
import ctypes
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../integration"))
import house  # noqa: E402

MIRROR = "http://deb.debian.org/debian"
PACKAGES = "systemd,systemd-sysv,dbus,ca-certificates,procps"
PATIENCE = 120


def run(argv, **keys):
    r = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL, **keys)
    return r


def must(argv, **keys):
    r = run(argv, **keys)
    assert r.returncode == 0, f"{argv} -> {r.returncode}\n{r.stdout}"
    return r.stdout


def debs(out):
    found = sorted(glob.glob(os.path.join(out, "faced_*.deb")) +
                   glob.glob(os.path.join(out, "faced-models_*.deb")))
    assert len(found) == 2, f"not two packages in {out}: {found}"
    return found


def field(deb, name):
    return must(["dpkg-deb", "-f", deb, name]).strip()


def make_root(out):
    """The cached root for packages with these dependencies."""
    wanted = PACKAGES + field(debs(out)[0 if "models" not in debs(out)[0] else 1], "Depends")
    key = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    root = os.path.join(out, "system", f"root-{key}")
    if os.path.isdir(root):
        return root
    new = root + ".new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(os.path.dirname(root), exist_ok=True)
    print("making a Debian root; it is kept for the next time", flush=True)
    must(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", new, MIRROR])
    shutil.copy("/etc/resolv.conf", os.path.join(new, "etc/resolv.conf"))
    for deb in debs(out):
        shutil.copy(deb, new)
    names = [f"/{os.path.basename(d)}" for d in debs(out)]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    must(["chroot", new, "apt-get", "install", "-y", "--no-install-recommends"] + names, env=env)
    must(["chroot", new, "apt-get", "purge", "-y", "faced", "faced-models"], env=env)
    must(["chroot", new, "apt-get", "clean"])
    for n in names:
        os.unlink(new + n)
    os.rename(new, root)
    return root


class Machine:
    """A booted machine. run() is a command in it, by root."""

    def __init__(self, out):
        self.dir = tempfile.mkdtemp(prefix="faced-system-")
        self.root = os.path.join(self.dir, "root")
        for d in ("root", "upper", "work"):
            os.mkdir(os.path.join(self.dir, d))
        must(["mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={make_root(out)},upperdir={self.dir}/upper,workdir={self.dir}/work",
              self.root])
        self.nspawn = house.Process([
            "systemd-nspawn", "--quiet", "-D", self.root, "-M", f"faced-test-{os.getpid()}", "-b",
            "--private-network", "--register=no", "--keep-unit", "--console=pipe",
            "--link-journal=no"])
        self.leader = self._leader()
        self.wait(lambda: self.run("systemctl", "is-system-running", check=False).strip() in
                  ("running", "degraded"), "a booted system")

    def _leader(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.nspawn.p.poll() is None:
            path = f"/proc/{self.nspawn.p.pid}/task/{self.nspawn.p.pid}/children"
            children = open(path).read().split()
            if children and os.readlink(f"/proc/{children[0]}/exe").endswith("/systemd"):
                return int(children[0])
            threading.Event().wait(0.05)
        raise AssertionError(f"nothing was booted:\n{self.nspawn.text}")

    def join_network(self):
        """This process and all that it starts from now on; the loopback is already up in it."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self.leader}/ns/net") as f:
            assert libc.setns(f.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())

    def run(self, *argv, check=True, env=()):
        r = run(["nsenter", "-t", str(self.leader), "-a", "/usr/bin/env", "-i",
                 "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *env, *argv])
        assert not check or r.returncode == 0, f"{argv} -> {r.returncode}\n{r.stdout}"
        return r.stdout

    def wait(self, predicate, what, timeout=PATIENCE):
        """There is nobody who tells when a unit has changed to a test outside: it is asked."""
        deadline = time.monotonic() + timeout
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} in {timeout} s\n{self.journal()[-4000:]}")
            threading.Event().wait(0.1)

    def path(self, name):
        return os.path.join(f"/proc/{self.leader}/root", name.lstrip("/"))

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def drop_in(self, name, text):
        self.write(f"/etc/systemd/system/faced.service.d/{name}.conf", "[Service]\n" + text)
        self.run("systemctl", "daemon-reload")

    def remove_drop_ins(self):
        shutil.rmtree(self.path("/etc/systemd/system/faced.service.d"), ignore_errors=True)
        self.run("systemctl", "daemon-reload")

    def show(self, what):
        return self.run("systemctl", "show", "-P", what, "faced.service").strip()

    def journal(self, *options):
        return self.run("journalctl", "-o", "cat", "--no-pager", *options, check=False)

    def cursor(self):
        """The journal from now on: pass it as --after-cursor."""
        out = self.run("journalctl", "-n", "1", "--show-cursor", "-o", "cat", "--no-pager")
        return "--after-cursor=" + out.split("-- cursor: ")[1].strip()

    def wait_journal(self, pattern, since, timeout=PATIENCE):
        import re
        return self.wait(lambda: re.search(pattern, self.journal(since)), f"/{pattern}/ in the "
                         "journal", timeout)

    def install(self, *packages, options=()):
        for p in packages:
            shutil.copy(p, self.path("/root"))
        names = [f"/root/{os.path.basename(p)}" for p in packages]
        return self.run("dpkg", *options, "-i", *names, env=["DEBIAN_FRONTEND=noninteractive"])

    def close(self):
        self.run("systemctl", "poweroff", check=False)
        try:
            self.nspawn.wait(60)
        except AssertionError:
            pass
        run(["umount", self.root])
        shutil.rmtree(self.dir, ignore_errors=True)
