#!/usr/bin/python3
"""make demo: six cameras on loopback, a broker, and faced watching; then what the database says.

The cameras are the catalogue's clips over RTSP. Everything runs in a folder of its own, on free
ports, and is gone when it ends.
"""
import json
import os
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
import house  # noqa: E402

CAMERAS = {  # camera: (its stream, people whose face can be seen)
    "entrance": ("face-demographics-walking", 2),
    "classroom": ("classroom", 4),
    "reception": ("head-pose-female-and-male", 2),
    "desk": ("asl-book", 1),
    "kiosk": ("asl-hungry", 1),
    "passage": ("one-by-one-person-detection", 0),
}


def describe(topic, payload):
    """One line for a person: what happened, to whom."""
    e = json.loads(payload)
    age, gender = e["age"], e["gender"]
    who = ", ".join((gender["value"] or f"gender unknown ({gender['unknown']})",
                     f"aged {age['range']}" if age["range"] else f"age unknown ({age['unknown']})"))
    stayed = f" after {e['duration_s']:.1f} s, {e['end_reason']}" if e["type"] == "end" else ""
    return f"{e['time'][11:23]}  {e['camera']:<10} {e['type']:<7} {e['id'][-12:]}  {who}{stayed}"


def print_events(subscriber, over):
    shown = 0
    while True:
        last = over.is_set()
        with subscriber.more:
            if shown == len(subscriber.messages) and not last:
                subscriber.more.wait(0.5)
            new, shown = subscriber.messages[shown:], len(subscriber.messages)
        for topic, payload, _ in new:
            if topic.endswith("/faces"):
                print("  " + describe(topic, payload), flush=True)
        if last:
            return


def main():
    processes = []
    with tempfile.TemporaryDirectory(prefix="faced-demo-") as directory:
        try:
            return watch(directory, processes)
        finally:
            for p in reversed(processes):
                if p.p.poll() is None:
                    p.p.kill()
                    p.p.wait()


def watch(directory, processes):
    broker = house.Broker(directory)
    processes.append(broker)
    cameras = house.Cameras({n: house.clip(f"{c}.mkv") for n, (c, _) in CAMERAS.items()})
    processes.append(cameras)
    print(f"An MQTT broker on port {broker.port}, an RTSP server on port {cameras.port}, "
          f"{len(CAMERAS)} cameras; faced watches them.")
    print(f"On the topic faced/demo/+/faces, as `mosquitto_sub -p {broker.port} -t '#'` would "
          "show it:\n")
    subscriber = house.Subscriber(broker.port)
    over = threading.Event()
    printer = threading.Thread(target=print_events, args=(subscriber, over))
    printer.start()
    once = max(house.once_past(c) for c, _ in CAMERAS.values())
    daemon = house.Daemon(directory, {n: cameras.url(n) for n in CAMERAS}, broker.port,
                          node="demo", args=["--once", str(once)])
    processes.append(daemon)
    code = daemon.wait(120)
    if code == 0:
        subscriber.wait_topic("demo/status", "offline")
    over.set()
    printer.join()
    if code != 0:
        print(daemon.text)
        return 1
    print("\nWhat one of these messages says in full:\n")
    print(json.dumps(subscriber.events("end")[-1], indent=1))
    print("\nThe same people in the database, by `facectl events`:\n")
    print(daemon.ctl("events").stdout)
    return compare(daemon.rows())


def compare(rows):
    print(f"{'camera':<10} {'people':>7} {'records':>8}")
    wrong = 0
    for name, (_, people) in CAMERAS.items():
        n = len(house.by_camera(rows, name))
        wrong += n != people
        print(f"{name:<10} {people:>7} {n:>8}{'' if n == people else '   differs'}")
    print("\nOne record for each person who appeared." if not wrong else "\nThe numbers differ.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
