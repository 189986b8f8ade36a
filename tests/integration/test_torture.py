"""The short form of make torture; tests/torture says what it does."""
import os
import re
import subprocess

import pytest

import house

# A sanitizer brings an allocator of its own, and is too slow for what counts its allocations.
PARTS = ["kills", "states"] if house.FACED_MODE == "asan" else ["faults", "kills", "power", "states"]


@pytest.mark.parametrize("part", PARTS)
def test_short(part):
    r = subprocess.run(["/usr/bin/python3", os.path.join(house.TOP, "tests/torture"), "--short",
                        "--only", part], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, cwd=house.TOP)
    print(r.stdout)
    assert r.returncode == 0
    assert re.search(r"^[1-9]\d* passed, 0 failed", r.stdout, re.M)
