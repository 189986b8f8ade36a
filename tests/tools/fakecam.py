#!/usr/bin/python3
"""fakecam: a camera that misbehaves, byte by byte, on loopback.

    fakecam.py MODE [--port N] [--to URL]

    mute        takes the connection and never says a word
    mute-play   plays by the book up to the answer to PLAY, then silence
    drip        one byte of its first answer every 50 ms
    trickle     one byte a second of its first answer, for ever
    redirect    sends the client on to file:///etc/passwd
    redirect-http   sends it on to an http:// address
    redirect-to     sends it on to URL
    garbage     answers with 64 KiB that are no RTSP
    huge        announces a session description of a gigabyte
    gigabyte    announces a session description of a gigabyte, and sends it
    unauthorized    401, whatever the password
    audio       a session that has sound and no video
    hangup      closes each connection at once
    cut         plays one packet of H.264 that makes no picture, then closes
    mime        HTTP: a page of HTML instead of a video
    playlist    HTTP: a play list that leads to a local file

Standard output: `ready PORT`, then a line per request, `DESCRIBE` ... It runs until SIGTERM. Each
connection has its own thread.
"""

import argparse
import random
import socket
import struct
import sys
import threading

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=fake\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "a=control:*\r\n{media}"
)
VIDEO = (
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)
AUDIO = "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:track1\r\n"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Client:
    def __init__(self, sock, mode):
        self.sock = sock
        self.mode = mode
        self.buffer = b""

    def request(self):
        """The next request's method and headers; interleaved data is passed over."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(4096)
            if not data:
                return None, {}
            self.buffer += data
            while self.buffer[:1] == b"$" and len(self.buffer) >= 4:
                size = 4 + struct.unpack(">H", self.buffer[2:4])[0]
                if len(self.buffer) < size:
                    break
                self.buffer = self.buffer[size:]
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (l.partition(":") for l in lines[1:])}
        return lines[0].split(" ")[0], headers

    def answer(self, headers, status="200 OK", extra=(), body="", length=None):
        lines = ["RTSP/1.0 " + status, "CSeq: " + headers.get("cseq", "1"), *extra]
        if body or length is not None:
            lines.append("Content-Length: %d" % (len(body) if length is None else length))
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        if self.mode == "drip":
            for byte in text.encode():
                self.sock.sendall(bytes([byte]))
                if STOP.wait(0.05):
                    return
        else:
            self.sock.sendall(text.encode())

    def trickle(self):
        while not STOP.wait(1):
            self.sock.sendall(b"R")

    def gigabyte(self, headers):
        self.answer(headers, extra=("Content-Type: application/sdp",), length=2**30)
        for _ in range(2**10):
            self.sock.sendall(bytes(2**20))

    def wait_for_end(self):
        while self.sock.recv(4096):
            pass

    def describe(self, headers):
        base = ("Content-Base: rtsp://127.0.0.1/", "Content-Type: application/sdp")
        media = AUDIO if self.mode == "audio" else VIDEO
        length = 2**30 if self.mode == "huge" else None
        self.answer(headers, extra=base, body=SDP.format(media=media), length=length)

    def setup(self, headers):
        self.answer(headers, extra=(
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"))

    def play(self, headers):
        self.answer(headers, extra=("Session: 1", "Range: npt=0-"))
        if self.mode == "cut":
            rtp = struct.pack(">BBHII", 0x80, 0xE0, 1, 0, 1) + bytes([0x41, 0x9A, 0x00])
            self.sock.sendall(b"$\0" + struct.pack(">H", len(rtp)) + rtp)
            return False
        return True

    def http(self):
        body, kind = "<html><body>welcome</body></html>", "text/html"
        if self.mode == "playlist":
            body, kind = PLAYLIST, "application/vnd.apple.mpegurl"
        self.sock.sendall((
            "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
            "Connection: close\r\n\r\n%s" % (kind, len(body), body)).encode())

    def handle(self, method, headers):
        """False: this connection has ended."""
        if self.mode in REDIRECTS:
            self.answer(headers, "302 Found", extra=("Location: " + REDIRECTS[self.mode],))
        elif self.mode == "trickle":
            self.trickle()
        elif self.mode == "garbage":
            self.sock.sendall(random.Random(1).randbytes(65536))
        elif self.mode == "unauthorized":
            self.answer(headers, "401 Unauthorized",
                        extra=('WWW-Authenticate: Basic realm="fake"',))
        elif self.mode in ("mime", "playlist"):
            self.http()
            return False
        elif method == "DESCRIBE" and self.mode == "gigabyte":
            self.gigabyte(headers)
        elif method == "DESCRIBE":
            self.describe(headers)
        elif method == "SETUP":
            self.setup(headers)
        elif method == "PLAY":
            return self.play(headers)
        else:
            self.answer(headers, extra=("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN",))
        return True

    def run(self):
        with self.sock:
            try:
                if self.mode == "hangup":
                    return
                if self.mode == "mute":
                    self.wait_for_end()
                    return
                while True:
                    method, headers = self.request()
                    if not method:
                        return
                    say(method)
                    if not self.handle(method, headers):
                        return
            except OSError:
                pass  # the client went away


STOP = threading.Event()
REDIRECTS = {"redirect": "file:///etc/passwd", "redirect-http": "http://127.0.0.1:9/x",
             "redirect-to": None}
MODES = [*REDIRECTS, *("trickle gigabyte mute mute-play drip garbage huge unauthorized audio "
                       "hangup cut mime playlist").split()]


def main():
    parser = argparse.ArgumentParser(description="a camera that misbehaves")
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--to", metavar="URL")
    args = parser.parse_args()
    REDIRECTS["redirect-to"] = args.to
    server = socket.create_server(("127.0.0.1", args.port))
    say("ready %d" % server.getsockname()[1])
    while True:
        sock, _ = server.accept()
        threading.Thread(target=Client(sock, args.mode).run, daemon=True).start()


if __name__ == "__main__":
    main()
