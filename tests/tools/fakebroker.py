#!/usr/bin/python3
"""An MQTT broker that misbehaves as it is told, byte for byte, for one client at a time.

    fakebroker.py [--port N] [BEHAVIOUR ...]

Each BEHAVIOUR is a JSON object for one connection, in the order in which they come; the last holds
for all that follow. Keys, all optional:

    v5         speaks MQTT 5 (without properties); else 3.1.1, and hangs up on 5
    puback     {topic's end: reason code} for MQTT 5
    connack    the code in the CONNACK (0); null: CONNECT is never answered
    suback     the code in the SUBACK (0); null: it hangs up on SUBSCRIBE; a list: one
               for each SUBSCRIBE, the last for all that follow
    withhold   numbers of PUBLISH packets of this connection, from 1, that get no PUBACK; or "all"
    mute_after after so many PUBLISH packets nothing is answered any more, not even a ping
    cut_after  after so many PUBLISH packets (and their PUBACKs) the connection is cut
    cut_topic  a PUBLISH whose topic ends with this gets no PUBACK, and the connection is cut
    quit       {topic's end: reason code} for MQTT 5: such a PUBLISH is answered by DISCONNECT alone
    half_after after so many PUBLISH packets the first byte of a PUBACK is sent, and nothing more
    life_s     the connection is cut after so many seconds
    dark_s     after the cut nobody is let in for so long: the port is closed
    after      hexadecimal bytes to send right after the SUBACK
    say        [topic, payload, retained] lists to publish right after the SUBACK, QoS 0

It prints "ready PORT", then one JSON line per packet or event: {"c": connection, "got" or "sent" or
"event": name, ...}. It ends when its standard input does; a line "cut" there cuts the connection.
"""
import argparse
import json
import socket
import struct
import sys
import threading

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
NAMES = {CONNECT: "CONNECT", CONNACK: "CONNACK", PUBLISH: "PUBLISH", PUBACK: "PUBACK",
         SUBSCRIBE: "SUBSCRIBE", SUBACK: "SUBACK", PINGREQ: "PINGREQ", PINGRESP: "PINGRESP",
         DISCONNECT: "DISCONNECT"}
printing = threading.Lock()


def say(**line):
    with printing:
        print(json.dumps(line), flush=True)


class Gone(Exception):
    pass


def packet(kind, body, flags=0):
    length, n = b"", len(body)
    while True:
        n, low = n >> 7, n & 0x7F
        length += bytes([low | (0x80 if n else 0)])
        if not n:
            return bytes([kind << 4 | flags]) + length + body


def text(s):
    raw = s.encode()
    return struct.pack(">H", len(raw)) + raw


class Fields:
    """Reads a packet's body from the front."""

    def __init__(self, body):
        self.body = body

    def take(self, n):
        if len(self.body) < n:
            raise Gone("a packet is shorter than it says")
        head, self.body = self.body[:n], self.body[n:]
        return head

    def number(self, n=2):
        return int.from_bytes(self.take(n), "big")

    def string(self):
        return self.take(self.number()).decode("utf-8", "replace")

    def skip_properties(self):
        """MQTT 5, section 2.2.2: they are of no interest here, but in the way."""
        self.take(self.number(1))


class Connection:
    def __init__(self, sock, number, how):
        self.sock, self.number, self.how = sock, number, how
        self.publishes = self.subscribes = 0
        self.mute = False
        self.none = b"\0" if how.get("v5") else b""  # no properties

    def event(self, name, **more):
        say(c=self.number, event=name, **more)

    def send(self, kind, body, flags=0, **more):
        if self.mute:
            return
        self.sock.sendall(packet(kind, body, flags))
        say(c=self.number, sent=NAMES[kind], **more)

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise Gone("the client closed the connection")
            data += more
        return data

    def read_packet(self):
        head = self.read(1)[0]
        length = shift = 0
        while True:
            byte = self.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return head >> 4, head & 15, Fields(self.read(length))

    def serve(self):
        try:
            while True:
                kind, flags, fields = self.read_packet()
                handler = getattr(self, "on_" + NAMES.get(kind, "?").lower(), None)
                if handler:
                    handler(flags, fields)
                else:
                    say(c=self.number, got=NAMES.get(kind, kind))
        except (Gone, OSError) as e:
            self.event("end", why=str(e))
        finally:
            self.sock.close()

    def on_connect(self, _flags, f):
        protocol, level, bits, keepalive = f.string(), f.number(1), f.number(1), f.number()
        if (level == 5) != bool(self.how.get("v5")):
            self.event("version", level=level)
            raise Gone("another version of MQTT")
        if level == 5:
            f.skip_properties()
        got = {"protocol": protocol, "level": level, "clean": bool(bits & 2),
               "keepalive": keepalive, "client_id": f.string()}
        if bits & 4 and level == 5:
            f.skip_properties()
        if bits & 4:
            got["will"] = {"topic": f.string(), "payload": f.string(),
                           "qos": bits >> 3 & 3, "retain": bool(bits & 32)}
        if bits & 128:
            got["username"] = f.string()
        if bits & 64:
            got["password"] = f.string()
        say(c=self.number, got="CONNECT", **got)
        code = self.how.get("connack", 0)
        if code is None:
            self.mute = True
            return
        self.send(CONNACK, bytes([0, code]) + self.none, code=code)
        if code:
            raise Gone("refused")

    def on_subscribe(self, _flags, f):
        mid = f.number()
        if self.none:
            f.skip_properties()
        filters = []
        while f.body:
            filters.append([f.string(), f.number(1)])
        say(c=self.number, got="SUBSCRIBE", mid=mid, filters=filters)
        code = self.how.get("suback", 0)
        if isinstance(code, list):
            code = code[min(self.subscribes, len(code) - 1)]
        self.subscribes += 1
        if code is None:
            raise Gone("cut")
        self.send(SUBACK, struct.pack(">H", mid) + self.none + bytes([code] * len(filters)))
        for topic, payload, retained in self.how.get("say", []):
            self.send(PUBLISH, text(topic) + payload.encode(), int(bool(retained)), topic=topic)
        if "after" in self.how:
            self.sock.sendall(bytes.fromhex(self.how["after"]))
            self.event("after")

    def on_publish(self, flags, f):
        topic = f.string()
        qos = flags >> 1 & 3
        mid = f.number() if qos else 0
        if self.none:
            f.skip_properties()
        self.publishes += 1
        payload = f.body.decode("utf-8", "replace")
        say(c=self.number, got="PUBLISH", n=self.publishes, mid=mid, topic=topic, qos=qos,
            retain=bool(flags & 1), dup=bool(flags & 8), payload=payload)
        if self.publishes > self.how.get("mute_after", float("inf")):
            self.mute = True
        if self.publishes == self.how.get("half_after"):
            self.sock.sendall(bytes([PUBACK << 4]))
            self.event("half")
            self.mute = True
        if topic.endswith(self.how.get("cut_topic", "\0")):
            raise Gone("cut")
        for end, code in self.how.get("quit", {}).items():
            if topic.endswith(end):
                self.send(DISCONNECT, bytes([code]))
                raise Gone("quit")
        withhold = self.how.get("withhold", [])
        if qos == 1 and withhold != "all" and self.publishes not in withhold:
            codes = [c for t, c in self.how.get("puback", {}).items() if topic.endswith(t)]
            self.send(PUBACK, struct.pack(">H", mid) + bytes(codes), mid=mid)
        if self.publishes == self.how.get("cut_after"):
            raise Gone("cut")

    def on_pingreq(self, _flags, _f):
        say(c=self.number, got="PINGREQ")
        self.send(PINGRESP, b"")

    def on_disconnect(self, _flags, _f):
        say(c=self.number, got="DISCONNECT")

    def cut(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Broker:
    def __init__(self, port, behaviours):
        self.behaviours = behaviours or [{}]
        self.current = None
        self.listener = self.listen(port)
        self.port = self.listener.getsockname()[1]

    @staticmethod
    def listen(port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(5)
        return s

    def run(self):
        print(f"ready {self.port}", flush=True)
        number = 0
        while True:
            sock, _ = self.listener.accept()
            how = self.behaviours[min(number, len(self.behaviours) - 1)]
            number += 1
            self.current = Connection(sock, number, how)
            self.current.event("accepted")
            if how.get("life_s"):
                threading.Timer(how["life_s"], self.current.cut).start()
            self.current.serve()
            if how.get("dark_s"):
                self.listener.close()
                self.current.event("dark", seconds=how["dark_s"])
                threading.Event().wait(how["dark_s"])
                self.listener = self.listen(self.port)
                self.current.event("light")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, default=0)
    p.add_argument("behaviour", nargs="*", type=json.loads)
    args = p.parse_args()
    broker = Broker(args.port, args.behaviour)
    threading.Thread(target=broker.run, daemon=True).start()
    for line in sys.stdin:
        if line.strip() == "cut" and broker.current:
            broker.current.cut()


if __name__ == "__main__":
    main()
