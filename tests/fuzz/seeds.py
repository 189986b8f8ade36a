#!/usr/bin/python3
"""What the fuzzer begins with, where it would take hours to come upon it: seeds.py FOLDER

Everything is made here or is the project's own; each target's files go to FOLDER/TARGET.
"""
import glob
import os
import struct
import sys

import cv2
import numpy as np

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def urls():
    for s in ("hunter2\np@ss:w/rd\nrtsp://viewer:hunter2@192.0.2.7:554/x?u=hunter2",
              "a b%\npa%ss\nxx mqtts://u:a%20b%25@[2001:db8::7]:8883 http://h/#@",
              "abc\nabc\nrtsp://abc:abc@abc/abcabcab", "\n\nrtsp://u:p\n@q@h/ http://", "é€\nä\nx://é€@h"):
        yield s.encode()


def configurations():
    with open(os.path.join(TOP, "config", "faced.conf"), "rb") as f:
        whole = f.read()
    yield b"\0" + whole
    yield b"\0" + b"\n".join(line.replace(b"#", b"", 1) for line in whole.splitlines()
                             if b"=" in line or b"{" in line or b"}" in line or b")" in line)[:2000]
    for s in ('cameras: ({ name = "door"; url = "rtsp://v:${env:FUZZ}@192.0.2.7/s"; fps = 5; });',
              'node = "n"; mqtt: { urls = ["mqtt://a:1", "mqtts://[::1]"]; password = "$${x"; };'
              ' http: { listen = "[::1]:80"; photo = false; }; cameras: ();',
              'defaults: { min_face = 20; zones = ["0,0, 0.5,0, 0.5,1"]; decode = "keyframes"; };'
              'cameras: ({ name = "a"; url = "clip.mp4"; pace = "max"; loop = true; masks = '
              '["0,0,1,0,1,1"]; });',
              'database: { path = "/x"; retention = "90d"; max_size = "2G"; }; cameras: '
              '({ name = "w"; url = "/dev/video0"; enabled = false; transport = "udp"; });',
              'track: { confirm = 3; lost = "3s"; }; privacy: { store_crops = true; }; '
              'models: { dir = "/m"; detector = "yunet"; }; cameras = "x";'):
        for flags in (0, 7):
            yield bytes([flags]) + s.encode()


def commands():
    topic = b"faced/node/door/enabled/set\n"
    yield topic + b"ON\n" + b'{"command":"status"}\n'
    yield topic + b"OFF\n" + b'{"command":"erase","camera":"door","since_us":1,"until_us":2}\n'
    yield b"faced/node//enabled/set\nON\n" + b'{"command":"prune"}\n'
    yield b"faced/node/d/enabled/set\non\n" + b'{"command":["\\ud800"],"camera":{"a":[1e999]}}\n'


def cards():
    for path in sorted(glob.glob(os.path.join(TOP, "models", "*.json"))):
        with open(path, "rb") as f:
            content = f.read()
        yield (b"\1" if "calibration" in path else b"\0") + content


def detections():
    one = struct.pack("<7f", 0, 1, 0.9, 0.1, 0.1, 0.4, 0.5)
    odd = struct.pack("<7f", 0, 1, float("nan"), float("inf"), -1e38, 3e38, 0)
    for what in range(4):
        head = bytes([what]) + struct.pack("<HHB", 639, 479, 128)
        yield head + b"\2" + one + odd
        yield head + struct.pack("<16f", *[0.9, 0.8, 0.1, -0.1, 0.5, 0.5] + [0.3] * 10) * 3
        yield bytes([what]) + struct.pack("<HHB", 16383, 20, 0) + b"\3" + odd * 3


def lives():
    face = bytes([1, 20, 20, 10, 12])
    yield b"\2" + b"".join(bytes([0, 5, 1]) + face for _ in range(8)) + bytes([4, 100, 4, 100])
    yield b"\2" + bytes([6, 128, 2, 224, 1]) + b"".join(
        bytes([0, 5, 2]) + face + bytes([3, 20, 20, 10, 12]) for _ in range(6)) + bytes([5, 1, 0])
    yield b"\1" + bytes([0, 5, 1]) + face + bytes([2, 5, 3, 5, 1, 5, 0, 0, 30, 30, 1]) + face
    yield b"\0" + bytes([0, 0xc0, 1]) + face + bytes([0, 0xff, 0, 0, 0, 128, 1]) + face
    yield b"\2" + bytes([0, 5, 0xff]) + bytes(range(256)) * 3


def pictures():
    y, x = np.mgrid[0:24, 0:32]
    p = np.stack([x * 8, y * 10, x * y % 256], axis=2).astype(np.uint8)
    for kind in (".jpg", ".png", ".bmp", ".tiff", ".webp"):
        data = cv2.imencode(kind, p)[1].tobytes()
        yield data
        yield data[:len(data) * 2 // 3]
        if kind == ".jpg":  # held upside down, and a size that is not true
            exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"
            yield data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
            at = data.index(b"\xff\xc0")
            yield data[:at + 5] + struct.pack(">HH", 65535, 65535) + data[at + 9:]
    yield b"GIF89a\2\0\2\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\2\0\2\0\0\2\2\x84\x51\0;"
    yield b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def requests():
    for what in (b"GET /", b"GET /api/v1/status", b"GET /api/v1/faces?limit=5&since=1h&format=csv",
                 b"GET /api/v1/audience?by=hour&since=2d", b"GET /api/v1/export?after=0&limit=9",
                 b"POST /api/v1/login", b"GET /api/v1/cameras/door/picture", b"GET /metrics",
                 b"GET /api/v1/cameras/behind-the-door/picture?width=64", b"POST /api/v1/logout",
                 b"GET /api/v1/cameras/door/view", b"GET /api/v1/session", b"GET /api/v1/cameras",
                 b"GET /api/v1/events", b"POST /api/v1/photo", b"HEAD /healthz", b"GET /%2e%2e/%00"):
        for how in (b"\0", b"\2", b"\6"):
            yield how + what + b"\nContent-Type: application/json\n\n{\"password\":\"x\"}"
    yield b"\1GET / HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Basic OmE=\r\n\r\n"
    yield (b"\1POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nCookie: faced_session=00\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    yield b"\0GET /readyz\nX-Forwarded-For: 1.2.3.4, ::1\nIf-None-Match: \"a\"\n\n"


def bodies():
    """Of each kind of message one that is as it should be, but for what it begins with."""
    return {1: bytes(8) + struct.pack("<iI6I", 500, 3, *range(6)), 2: struct.pack("<i", 0),
            3: struct.pack("<4xi", 3),
            4: b"camera.example".ljust(256, b"\0") + struct.pack("<i", 554),
            5: struct.pack("<i", 2), 6: struct.pack("<iiI", 5000, 5001, 4) + b"RTCP",
            7: struct.pack("<ii", 0, 40),
            8: struct.pack("<i", 1) + b"camera".ljust(16, b"\0") + b"a line\0",
            9: struct.pack("<4x?7xdq", True, 25.0, 0), 10: b"h264 1920x1080\0",
            11: struct.pack("<4xii5i4xqqqiii4xq", 1, 0, 0, 320, 180, 1, 1, 11, 22, 9, 2, 1, 160, 5),
            12: struct.pack("<4x7Q", *range(7)) + bytes(8) + b"\1\0software\0",
            13: struct.pack("<ii", 10, -5) + b"it is over\0"}


def messages():
    """As they should be, then not; see fuzz_wire.c."""
    def message(how, kind, body):
        return struct.pack("<BBH", how, kind, len(body)) + body

    for kind, body in bodies().items():
        yield message(0, kind, body)
        yield message(2, kind, body) + message(1, kind, body)
        yield message(0x80, kind, body) + message(0, kind, b"\xff" * 40)
    yield b"".join(message(0, kind, body) for kind, body in bodies().items())
    odd = b"\x1b[2J\xc2\x85\xff".ljust(16, b"x") + b"a\nb\xe2\x80\0"
    yield message(0, 8, struct.pack("<i", 0) + odd)


def sessions():
    """See fuzz_host.c: whether it is stopped, how it leaves, what it says before."""
    def message(kind, body):
        return struct.pack("<BBB", kind | 0x20, len(body) & 255, len(body) >> 8) + body

    picture = bytes([0x60 | 11, 0, 0, 0, 0, 0, 80, 90, 2, 40, 1])
    usual = b"".join(message(k, b) for k, b in bodies().items() if k in (3, 4, 7, 8, 9, 10, 12))
    for first in (b"\0\0", b"\0\1", b"\1\1"):
        yield first + usual + picture
        yield first + picture + picture + usual
        yield first + b"".join(picture[:3] + bytes([i]) + picture[4:] for i in range(7))
    for kind, body in bodies().items():
        yield b"\0\1" + message(kind, body) + usual


def shelves():
    """Steps as in fuzz_shelf.c: a description; an honest picture; both, with what may go wrong."""
    lie = (bytes([0, 0, 0, 0]) + bytes([64]) + bytes([48]) + b"\1\1" + b"\0\5\0" * 3
           + bytes([2, 2]) + bytes([32, 3]) + b"\0\7\0" * 3)
    big = (bytes([0, 1, 4, 0]) + b"\x80\0\x20" + b"\x80\0\x12" + b"\1\1" + b"\0\5\0" * 3
           + bytes([32, 18]) + b"\x80\0\1" + b"\0")
    honest = bytes([1, 0, 40, 30]) + bytes(range(41)) + struct.pack("<ii", 11, 22)
    yield lie + bytes([3, 1, 2, 3, 0, 1, 0, 4])
    yield big + bytes([3, 1, 2, 3, 0, 1, 0, 4])
    yield (honest + bytes([3, 9, 9, 9, 1, 0, 0, 2, 0, 0, 0, 8]) + b"scribble" + bytes([4, 5])
           + honest)
    yield lie + bytes([6, 4, 6, 5]) + honest * 7 + bytes([4, 4, 5]) + honest + bytes([0xff, 4, 4])
    yield honest + bytes([0xff]) + honest + lie + bytes([4])
    for fmt in range(0, 240, 9):
        yield bytes([0, 2, fmt]) + lie[3:] + bytes([3, 1, 2, 3, 0, 1, 0])


def settings():
    whole = (b'{"name":"door","url":"rtsp://v:p@192.0.2.7/s","shown":"rtsp://v:***@192.0.2.7/s",'
             b'"fps":5.0,"transport":0,"pace":0,"decode":0,"hwaccel":"none","enough":0}')
    yield b"\0" + whole
    yield b"\0" + whole.replace(b"5.0", b"1e999").replace(b'"none"', b'"' + b"x" * 200 + b'"')
    yield b"\0" + whole.replace(b'"door"', b'"\\u0000"').replace(b":0", b":-1")
    yield b"\0" + whole[:-20]
    numbers = bytes([1, 0, 1, 2]) + struct.pack("<HQ", 9999, 1 << 63)
    yield numbers + b"door\nvaapi\nclip\nrtsp://\xc3\xa9:\"\\@h/\xff"
    yield numbers + b"d" * 40 + b"\n" + "é".encode() * 80 + b"\n\n"


def edits(kinds):
    """For a target that changes something whole: what, then where and by what, over and over."""
    for kind in range(kinds):
        yield bytes([kind])
        for op in range(8):
            yield bytes([kind]) + b"".join(
                struct.pack("<BHBB", op, 97 * i % 65536, i * 37 % 256, 4) + b"\xff\0\x7f\x80"
                for i in range(5))


SEEDS = {"url": urls, "conf": configurations, "command": commands, "card": cards,
         "detector": detections, "tracker": lives, "upload": pictures, "http": requests,
         "wire": messages, "host": sessions, "shelf": shelves, "settings": settings,
         "database": lambda: edits(2), "stream": lambda: edits(3)}

for target, make in SEEDS.items():
    os.makedirs(os.path.join(sys.argv[1], target), exist_ok=True)
    for i, data in enumerate(make()):
        with open(os.path.join(sys.argv[1], target, f"seed-{i:02}"), "wb") as f:
            f.write(data)
