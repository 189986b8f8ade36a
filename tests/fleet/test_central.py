"""A central PostgreSQL, the real server, is fed by the script that docs/fleet.md names."""
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import pytest

import house
from fleet import wait

sys.path.insert(0, house.tools(""))
import fill_db  # noqa: E402

EXAMPLES = os.path.join(house.TOP, "systemd/examples")
SERVER = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
JSON_LOAD = """
CREATE TABLE other (LIKE faces INCLUDING ALL);
CREATE TEMP TABLE line (j json);
\\copy line FROM '%s' WITH (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')
INSERT INTO other SELECT (json_populate_record(NULL::other, j)).* FROM line;
"""


class Central(house.Process):
    """A PostgreSQL server behind a socket in a directory of its own; root runs it as postgres."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="central")
        user, tools = [], os.path.dirname(SERVER[-1])
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres")
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = os.path.join(self.directory, "data")
        subprocess.run(user + [os.path.join(tools, "initdb"), "-D", data, "-A", "trust", "-U",
                               "faced", "--no-sync"], check=True, capture_output=True, cwd="/")
        super().__init__(user + [SERVER[-1], "-D", data, "-k", self.directory, "-h", ""], cwd="/")
        self.wait_line("ready to accept connections")
        self.env = {**os.environ, "PGHOST": self.directory, "PGUSER": "faced",
                    "PGDATABASE": "postgres"}
        with open(os.path.join(EXAMPLES, "central.sql"), encoding="utf-8") as f:
            self.sql(f.read())

    def sql(self, text):
        r = subprocess.run(["psql", "-XAtq", "-F", " ", "-v", "ON_ERROR_STOP=1"], input=text,
                           env=self.env, capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()

    def load(self, host, database, how=(), fails=False):
        """How many were loaded; how: words before facectl."""
        r = subprocess.run(["sh", os.path.join(EXAMPLES, "faced-load"), host, *how, "sh", "-c",
                            'exec "$0" "$@" --db ' + database, house.tool("facectl")],
                           env=self.env, capture_output=True, text=True, timeout=60)
        assert (r.returncode != 0) == fails, r.stdout + r.stderr
        return r.stderr if fails else int(r.stdout)

    def sum(self, table="faces"):
        return self.sql(f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t")

    def ids(self, where="true"):
        return set(self.sql(f"SELECT id FROM faces WHERE {where}").split())

    def close(self):
        self.stop()
        shutil.rmtree(self.directory)


@pytest.fixture
def central():
    if not SERVER:
        pytest.skip("no PostgreSQL server is installed")
    made = Central()
    yield made
    made.close()


def host(tmp_path, node, seed):
    """The database of a host that has seen people for four weeks; faced made it and is not there."""
    os.makedirs(tmp_path / node)
    d = house.Daemon(tmp_path / node, {"hall": house.clip("black.mkv")}, node=node).wait_ready()
    assert d.stop() == 0
    d.people = fill_db.fill(d.database, ["door", "hall"], seed)
    change(d, "UPDATE record SET node = ?", node)
    return d


def change(d, sql, *args):
    db = sqlite3.connect(d.database)
    db.execute(sql, args)
    db.commit()
    db.close()


def test_two_hosts_and_repeated_loads(tmp_path, central):
    a, b = host(tmp_path, "lobby", 7), host(tmp_path, "yard", 8)
    assert central.load("lobby", a.database) == a.people
    assert central.load("yard", b.database) == b.people
    assert central.sql("SELECT node, count(*) FROM faces GROUP BY 1 ORDER BY 1") == \
        f"lobby {a.people}\nyard {b.people}"
    assert [central.load("lobby", a.database), central.load("yard", b.database)] == [0, 0]
    all_ = central.sum()
    central.sql("DELETE FROM cursors WHERE host = 'lobby'")
    assert central.load("lobby", a.database) == a.people
    assert central.sum() == all_, "a repeated load changes nothing"
    assert central.sql("SELECT host, seq FROM cursors ORDER BY 1") == \
        f"lobby {a.people}\nyard {b.people}"
    # The values are those of the host, to the last digit.
    row = json.loads(a.ctl("export", "--after", "41", "--limit", "1").stdout)
    told = json.loads(central.sql(f"SELECT row_to_json(f) FROM faces f WHERE id = '{row['id']}'"))
    assert {k: told[k] for k in told if not k.endswith("_time")} == \
        {k: row[k] for k in row if not k.endswith("_time")}


def test_json_lines_load_the_same(tmp_path, central):
    a = host(tmp_path, "lobby", 7)
    central.load("lobby", a.database)
    lines = tmp_path / "lines"
    lines.write_text(a.ctl("export", "--after", "0").stdout)
    central.sql(JSON_LOAD % lines)
    assert central.sum("other") == central.sum()


def test_a_load_that_breaks_leaves_nothing(tmp_path, central):
    """Its output is cut in the middle of a line, or facectl fails."""
    a = host(tmp_path, "lobby", 7)
    assert central.load("lobby", a.database, ["sh", "-c", '"$@" | head -c 5000', "cut"], fails=True)
    assert central.load("lobby", a.database + ".not-there", fails=True)
    assert central.sql("SELECT (SELECT count(*) FROM faces), (SELECT count(*) FROM cursors)") == "0 0"
    assert central.load("lobby", a.database) == a.people


def test_another_database_is_read_from_its_beginning(tmp_path, central):
    """The host's disk was replaced; and a copy of a database brings nobody twice."""
    a, b = host(tmp_path, "lobby", 7), host(tmp_path, "lobby-new", 8)
    central.load("lobby", a.database)
    assert central.load("lobby", b.database) == b.people
    assert len(central.ids()) == a.people + b.people
    copy = tmp_path / "copy.db"
    a.ctl("backup", str(copy))
    a.database = str(copy)
    change(a, "UPDATE meta SET epoch = '01900000-0000-7000-8000-000000000000'")
    assert central.load("lobby", a.database) == a.people
    assert len(central.ids()) == a.people + b.people


def test_who_is_erased_is_erased_in_both(tmp_path, central):
    a = host(tmp_path, "lobby", 7)
    central.load("lobby", a.database)
    rows = a.rows("SELECT * FROM faces WHERE camera = 'door' ORDER BY start_us")
    since = rows[len(rows) // 2]["start_time"]
    a.ctl("erase", "--yes", "--camera", "door", "--since", since)
    central.sql(f"DELETE FROM faces WHERE node = 'lobby' AND camera = 'door' AND start_time >= '{since}'")
    left = {r["id"] for r in a.rows()}
    assert len(left) < a.people and central.ids() == left
    central.sql("DELETE FROM cursors")
    central.load("lobby", a.database)
    assert central.ids() == left


def test_who_was_pruned_before_a_load_is_not_there(tmp_path, central):
    """A host that was away for longer than its retention: the load goes on with whom it still has."""
    a = host(tmp_path, "lobby", 7)
    with open(a.conf, encoding="utf-8") as f:
        text = f.read()
    with open(a.conf, "w", encoding="utf-8") as f:
        f.write(text.replace('faced.db"; };', 'faced.db"; retention = "10d"; };'))
    assert a.ctl("prune").stdout.split()[0] not in ("0", str(a.people))
    left = {r["id"] for r in a.rows()}
    assert 0 < len(left) < a.people
    assert central.load("lobby", a.database) == len(left)
    assert central.ids() == left
    assert central.sql("SELECT seq FROM cursors") == str(a.people)


def program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def real_ssh(there, tmp_path, running):
    """A server of our own at loopback, where `there` is the PATH, and how one comes to it."""
    sshd = "/usr/sbin/sshd"
    if not os.path.exists(sshd):
        pytest.skip("no sshd: apt-get install openssh-server")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    port = house.free_port()
    for key in ("host", "own"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    server, client = tmp_path / "sshd.conf", tmp_path / "ssh.conf"
    server.write_text(f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/host\nPidFile none\n"
                      f"AuthorizedKeysFile {tmp_path}/own.pub\nStrictModes no\nUsePAM no\n"
                      f"SetEnv PATH={there}:/usr/bin:/bin\n", encoding="utf-8")
    client.write_text(f"Host lobby\nHostName 127.0.0.1\nPort {port}\nBatchMode yes\n"
                      f"IdentityFile {tmp_path}/own\nUserKnownHostsFile {tmp_path}/known\n"
                      "StrictHostKeyChecking accept-new\n", encoding="utf-8")
    running(house.Process([sshd, "-D", "-e", "-f", server])).wait_line("Server listening")
    return f'exec /usr/bin/ssh -F {client} "$@"'


def fake_ssh(there, _tmp_path, _running):
    """ssh makes one line of the words that it is given, and a shell reads it."""
    return f'[ "$1" = lobby ] && shift && PATH="{there}:$PATH" exec sh -c "$*"'


@pytest.mark.parametrize("ssh", [fake_ssh, real_ssh])
def test_a_host_is_asked_by_ssh(running, tmp_path, central, ssh):
    """Without a command: `ssh HOST facectl`."""
    a, there = host(tmp_path, "lobby", 7), tmp_path / "there"
    program(there / "facectl", f'exec {house.tool("facectl")} "$@" --db {a.database}')
    program(tmp_path / "bin" / "ssh", ssh(there, tmp_path, running))
    central.env["PATH"] = f"{tmp_path}/bin:{central.env['PATH']}"
    loads = [subprocess.run(["sh", os.path.join(EXAMPLES, "faced-load"), "lobby"], env=central.env,
                            capture_output=True, text=True, timeout=60) for _ in range(2)]
    assert [r.stdout for r in loads] == [f"{a.people}\n", "0\n"], [r.stderr for r in loads]


@pytest.mark.models
def test_people_leave_while_it_is_loaded(tmp_path, central):
    """Load after load while people come and go: in the end everybody is there, once."""
    d = house.Daemon(tmp_path, {"room": {"url": house.media_of("classroom"), "pace": "max",
                                         "loop": True}}, node="lobby").wait_ready()
    try:
        loads = []

        def enough():
            loads.append(central.load("lobby", d.database))
            return sum(loads) >= 60 and sum(n > 0 for n in loads) >= 5

        wait(enough, "five loads that brought somebody", house.PATIENCE)
    finally:
        assert d.stop() == 0
    central.load("lobby", d.database)
    ended = {r["id"] for r in d.rows("SELECT * FROM faces WHERE end_us IS NOT NULL")}
    assert central.ids() == ended
    assert central.load("lobby", d.database) == 0
    assert int(central.sql("SELECT max(seq) FROM faces")) == len(ended)
