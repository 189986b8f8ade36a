"""A network of one's own: a switch in a namespace, and machines with one cable each to it.

Nothing of it is seen from outside. Needs root; Net.reason() says why it cannot be had.
"""
import os
import subprocess


def ip(*args, check=True):
    return subprocess.run(["ip", *args], check=check, capture_output=True, text=True)


class Machine:
    """A network namespace with the address `ip`; run() is how a program is started in it."""

    def __init__(self, net, name, number):
        self.net, self.name, self.ns = net, name, f"{net.tag}-{name}"
        self.ip = f"10.77.0.{number}"
        ip("netns", "add", self.ns)
        net.spaces.append(self.ns)
        ip("-n", net.switch, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
           self.ns)
        ip("-n", net.switch, "link", "set", name, "master", "br0", "up")
        for words in (("addr", "add", f"{self.ip}/24", "dev", "eth0"), ("link", "set", "eth0", "up"),
                      ("link", "set", "lo", "up")):
            ip("-n", self.ns, *words)

    def run(self, argv):
        """Replaces itself by the program, so that its process id is the program's."""
        return ["ip", "netns", "exec", self.ns] + argv

    def cable(self, plugged):
        ip("-n", self.net.switch, "link", "set", self.name, "up" if plugged else "down")

    def wall(self, others):
        """Nothing comes from these machines and nothing goes to them; from and to all others all
        does. None of them: there is no wall any more."""
        rules = "table inet wall\ndelete table inet wall\n"
        if others:
            them = ", ".join(m.ip for m in others)
            rules += f"""table inet wall {{
                chain in {{ type filter hook input priority 0; ip saddr {{ {them} }} drop; }}
                chain out {{ type filter hook output priority 0; ip daddr {{ {them} }} drop; }}
            }}
            """
        subprocess.run(self.run(["nft", "-f", "-"]), check=True, input=rules, text=True)


class Net:
    def __init__(self):
        self.tag = f"fleet{os.getpid()}"
        self.switch = f"{self.tag}-switch"
        self.spaces = [self.switch]
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")

    @staticmethod
    def reason():
        if os.geteuid() != 0:
            return "needs root, for network namespaces"
        probe = f"fleet{os.getpid()}-probe"
        r = ip("netns", "add", probe, check=False)
        ip("netns", "del", probe, check=False)
        return f"no network namespaces here: {r.stderr.strip()}" if r.returncode else None

    def machine(self, name):
        return Machine(self, name, 10 + len(self.spaces))

    def close(self):
        for ns in reversed(self.spaces):
            ip("netns", "del", ns, check=False)
