"""Three brokers each of three kinds, a machine for each: Mosquittos, Rabbits, Nats.

start(i) and kill(i) are for one node; configurations are those of docs/fleet.md. `nodes` are the
machines, `urls` what each of three hosts is given, `listened` where the subscriber goes.
"""
import concurrent.futures
import os
import signal
import subprocess

import house


class Cluster:
    kind = None

    def __init__(self, net, directory):
        self.directory = directory
        self.nodes = [net.machine(f"b{i + 1}") for i in range(3)]
        self.processes = [None] * 3

    @property
    def urls(self):
        """Each host begins with another node and knows them all."""
        all_ = [f"mqtt://{n.ip}:1883" for n in self.nodes]
        return [all_[i:] + all_[:i] for i in range(3)]

    @property
    def listened(self):
        return [n.ip for n in self.nodes]

    def path(self, i, name=""):
        d = os.path.join(self.directory, f"b{i + 1}")
        os.makedirs(d, exist_ok=True)
        return os.path.join(d, name)

    def write(self, i, name, text):
        with open(self.path(i, name), "w") as f:
            f.write(text)
        return self.path(i, name)

    def launch(self, i, argv, ready, env=None, timeout=60):
        p = house.Process(self.nodes[i].run(argv), env=env)
        self.processes[i] = p
        p.wait_line(ready, timeout=timeout)
        return p

    def pids(self, i):
        """The node's process and its children, which may have groups of their own."""
        p = self.processes[i]
        found, todo = [], [p.p.pid] if p else []
        while todo:
            pid = todo.pop()
            found.append(pid)
            out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True,
                                 text=True).stdout
            todo += [int(x) for x in out.split()]
        return found

    def kill(self, i):
        for pid in self.pids(i):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.processes[i].wait()

    def start_again(self):
        """All at once: a node may wait for its others."""
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(self.start, range(3)))

    def part(self, i, parted=True):
        """The node is there for the hosts, and its others are not there for it."""
        self.nodes[i].wall([n for n in self.nodes if n is not self.nodes[i]] if parted else [])

    def close(self):
        for i in range(3):
            if self.processes[i] and self.processes[i].p.poll() is None:
                self.kill(i)

    def cpu_s(self):
        """What all nodes have used of a processor until now."""
        total, tick = 0, os.sysconf("SC_CLK_TCK")
        for i in range(3):
            for pid in self.pids(i):
                try:
                    with open(f"/proc/{pid}/stat") as f:
                        fields = f.read().rsplit(")", 1)[1].split()
                    total += (int(fields[11]) + int(fields[12])) / tick
                except OSError:
                    pass
        return total

    def rss_mb(self, i):
        """What a node has in memory now."""
        total = 0
        for pid in self.pids(i):
            try:
                with open(f"/proc/{pid}/statm") as f:
                    total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            except OSError:
                pass
        return total


class Mosquittos(Cluster):
    """Two sites' brokers that bridge to a central one; a host knows its site's and the central."""
    kind = "mosquitto"
    autosave = "autosave_on_changes true\nautosave_interval 1\n"

    @property
    def urls(self):
        centre = f"mqtt://{self.nodes[2].ip}:1883"
        return [[f"mqtt://{self.nodes[0].ip}:1883", centre],
                [f"mqtt://{self.nodes[1].ip}:1883", centre], [centre]]

    @property
    def listened(self):
        return [self.nodes[2].ip]

    def start(self, i):
        text = (f"listener 1883\nallow_anonymous true\nuser root\nlog_dest stderr\n"
                f"persistence true\npersistence_location {self.path(i)}\n"
                f"{self.autosave}max_queued_messages 0\n")
        if i < 2:
            text += (f"connection site{i + 1}\naddress {self.nodes[2].ip}:1883\n"
                     f"remote_clientid site{i + 1}\ntopic faced/# out 1\n"
                     "topic faced/+/+/enabled/set in 1\ncleansession false\n"
                     "notifications false\nkeepalive_interval 5\nrestart_timeout 1 5\n")
        return self.launch(i, ["/usr/sbin/mosquitto", "-c", self.write(i, "mosquitto.conf", text)],
                           r"running")

    def start_all(self):
        for i in (2, 0, 1):
            self.start(i)


class TimedMosquittos(Mosquittos):
    """They save each second and not with each change."""
    autosave = "autosave_interval 1\n"


class Rabbits(Cluster):
    """RabbitMQ with its MQTT plugin; the queues of sessions that last are quorum queues."""
    kind = "rabbitmq"

    def __init__(self, net, directory):
        super().__init__(net, directory)
        self.epmds = []

    def env(self, i):
        home = self.path(i)
        return {"HOME": home, "RABBITMQ_NODENAME": f"rabbit@{self.nodes[i].ip}",
                "RABBITMQ_USE_LONGNAME": "true", "RABBITMQ_MNESIA_BASE": self.path(i, "mnesia"),
                "RABBITMQ_LOG_BASE": self.path(i, "log"), "RABBITMQ_LOGS": "-",
                "RABBITMQ_CONFIG_FILE": self.path(i, "rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": self.path(i, "enabled_plugins"),
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none"}

    def start(self, i):
        nodes = "".join(f"cluster_formation.classic_config.nodes.{k + 1} = rabbit@{n.ip}\n"
                        for k, n in enumerate(self.nodes))
        self.write(i, "rabbitmq.conf",
                   "loopback_users = none\nmqtt.listeners.tcp.default = 1883\n"
                   "mqtt.allow_anonymous = true\nmqtt.durable_queue_type = quorum\n"
                   "cluster_partition_handling = pause_minority\nnet_ticktime = 10\n"
                   "cluster_formation.peer_discovery_backend = classic_config\n" + nodes)
        self.write(i, "enabled_plugins", "[rabbitmq_mqtt].\n")
        cookie = self.path(i, ".erlang.cookie")
        if not os.path.exists(cookie):
            self.write(i, ".erlang.cookie", "faced-fleet")
            os.chmod(cookie, 0o400)
        # Where all were dead each but the first waits 100 s for a majority of its MQTT plugin.
        return self.launch(i, ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
                           r"Server startup complete", self.env(i), 400)

    def start_all(self):
        for node in self.nodes:
            self.epmds.append(house.Process(node.run(["epmd"])))
        for i in range(3):
            self.start(i)

    def close(self):
        super().close()
        for p in self.epmds:
            p.stop(signal.SIGKILL)


class Nats(Cluster):
    """NATS with JetStream, in which its MQTT keeps sessions, messages and retained ones."""
    kind = "nats"

    def start(self, i):
        routes = ", ".join(f'"nats://{n.ip}:6222"' for n in self.nodes)
        conf = self.write(i, "nats.conf",
                          f'server_name: "b{i + 1}"\nlisten: "0.0.0.0:4222"\n'
                          f'jetstream: {{ store_dir: "{self.path(i, "store")}" }}\n'
                          f'cluster: {{ name: "faced", listen: "0.0.0.0:6222", routes: [{routes}] }}\n'
                          'mqtt: { port: 1883, stream_replicas: 3, ack_wait: "10s", '
                          'max_ack_pending: 1000 }\n')
        return self.launch(i, ["/usr/sbin/nats-server", "-c", conf], r"Server is ready")

    def start_all(self):
        for i in range(3):
            self.start(i)
        self.wait_leader()

    def wait_leader(self):
        """JetStream answers once the three have chosen one of them."""
        self.processes[0].wait_line(r"JetStream cluster new metadata leader|Self is new JetStream")


KINDS = {c.kind: c for c in (Mosquittos, Rabbits, Nats)}
