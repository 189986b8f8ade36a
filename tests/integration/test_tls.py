"""mqtts: whose certificate is believed, and what is said when it is not. Every authority and
certificate here is made for the test and lives for it."""
import datetime
import os
import subprocess

import pytest

import house
from test_bus import drive  # noqa: F401

YEAR = 365


def openssl(*argv):
    subprocess.run(["openssl", *argv], check=True, capture_output=True)


class Authority:
    def __init__(self, directory, name):
        self.dir, self.name = directory, name
        self.file, self.key = self.path("pem"), self.path("key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.file, "-subj", f"/CN={name}", "-days", "10")
        self.issued = 0

    def path(self, ending, name=None):
        return os.path.join(self.dir, f"{name or self.name}.{ending}")

    def issue(self, san, days=10, begin=None):
        """A certificate for a subjectAltName; its file and its key's."""
        self.issued += 1
        name = f"{self.name}-{self.issued}"
        key, request, file = (self.path(e, name) for e in ("key", "csr", "pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions = self.path("ext", name)
        with open(extensions, "w") as f:
            f.write(f"subjectAltName={san}\n" if san else "")
        if begin is None:
            openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                    "-CAcreateserial", "-out", file, "-days", str(days), "-extfile", extensions)
        else:
            # Only `openssl ca` can sign for a time of its own choice.
            for name_, text in (("index.txt", ""), ("serial", "1000")):
                with open(os.path.join(self.dir, name_), "w") as f:
                    f.write(text)
            conf = self.path("cnf", name)
            with open(conf, "w") as f:
                f.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.dir}/index.txt\n"
                        f"serial={self.dir}/serial\nnew_certs_dir={self.dir}\n"
                        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
            stamp = "%Y%m%d%H%M%SZ"
            openssl("ca", "-batch", "-config", conf, "-cert", self.file, "-keyfile", self.key,
                    "-in", request, "-out", file, "-extfile", extensions, "-notext",
                    "-startdate", begin.strftime(stamp),
                    "-enddate", (begin + datetime.timedelta(days=days)).strftime(stamp))
        os.chmod(key, 0o644)
        return file, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("ca")), "authority")


@pytest.fixture
def tls_broker(running, tmp_path):
    def start(certificate, more=()):
        file, key = certificate
        return running(house.Broker(str(tmp_path), more=[
            f"certfile {file}", f"keyfile {key}", *more]))
    return start


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@pytest.mark.parametrize("host, san", [
    ("127.0.0.1", "IP:127.0.0.1"), ("localhost", "DNS:localhost"),
    ("localhost", "DNS:other.example,DNS:localhost")])
@pytest.mark.parametrize("version", ["auto", "3.1.1"])
def test_a_right_certificate(drive, tls_broker, authority, host, san, version):  # noqa: F811
    broker = tls_broker(authority.issue(san))
    d = drive(broker.port, BUS_HOST=host, BUS_CA=authority.file, BUS_VERSION=version)
    d.do("send 300")
    d.wait_acked(300)
    d.do("stats")
    d.wait_line(r"^more version=%s tls=1 " % ("5" if version == "auto" else "3.1.1"))
    d.finish()
    assert d.acks() == list(range(1, 301))


def refused(d, broker, phrase):
    d.do("send 3")
    d.wait_line(r"warning bus: the broker mqtts://\S+: its certificate is not believed: " + phrase)
    d.do("stats")
    d.wait_line(r"^stats connected=0 ")
    assert broker.count(r"New client connected") == 0, "nothing was said to it"
    d.do("stop")
    d.wait()
    assert d.acks() == []


def test_an_untrusted_authority(drive, tls_broker, authority, tmp_path):  # noqa: F811
    other = Authority(str(tmp_path), "other")
    broker = tls_broker(other.issue("IP:127.0.0.1"))
    refused(drive(broker.port, BUS_CA=authority.file, BUS_VERSION="auto"), broker,
            r"unable to get local issuer certificate; give the authority that signed it in "
            r"mqtt.ca_file")


def test_not_of_the_systems_authorities(drive, tls_broker, authority):  # noqa: F811
    broker = tls_broker(authority.issue("IP:127.0.0.1"))
    refused(drive(broker.port, BUS_TLS=1), broker, r"unable to get local issuer certificate")


def test_expired(drive, tls_broker, authority):  # noqa: F811
    broker = tls_broker(authority.issue("IP:127.0.0.1", 5, now() - datetime.timedelta(days=8)))
    refused(drive(broker.port, BUS_CA=authority.file), broker,
            r"certificate has expired; renew it at the broker")


def test_not_yet_valid(drive, tls_broker, authority):  # noqa: F811
    broker = tls_broker(authority.issue("IP:127.0.0.1", 5, now() + datetime.timedelta(days=2)))
    refused(drive(broker.port, BUS_CA=authority.file), broker,
            r"certificate is not yet valid; is this host's clock right")


@pytest.mark.parametrize("host, san, phrase", [
    ("localhost", "DNS:broker.example", "hostname mismatch"),
    ("localhost", "IP:127.0.0.1", "hostname mismatch"),
    ("127.0.0.1", "DNS:localhost", "IP address mismatch"),
    ("127.0.0.1", "IP:127.0.0.2", "IP address mismatch"),
    ("localhost", None, "hostname mismatch")])
def test_of_another_name(drive, tls_broker, authority, host, san, phrase):  # noqa: F811
    broker = tls_broker(authority.issue(san))
    refused(drive(broker.port, BUS_HOST=host, BUS_CA=authority.file, BUS_VERSION="auto"), broker,
            phrase + r"; give the broker in mqtt.url by a name that stands in its certificate")


def test_a_clients_certificate(drive, tls_broker, authority):  # noqa: F811
    broker = tls_broker(authority.issue("IP:127.0.0.1"),
                        [f"cafile {authority.file}", "require_certificate true"])
    without = drive(broker.port, BUS_CA=authority.file)
    without.wait_line(r"warning bus: the broker .*does it want a client's certificate "
                      r"\(mqtt.cert_file\)")
    without.stop()
    file, key = authority.issue("DNS:faced")
    d = drive(broker.port, BUS_CA=authority.file, BUS_CERT=file, BUS_KEY=key)
    d.do("send 5")
    d.wait_acked(5)
    d.finish()


def test_files_that_cannot_be_used(drive, tls_broker, authority, tmp_path):  # noqa: F811
    broker = tls_broker(authority.issue("IP:127.0.0.1"))
    d = drive(broker.port, BUS_CA=str(tmp_path / "none.pem"))
    d.wait_line(r"mqtt.ca_file: \S+none.pem cannot be used \(No such file")
    d.stop()
    file, _ = authority.issue("DNS:a")
    _, key = authority.issue("DNS:b")
    d = drive(broker.port, BUS_CA=authority.file, BUS_CERT=file, BUS_KEY=key)
    d.wait_line(r"mqtt.key_file: \S+ (is not the key of|cannot be used)")
    d.stop()


def test_renewed_files_are_found(drive, tls_broker, authority, tmp_path):  # noqa: F811
    """The authority is put right while the daemon runs: no restart."""
    broker = tls_broker(authority.issue("IP:127.0.0.1"))
    file = tmp_path / "ca.pem"
    file.write_text(open(Authority(str(tmp_path), "old").file).read())
    d = drive(broker.port, BUS_CA=str(file))
    d.wait_line(r"its certificate is not believed")
    file.write_text(open(authority.file).read())
    d.connected()
    d.finish()


def test_tls_and_no_tls(drive, broker, tls_broker, authority):  # noqa: F811
    d = drive(broker.port, BUS_CA=authority.file)
    d.wait_line(r"warning bus: (what answers at mqtts://\S+ speaks no TLS|the broker mqtts://\S+ "
                r"closed the connection without an answer; does it speak MQTT over TLS)")
    d.stop()
    d = drive(tls_broker(authority.issue("IP:127.0.0.1")).port, BUS_VERSION="auto")
    d.wait_line(r"warning bus: .*does it speak MQTT without TLS on this port|does not speak MQTT")
    d.stop()
