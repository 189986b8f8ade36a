"""A subscriber that means it: one session that outlives connections, with QoS 1.

    listen.py FILE HOST...

Goes from host to host as they fail. What comes below faced/ is written as a line of JSON to FILE
before it is acknowledged: when it arrived, by which host, topic, payload, and the retain flag.
"""
import json
import sys
import time

import paho.mqtt.client as mqtt


def listen(host, note):
    client = mqtt.Client(client_id="listener", clean_session=False)
    alive = []

    def on_connect(c, _data, flags, rc):
        if rc == 0:
            note({"connected": host, "session": bool(flags.get("session present"))})
            c.subscribe("faced/#", qos=1)

    def on_subscribe(_c, _data, _mid, granted):
        note({"subscribed": host, "granted": list(granted)})

    def on_message(_c, _data, m):
        note({"topic": m.topic, "payload": m.payload.decode(), "retained": bool(m.retain),
              "by": host})

    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    client.on_disconnect = lambda *_: alive.append(False)
    try:
        client.connect(host, 1883, keepalive=5)
        while not alive and client.loop(0.5) == mqtt.MQTT_ERR_SUCCESS:
            pass
        note({"gone": host})
    except OSError as e:
        note({"away": host, "error": str(e)})


def main():
    with open(sys.argv[1], "a") as f:
        def note(line):
            f.write(json.dumps({"at": time.time(), **line}) + "\n")
            f.flush()

        while True:
            for host in sys.argv[2:]:
                listen(host, note)
                time.sleep(0.3)


if __name__ == "__main__":
    main()
