"""What the compiler and the linker were asked for is in the programs."""

import os
import re
import subprocess

import pytest

import house

PROGRAMS = ("faced", "facectl")


def elf(option, program):
    return subprocess.run(["readelf", "-W", option, house.tool(program)], capture_output=True,
                          text=True, check=True).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_lies_anywhere_and_its_tables_are_closed(program):
    assert re.search(r"Type:\s+DYN", elf("-h", program))
    segments = elf("-l", program)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK\s.* RW ", segments)  # no code on the stack
    assert not re.search(r"LOAD\s.* (?:RWE|WE)\b", segments)
    dynamic = elf("-d", program)
    assert "BIND_NOW" in dynamic and "PIE" in dynamic
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic and "TEXTREL" not in dynamic


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.skipif(os.environ.get("FACED_MODE", "release") != "release",
                    reason="a sanitizer takes the place of these checks")
def test_writing_beyond_is_noticed(program):
    symbols = elf("--dyn-syms", program)
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__(memcpy|snprintf|vsnprintf|memset|read)_chk", symbols)


@pytest.mark.skipif(house.FACED_MODE == "asan", reason="a sanitizer lays out frames of its own")
def test_large_stack_frames_touch_each_page():
    """-fstack-clash-protection leaves no trace in an executable but its own line of the build."""
    flags = subprocess.run(["make", "-n", "-B", f"OUT={house.BUILD}", "V=1",
                            f"{house.BUILD}/release/daemon/base/mem.o"], capture_output=True,
                           text=True, check=True,
                           env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"}).stdout
    for flag in ("-fstack-clash-protection", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"):
        assert flag in flags
