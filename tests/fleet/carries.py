"""What a cluster of brokers carries, found by trying it: carries.py HOST_A HOST_B, one JSON object.

    mqtt_5          MQTT 5 is spoken
    qos_2           what is granted for a subscription with QoS 2
    retained        a retained message of A is told to who subscribes at B
    retained_back   and one of B at A
    crosses         a message of A reaches a subscriber at B
    commands        enabled/set, published at B, reaches a host at A, which asks with QoS 0
    takeover        who connects to B ends the connection of the same client id at A
    session         a session begun at A gets at B what was published while it was away
    will            A publishes the will of a client that vanishes, and B's subscribers hear it
"""
import itertools
import json
import queue
import sys
import threading

import paho.mqtt.client as mqtt

PATIENCE, LET_IN = 8, 30
number = itertools.count()


def fresh(name):
    """A client id that was never at another node: a cluster takes its time to let such a one go."""
    return f"{name}-{next(number)}"


class Client:
    def __init__(self, host, name, clean=True, version=mqtt.MQTTv311, will=None):
        more = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.c = mqtt.Client(client_id=name, protocol=version, **more)
        self.got, self.granted = queue.Queue(), queue.Queue()
        self.up, self.down = threading.Event(), threading.Event()
        self.c.on_connect = lambda c, d, f, rc, p=None: self.up.set() if rc == 0 else None
        self.c.on_disconnect = lambda *_: self.down.set()
        self.c.on_subscribe = lambda c, d, mid, granted, *_: self.granted.put(int(granted[0]))
        self.c.on_message = lambda c, d, m: self.got.put((m.payload.decode(), m.retain))
        self.c.reconnect_delay_set(60, 120)
        if will:
            self.c.will_set(will, "gone", qos=1)
        self.c.connect(host, 1883, keepalive=20)
        self.c.loop_start()

    def ready(self):
        assert self.up.wait(LET_IN), "not let in"
        return self

    def subscribe(self, topic, qos=1):
        self.c.subscribe(topic, qos=qos)
        return self.granted.get(timeout=PATIENCE)

    def publish(self, topic, text, retain=False):
        self.c.publish(topic, text, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def hears(self, text):
        try:
            while self.got.get(timeout=PATIENCE)[0] != text:
                pass
            return True
        except queue.Empty:
            return False

    def vanish(self):
        self.c.loop_stop()
        self.c._sock.close()

    def leave(self):
        self.c.disconnect()
        self.c.loop_stop()


def speaks_5(host):
    try:
        c = Client(host, "five", version=mqtt.MQTTv5)
        spoken = c.up.wait(PATIENCE)
        c.leave()
        return spoken
    except (OSError, ValueError):
        return False


def retained(here, there, topic):
    one = Client(here, fresh("keeper")).ready()
    one.publish(topic, "kept", retain=True)
    two = Client(there, fresh("late")).ready()
    two.subscribe(topic)
    found = two.hears("kept")
    one.leave()
    two.leave()
    return found


def crosses(a, b, topic, qos=1):
    two = Client(b, fresh("two")).ready()
    two.subscribe(topic, qos)
    one = Client(a, fresh("one")).ready()
    one.publish(topic, "over")
    found = two.hears("over")
    one.leave()
    two.leave()
    return found


def takeover(a, b):
    one = Client(a, "same").ready()
    two = Client(b, "same").ready()
    ended = one.down.wait(PATIENCE)
    one.leave()
    two.leave()
    return ended


def session(a, b):
    Client(a, "wanderer", clean=False).ready().leave()
    one = Client(a, "wanderer", clean=False).ready()
    one.subscribe("faced/x/session")
    one.leave()
    other = Client(a, "other").ready()
    other.publish("faced/x/session", "meanwhile")
    again = Client(b, "wanderer", clean=False).ready()
    found = again.hears("meanwhile")
    again.leave()
    other.leave()
    return found


def will(a, b):
    two = Client(b, "mourner").ready()
    two.subscribe("faced/x/will")
    Client(a, "mortal", will="faced/x/will").ready().vanish()
    found = two.hears("gone")
    two.leave()
    return found


def qos_2(a):
    c = Client(a, "twice").ready()
    granted = c.subscribe("faced/x/twice", qos=2)
    c.leave()
    return granted


def main():
    a, b = sys.argv[1:]
    print(json.dumps({"mqtt_5": speaks_5(a), "qos_2": qos_2(a),
                      "crosses": crosses(a, b, "faced/x/room/faces"),
                      "commands": crosses(b, a, "faced/x/room/enabled/set", 0),
                      "retained": retained(a, b, "faced/x/kept"),
                      "retained_back": retained(b, a, "faced/x/kept-b"),
                      "takeover": takeover(a, b), "session": session(a, b), "will": will(a, b)}))


if __name__ == "__main__":
    main()
