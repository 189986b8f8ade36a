"""Streams that nobody would send: whatever comes of it, the daemon stands, and so do its neighbours.

Each file is a clip of ours with something done to it, from a seed, so that a failure comes again.
"""

import os
import random
import struct
import subprocess

import pytest

import house

pytestmark = pytest.mark.models
AT_ONCE, ROUNDS = 8, 4


def flip(data, draw):
    data = bytearray(data)
    for _ in range(draw.randint(1, 400)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def truncate(data, draw):
    return data[:draw.randrange(64, len(data))]


def reorder(data, draw):
    n = draw.choice((188, 1000, 40000))
    parts = [data[i:i + n] for i in range(0, len(data), n)]
    for _ in range(draw.randint(1, 20)):
        a, b = draw.randrange(len(parts)), draw.randrange(len(parts))
        parts[a], parts[b] = parts[b], parts[a]
    return b"".join(parts)


def repeat(data, draw):
    a = draw.randrange(len(data))
    b = min(len(data), a + draw.randint(1, 20000))
    return data[:b] + data[a:b] * draw.randint(1, 50) + data[b:]


def overwrite(data, draw):
    a = draw.randrange(len(data))
    junk = bytes(draw.choice((0, 0xff, draw.randrange(256))) for _ in range(draw.randint(1, 5000)))
    return data[:a] + junk + data[a + len(junk):]


def splice(data, draw, other):
    """Half of one, half of another: another size or codec in mid-stream."""
    return data[:draw.randrange(len(data))] + other[draw.randrange(len(other)):]


def numbers(data, draw):
    """Lengths and dimensions that are absurd, wherever they may stand."""
    data = bytearray(data)
    for _ in range(draw.randint(1, 30)):
        at = draw.randrange(len(data) - 4)
        data[at:at + 4] = struct.pack(">I", draw.choice((0, 1, 0x7fffffff, 0xffffffff, 16384, 65535)))
    return bytes(data)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The same second of video in every coat that cameras and recorders use."""
    folder = tmp_path_factory.mktemp("originals")
    clip = house.clip("asl-bird.mkv")
    coats = {"a.mkv": "-c copy", "b.mp4": "-c copy", "c.ts": "-c copy", "d.h264": "-c copy",
             "e.mov": "-c:v mjpeg", "f.avi": "-c:v mpeg4", "g.flv": "-c copy",
             "h.h265": "-c:v libx265 -x265-params log-level=none", "i.mpg": "-c:v mpeg2video",
             "j.webm": "-c:v libvpx -b:v 500k -deadline realtime -cpu-used 8"}
    for name, options in coats.items():
        subprocess.run(["ffmpeg", "-v", "error", "-ss", "1", "-t", "2", "-i", clip, "-an",
                        "-vf" if "copy" not in options else "-dn",
                        *(["scale=320:-2"] if "copy" not in options else []),
                        *options.split(), str(folder / name)], check=True, timeout=4 * house.PATIENCE)
    for name in ("resize.h264", "rotten.mp4"):
        os.symlink(house.clip(name), folder / name)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_daemon_outlives_every_stream(running, tmp_path, originals, seed):
    draw = random.Random(seed)
    ways = (flip, truncate, reorder, repeat, overwrite, numbers)
    cameras = {}
    for i in range(AT_ONCE):
        original = draw.choice(originals)
        data = original.read_bytes()
        if draw.random() < 0.2:
            data = splice(data, draw, draw.choice(originals).read_bytes())
        for _ in range(draw.randint(1, 3)):
            data = draw.choice(ways)(data, draw)
        file = tmp_path / f"{i}{original.suffix}"
        file.write_bytes(data[:4_000_000])
        cameras[f"bad-{i}"] = {"url": str(file), "pace": "max"}
    cameras["good"] = {"url": house.clip("asl-bird.mkv"), "pace": "max"}
    daemon = running(house.Daemon(tmp_path, cameras, args=["--once", "0"]))
    assert daemon.wait(6 * house.PATIENCE) in (0, 1)
    daemon.wait_line("database closed")
    people = daemon.rows("SELECT * FROM faces WHERE camera = 'good'")
    assert len(people) == 1 and daemon.integrity() == "ok"
    assert daemon.count(r"camera: good: .*(process|trying again)") == 0
    # A crash of a decoder would be news: libav's, and worth a line to whoever maintains it.
    assert daemon.count(r"crashed|tried what no decoder does") == 0, daemon.text


def sps_of(width, height):
    """An H.264 stream that is no more than its announcement of a picture of this size."""
    bits = []

    def u(value, n):
        bits.extend((value >> i) & 1 for i in range(n - 1, -1, -1))

    def ue(value):
        n = (value + 1).bit_length()
        u(0, n - 1)
        u(value + 1, n)

    u(66, 8), u(0, 8), u(40, 8)
    ue(0), ue(0), ue(2), ue(1), u(0, 1)
    ue(width // 16 - 1), ue(height // 16 - 1), u(1, 1), u(1, 1), u(0, 1), u(0, 1), u(1, 1)
    bits.extend([0] * (-len(bits) % 8))
    raw = bytes(int("".join(map(str, bits[i:i + 8])), 2) for i in range(0, len(bits), 8))
    pps = bytes((0x68, 0xce, 0x38, 0x80))
    idr = bytes((0x65, 0xb8, 0x00, 0x04, 0x00, 0x00, 0x13, 0xff))
    return b"".join(b"\0\0\0\1" + n for n in (b"\x67" + raw, pps, idr)) * 50


@pytest.mark.parametrize("width,height", [(16384, 16384), (65536, 16), (16, 65536), (8192, 4608),
                                          (524288, 524288)])
def test_absurd_sizes_cost_nothing(running, tmp_path, width, height):
    file = tmp_path / "huge.h264"
    file.write_bytes(sps_of(width, height))
    daemon = running(house.Daemon(tmp_path, {"huge": {"url": str(file), "pace": "max"}},
                                  args=["--once", "0"]))
    assert daemon.wait(2 * house.PATIENCE) in (0, 1)
    daemon.wait_line("database closed")
    assert daemon.count("crashed") == 0, daemon.text


def test_headers_without_end(running, tmp_path):
    """A box of MP4 that announces exabytes, and a Matroska whose header never ends."""
    mp4 = struct.pack(">I4s4sII", 20, b"ftyp", b"isom", 0, 0)
    mp4 += struct.pack(">I4sQ", 1, b"moov", 1 << 62) + struct.pack(">I4s", 8, b"free") * 200000
    mkv = bytes.fromhex("1a45dfa301ffffffffffffff") + b"\x42\x86\x81\x01" * 300000
    (tmp_path / "a.mp4").write_bytes(mp4)
    (tmp_path / "b.mkv").write_bytes(mkv)
    daemon = running(house.Daemon(tmp_path, {
        n[0]: {"url": str(tmp_path / n), "pace": "max"} for n in ("a.mp4", "b.mkv")},
        args=["--once", "0"]))
    assert daemon.wait(2 * house.PATIENCE) == 1
    assert daemon.count("^error camera: [ab]: ") == 2
