"""What the checks against real peers share: starting the box and its peers, and a tap between.

Nothing here judges; the checks do, with pydicom and the peers' own words.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

NODELAY = dict(os.environ, TCP_NODELAY="1")
PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../models/lung-nodule")
# What a check may wait for silence.
SOON = "[gather]\nquiet_s = 3\nreleased_quiet_s = 2\n"
# Without it, a package reads in silence.
POSTS = "[models]\ndanger_post_unapproved_results = true\n"


def arguments():
    """The arguments that scripts/check gives every check."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scanpost", required=True)
    parser.add_argument("--data", required=True)
    found = parser.parse_args()
    found.scanpost = os.path.abspath(found.scanpost)
    return found


def skip(reason):
    """Ends the check as skipped, with the reason as its last line."""
    print(reason)
    sys.exit(77)


def need_tool(name):
    if shutil.which(name) is None:
        skip(f"{name} is not installed: run scripts/check peers")


def need_data(folder):
    if not os.path.isdir(folder):
        skip(f"no data at {os.path.basename(folder)}: set SCANPOST_DATA")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=60):
    """Waits until condition() is true; fails with what was awaited."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for: {what}")


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child process whose output goes to a file."""

    def __init__(self, command, log, env=None):
        self.command, self.log, self.env = command, log, env
        self.child = None

    def start(self):
        out = open(self.log, "ab")
        self.child = subprocess.Popen(self.command, stdout=out, stderr=out, env=self.env)
        return self

    def stop(self, sig=signal.SIGTERM, seconds=20):
        if self.child and self.child.poll() is None:
            self.child.send_signal(sig)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError(f"{self.command[0]} did not stop in {seconds} s")
        self.child = None


class Box(Process):
    """The box under test, with a scratch state folder and plain settings."""

    def __init__(self, scanpost, root, destinations, extra="", slab_mib=16):
        self.port, self.page, self.root = free_port(), free_port(), root
        os.makedirs(root, exist_ok=True)
        self.config = os.path.join(root, "config.toml")
        lines = [
            f'state = "{root}/state"',
            f'socket = "{root}/control.sock"',
            "[listen]",
            'address = "127.0.0.1"',
            f"port = {self.port}",
            "[key]",
            f'file = "{root}/key"',
            "[vault]",
            f"slab_mib = {slab_mib}",
            "reserve_mib = 64",
            "[page]",
            f"port = {self.page}",
            extra,
            "[callers.sender]",
            'ae = "SENDER"',
            "routes = [" + ", ".join(f'"{name}"' for name in destinations) + "]",
        ]
        for name, port in destinations.items():
            lines += [
                f"[destinations.{name}]",
                f'ae = "{name.upper()}"',
                'host = "127.0.0.1"',
                f"port = {port}",
            ]
        with open(self.config, "w") as file:
            file.write("\n".join(lines) + "\n")
        super().__init__(
            [scanpost, "run", "--config", self.config], os.path.join(root, "box.log")
        )
        self.scanpost = scanpost

    def start(self):
        super().start()
        wait_for("the box to listen", lambda: listens(self.port))
        return self

    def ask(self, *verb):
        """Runs a verb against this box and returns its JSON."""
        command = [self.scanpost, *verb, "--json", "--config", self.config]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def shown(self, path):
        """What the page answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}{path}") as answer:
            return answer.read()

    def owed(self):
        return sum(each["owed"] for each in self.ask("studies")["destinations"])

    def install(self):
        """Installs the package that the repository ships."""
        command = [self.scanpost, "model", "install", PACKAGE, "--config", self.config]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"the package is not installed: {done.stderr}"
        return self

    def log_lines(self, word, since=0):
        """The log's lines of a task that begin with this word, as (time of day in s, line)."""
        with open(self.log, "rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        found = []
        for line in lines:
            stamp, _, rest = line.partition(" ")
            said = rest.split(": ", 1)[-1]
            if said == word or said.startswith(word + " "):
                at = stamp[11:].rstrip("Z").split(":")
                found.append((sum(float(n) * f for n, f in zip(at, (3600, 60, 1))), line))
        return found

    def log_size(self):
        return os.path.getsize(self.log)

    def timeline(self, study):
        timeline = self.ask("study", study)["timeline"]
        return [f"{event['kind']} {event['words']}" for event in timeline]

    def workers(self):
        """The processes that read for this box."""
        return [pid for pid, (parent, _) in processes().items() if parent == self.child.pid]


class Sink(Process):
    """scanpost sink: keeps what it gets as files."""

    def __init__(self, scanpost, root, port=None, *options):
        self.port, self.out = port or free_port(), os.path.join(root, "sink")
        os.makedirs(self.out, exist_ok=True)
        command = [scanpost, "sink", "--port", str(self.port), "--out", self.out, *options]
        super().__init__(command, os.path.join(root, "sink.log"))

    def start(self):
        super().start()
        wait_for("the sink to listen", lambda: listens(self.port))
        return self

    def files(self):
        return sorted(
            os.path.join(self.out, name) for name in os.listdir(self.out) if name.endswith(".dcm")
        )


class Orthanc(Process):
    """Debian's Orthanc with a scratch store."""

    def __init__(self, root):
        self.port, self.http = free_port(), free_port()
        store = os.path.join(root, "orthanc")
        os.makedirs(store, exist_ok=True)
        settings = {
            "Name": "t", "StorageDirectory": store, "IndexDirectory": store,
            "DicomAet": "ORTHANC", "DicomPort": self.port, "HttpPort": self.http,
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "Plugins": [],
            "StableAge": 2, "OverwriteInstances": True,
        }
        path = os.path.join(root, "orthanc.json")
        with open(path, "w") as file:
            json.dump(settings, file)
        super().__init__(["Orthanc", path], os.path.join(root, "orthanc.log"), NODELAY)

    def start(self):
        super().start()
        wait_for("Orthanc to listen", lambda: listens(self.http) and listens(self.port))
        return self

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}") as answer:
            return answer.read()

    def instances(self):
        return json.loads(self.get("/instances"))


class Tap:
    """A proxy in front of the box that records the data sets that senders put on the wire."""

    def __init__(self, target):
        self.target = target
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.streams = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            box = socket.create_connection(("127.0.0.1", self.target))
            for each in (client, box):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up, down = bytearray(), bytearray()
            self.streams.append((up, down))
            for source, sink, record in ((client, box, up), (box, client, down)):
                threading.Thread(
                    target=self._pump, args=(source, sink, record), daemon=True
                ).start()

    @staticmethod
    def _pump(source, sink, record):
        try:
            while data := source.recv(1 << 18):
                record += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def data_sets(self):
        """Every whole data set that went up, as (transfer syntax, bytes)."""
        found = []
        for up, down in self.streams:
            found += data_sets_of(bytes(up), accepted_contexts(bytes(down)))
        return found


def pdus(stream):
    at = 0
    while at + 6 <= len(stream):
        kind, length = stream[at], struct.unpack_from(">I", stream, at + 2)[0]
        yield kind, stream[at + 6 : at + 6 + length]
        at += 6 + length


def accepted_contexts(down):
    """Presentation context id to transfer syntax, from the A-ASSOCIATE-AC."""
    for kind, body in pdus(down):
        if kind != 2:
            continue
        contexts, at = {}, 68
        while at + 4 <= len(body):
            item, length = body[at], struct.unpack_from(">H", body, at + 2)[0]
            value = body[at + 4 : at + 4 + length]
            if item == 0x21 and value[2] == 0:
                size = struct.unpack_from(">H", value, 6)[0]
                contexts[value[0]] = value[8 : 8 + size].decode().rstrip("\0 ")
            at += 4 + length
        return contexts
    return {}


def data_sets_of(up, contexts):
    found, data = [], b""
    for kind, body in pdus(up):
        if kind != 4:
            continue
        at = 0
        while at + 6 <= len(body):
            length = struct.unpack_from(">I", body, at)[0]
            context, control = body[at + 4], body[at + 5]
            if control & 1 == 0:
                data += body[at + 6 : at + 4 + length]
                if control & 2:
                    found.append((contexts[context], data))
                    data = b""
            at += 4 + length
    return found


def split_file(path):
    """A part 10 file as (transfer syntax, data set bytes)."""
    import pydicom

    with open(path, "rb") as file:
        meta = pydicom.filereader.read_preamble(file, force=False)
        del meta
        head = pydicom.filereader._read_file_meta_info(file)
        return str(head.TransferSyntaxUID), file.read()


def processes():
    """Every process that runs: number to (parent, command line). Those that ended are left out."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
            with open(f"/proc/{name}/cmdline", "rb") as file:
                command = file.read().split(b"\0")
        except OSError:
            continue
        if state not in "ZX":
            found[int(name)] = (int(parent), command)
    return found


def scratch():
    return tempfile.mkdtemp(prefix="scanpost-check-")
