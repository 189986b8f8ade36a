#!/usr/bin/python3
"""rtpcam: a camera that plays a real clip and does it badly, on loopback.

    rtpcam.py MODE [--port N] [--every N] CLIP [CLIP]

CLIP is a raw H.264 file with one slice a picture and parameter sets before each key frame, as
`ffmpeg -c:v libx264 -x264-params slices=1:repeat-headers=1 -bf 0 -f h264` writes it; it is played
over and over at 25 pictures a second, interleaved or over UDP, as the client wants it.

    plain       as it should be
    one-frame   closes the connection after the first picture
    new-sps     from each key frame to the next, by turns, from one clip and from the other
    new-type    the payload type changes with each key frame, and the SDP knows one of them
    gaps        every N-th packet is missing, and its number with it
    reorder     every N-th packet comes after the one that follows it
    duplicate   every N-th packet comes twice
    no-key      the key frames are left out
    endless     fragments of one picture without an end, as fast as they are read
    drip-play   after PLAY one byte a second of a packet
    no-ports    over UDP it does not say from which ports it sends, as RFC 2326 allows

Standard output: as fakecam's; besides `closed N` when a connection has ended, after N packets.
"""
import argparse
import re
import socket
import struct
import threading

from fakecam import Client, STOP, say

SIZE = 1200  # of a packet's payload at most
STEP = 3600  # of the clock of 90 kHz, from picture to picture
IDR, SEI, SPS, PPS = 5, 6, 7, 8


def pictures(file):
    """Of each picture its NAL units, parameter sets included."""
    with open(file, "rb") as f:
        units = [u for u in re.split(rb"\x00\x00\x00?\x01", f.read()) if u]
    found, current = [], []
    for unit in units:
        if unit[0] & 31 == SEI:
            continue
        current.append(unit)
        if unit[0] & 31 in (1, IDR):
            found.append(current)
            current = []
    return found


def is_key(picture):
    return picture[-1][0] & 31 == IDR


def groups(file):
    """The clip's pictures, from each key frame to the next."""
    found = []
    for picture in pictures(file):
        if is_key(picture) or not found:
            found.append([])
        found[-1].append(picture)
    return found


def payloads(picture):
    """RFC 6184: units as they are, or fragments (FU-A) of them; the last ends the picture."""
    for unit in picture:
        if len(unit) <= SIZE:
            yield unit, unit is picture[-1]
            continue
        body = unit[1:]
        for at in range(0, len(body), SIZE):
            last = at + SIZE >= len(body)
            head = bytes([unit[0] & 0xE0 | 28, unit[0] & 31 | (0 if at else 0x80) | last << 6])
            yield head + body[at:at + SIZE], last and unit is picture[-1]


class Camera(Client):
    def __init__(self, sock, mode, clips, every):
        super().__init__(sock, mode)
        self.clips, self.every = clips, every
        self.udp, self.to = None, None
        self.number, self.time, self.sent, self.kind = 0, 0, 0, 96
        self.held = None
        self.writing = threading.Lock()
        self.over = threading.Event()

    def setup(self, headers):
        ports = re.search(r"client_port=(\d+)", headers.get("transport", ""))
        if ports:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.to = (self.sock.getpeername()[0], int(ports[1]))
            way = "RTP/AVP;unicast;client_port=%d-%d" % (self.to[1], self.to[1] + 1)
            if self.mode != "no-ports":
                own = self.udp.getsockname()[1]
                way += ";server_port=%d-%d" % (own, own + 1)
        else:
            way = "RTP/AVP/TCP;unicast;interleaved=0-1"
        self.answer(headers, extra=("Transport: " + way, "Session: 1;timeout=60"))

    def play(self, headers):
        self.answer(headers, extra=("Session: 1", "Range: npt=0-"))
        threading.Thread(target=self.stream, daemon=True).start()
        return True

    def write(self, rtp):
        self.sent += 1
        if self.udp:
            self.udp.sendto(rtp, self.to)
            return
        with self.writing:
            self.sock.sendall(b"$\0" + struct.pack(">H", len(rtp)) + rtp)

    def packet(self, payload, marker):
        self.number += 1
        rtp = struct.pack(">BBHII", 0x80, self.kind | marker << 7, self.number & 0xFFFF,
                          self.time & 0xFFFFFFFF, 7) + payload
        turn = self.number % self.every == 0
        if self.mode == "gaps" and turn:
            return
        if self.mode == "reorder" and turn and not self.held:
            self.held = rtp
            return
        self.write(rtp)
        if self.mode == "duplicate" and turn:
            self.write(rtp)
        if self.held:
            held, self.held = self.held, None
            self.write(held)

    def picture(self, picture):
        for payload, last in payloads(picture):
            self.packet(payload, last)
        self.time += STEP
        self.over.wait(STEP / 90000)

    def endless(self):
        unit = bytes([0x7C, IDR | 0x80])
        while not self.over.is_set():
            self.packet(unit + bytes(60000), 0)
            unit = bytes([0x7C, IDR])

    def drip(self):
        for byte in b"$\0\xff\xff" + bytes(65535):
            self.sock.sendall(bytes([byte]))
            if self.over.wait(1):
                return

    def clip(self):
        turn = 0
        while not self.over.is_set():
            for k in range(len(self.clips[0])):
                clip = self.clips[turn % len(self.clips)] if self.mode == "new-sps" \
                    else self.clips[0]
                turn += 1
                if self.mode == "new-type":
                    self.kind = 96 + turn % 2
                for n, picture in enumerate(clip[k % len(clip)]):
                    if self.over.is_set() or (self.mode == "one-frame" and n == 2):
                        return
                    if self.mode != "no-key" or not is_key(picture):
                        self.picture(picture)

    def stream(self):
        try:
            {"endless": self.endless, "drip-play": self.drip}.get(self.mode, self.clip)()
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client went away

    def run(self):
        super().run()
        self.over.set()
        say("closed %d" % self.sent)


MODES = ("plain one-frame new-sps new-type gaps reorder duplicate no-key endless "
         "drip-play no-ports").split()


def main():
    parser = argparse.ArgumentParser(description="a camera that plays a clip badly")
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("clip", nargs="+")
    args = parser.parse_args()
    clips = [groups(c) for c in args.clip]
    server = socket.create_server(("127.0.0.1", args.port))
    say("ready %d" % server.getsockname()[1])
    while not STOP.is_set():
        sock, _ = server.accept()
        threading.Thread(target=Camera(sock, args.mode, clips, args.every).run,
                         daemon=True).start()


if __name__ == "__main__":
    main()
