"""What every scenario of the whole program shares; each folder's conftest.py takes it over."""

import os
import subprocess

import pytest

import house


def skip_without_models(items):
    """Without models what needs them is skipped, with the reason that make-models gave."""
    reason = os.environ.get("FACED_NO_MODELS")
    for item in items:
        if reason and item.get_closest_marker("models"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def running():
    """running(process) is stopped at the test's end, whatever happened; hang-overs are killed."""
    started = []

    def keep(p):
        started.append(p)
        return p

    yield keep
    for p in reversed(started):
        if isinstance(p, house.Subscriber):
            p.close()
        elif p.p.poll() is None:
            p.p.kill()
            p.p.wait()


@pytest.fixture
def small_disk(request, tmp_path):
    """A file system with little room, 3 MB or what the test asks for; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    size = getattr(request, "param", "3m")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)
