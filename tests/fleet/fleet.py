"""Three faced hosts, three brokers, a subscriber, and the judge of what came of them."""
import json
import os
import threading
import time

import house

LOOP = {"pace": "real", "loop": True}


class Host(house.Daemon):
    """faced on a machine of its own, with an endless clip of four people."""

    def __init__(self, machine, directory, urls, node=None):
        os.makedirs(directory, exist_ok=True)
        self.machine, self.urls = machine, urls
        self.node = node or machine.name
        self.nodes = {self.node}
        self.keys = {"url": house.media_of("classroom"), **LOOP}
        self.extra = "mqtt: { urls = " + house.value(urls) + '; camera_down_after = "0s"; };'
        super().__init__(directory, {"room": self.keys}, extra=self.extra, node=self.node,
                         start=False)

    def rename(self, node):
        """Its configuration says so; it counts from the next start."""
        self.node = node
        self.nodes.add(node)
        self.configure({"room": self.keys}, extra=self.extra, node=node)

    def moved(self, machine, directory):
        """The machine dies, and its disk is put into another one."""
        self.p.kill()
        self.wait()
        os.rename(self.directory, directory)
        return Host(machine, directory, self.urls, self.node)

    @property
    def epoch(self):
        return self.rows("SELECT epoch FROM meta")[0]["epoch"]

    def start(self):
        house.Process.__init__(self, self.machine.run([house.tool("faced"), "-c", self.conf]),
                               env={"FACED_MODELS": house.MODELS})
        return self

    def waiting(self):
        return self.rows("SELECT count(*) AS n FROM outbox")[0]["n"]

    def made(self):
        """How many messages it has numbered."""
        return self.rows("SELECT next_msg - 1 AS n FROM meta")[0]["n"]

    def settle(self):
        """People leave, and all is told; what a stop of two seconds does not get through goes by
        another run with the camera switched off."""
        assert self.stop() == 0, self.text
        if self.waiting():
            self.configure({"room": {**self.keys, "enabled": False}}, extra=self.extra,
                           node=self.node)
            self.start()
            self.wait_gone(lambda: self.waiting() == 0, "an empty outbox")
            assert self.stop() == 0, self.text

    def wait_gone(self, predicate, what, timeout=120):
        wait(predicate, f"{what} of {self.machine.name}", timeout)


def wait(predicate, what, timeout=120):
    """Asks until it is so: nobody tells another process what a file says."""
    deadline, tick = time.monotonic() + timeout, threading.Event()
    while not predicate():
        assert time.monotonic() < deadline, f"no {what} in {timeout} s"
        tick.wait(0.2)


class Listener(house.Process):
    """listen.py on a machine of its own; its file is read as it grows."""

    def __init__(self, machine, directory, hosts):
        self.file = os.path.join(directory, "heard")
        self.at, self.part, self.lines_heard = 0, b"", []
        super().__init__(machine.run(["/usr/bin/python3", os.path.join(
            house.TOP, "tests/fleet/listen.py"), self.file] + hosts))
        wait(lambda: any("subscribed" in x for x in self.heard()), "subscription")

    def heard(self):
        if os.path.exists(self.file):
            with open(self.file, "rb") as f:
                f.seek(self.at)
                new = f.read()
            self.at += len(new)
            *whole, self.part = (self.part + new).split(b"\n")
            self.lines_heard += [json.loads(x) for x in whole]
        return self.lines_heard

    def events(self, **keys):
        """(when it arrived, the event), as they came: those with these values."""
        found = []
        for x in self.heard():
            if x.get("topic", "").endswith("/faces"):
                x.setdefault("event", json.loads(x["payload"]))
                if all(x["event"][k] == v for k, v in keys.items()):
                    found.append((x["at"], x["event"]))
        return found


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t * 1000) % 1000:03d}Z"


class Fleet:
    def __init__(self, net, directory, cluster):
        self.cluster = cluster
        cluster.start_all()
        self.listener = Listener(net.machine("desk"), directory, cluster.listened)
        self.hosts = [Host(net.machine(f"h{i + 1}"), os.path.join(directory, f"h{i + 1}"),
                           cluster.urls[i]) for i in range(3)]
        self.times = {}
        for h in self.hosts:
            h.start()

    def close(self):
        for p in self.hosts + [self.listener]:
            if hasattr(p, "p") and p.p.poll() is None:
                p.p.kill()
                p.p.wait()
        self.cluster.close()

    def recovered(self, since, what, hosts=None, timeout=180):
        """Waits until of each host something arrived that was decided after `since`, and notes in
        how many seconds. They are told oldest first: nothing of before is then left behind."""
        after = stamp(since)
        first = {}

        def all_heard():
            for h in hosts or self.hosts:
                name = h.node
                if name not in first:
                    at = [t for t, e in self.listener.events(node=name) if e["time"] > after]
                    if at:
                        first[name] = at[0]
            return len(first) == len(hosts or self.hosts)

        wait(all_heard, f"word of {what}", timeout)
        self.times.setdefault(what, []).append(max(first.values()) - since)

    def judge(self):
        """Stops everything and compares, database by database: {events, lost, repeated, missing
        records}. A database is a machine's, whatever its node is called."""
        for h in self.hosts:
            h.settle()
        made = {h.machine.name: (h.epoch, set(range(1, h.made() + 1))) for h in self.hosts}

        def missing():
            return {n: sorted(all_ - {e["msg"] for _, e in self.listener.events(epoch=epoch)})
                    for n, (epoch, all_) in made.items()}

        try:
            wait(lambda: not any(missing().values()), "end of what arrives", 60)
        except AssertionError:
            pass
        verdict = {"events": sum(len(m) for _, m in made.values()), "lost": missing(),
                   "repeated": 0, "records": 0, "unheard": []}
        assert {e["epoch"] for _, e in self.listener.events()} <= {e for e, _ in made.values()}
        for h in self.hosts:
            self._judge_host(h, made[h.machine.name][0], verdict)
        return verdict

    def _judge_host(self, h, epoch, verdict):
        contents, kinds = {}, set()
        for _, e in self.listener.events(epoch=epoch):
            assert e["node"] in h.nodes
            body = {k: v for k, v in e.items() if k not in ("published", "replayed")}
            if e["msg"] in contents:
                verdict["repeated"] += 1
            assert contents.setdefault(e["msg"], body) == body, "one (epoch, msg), one content"
            kinds.add((e["type"], e["id"]))
        rows = h.rows()
        verdict["records"] += len(rows)
        verdict["unheard"] += [(h.machine.name, kind, r["id"]) for r in rows
                               for kind in ("new", "end") if (kind, r["id"]) not in kinds]
        assert h.integrity() == "ok" and h.waiting() == 0
        seqs = sorted(r["seq"] for r in rows)
        assert seqs == list(range(1, len(seqs) + 1))

    def all_is_told(self, scenario):
        """Judges, and writes a row of the table in docs/fleet.md."""
        verdict = self.judge()
        worst = ", ".join(f"{k}: {max(v):.1f} s" for k, v in self.times.items())
        lost = sum(len(x) for x in verdict["lost"].values())
        line = (f"| {self.cluster.kind} | {scenario} | {verdict['events']} | {verdict['records']} | "
                f"{lost} | {verdict['repeated']} | {worst} |")
        print(line)
        with open(os.path.join(house.BUILD, "fleet.txt"), "a") as f:
            f.write(line + "\n")
        assert verdict["unheard"] == [], self.listener.heard()[-5:]
        assert not any(verdict["lost"].values()), verdict["lost"]
