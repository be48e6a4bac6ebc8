"""A Docker engine of our own and its bare API, for as long as a benchmark runs."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import traceback
import urllib.parse

IMAGE = "busybox:bench"
PROGRAMS = ("dockerd", "containerd", "runc", "iptables", "busybox", "ip")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: pathlib.Path):
        super().__init__("localhost", timeout=300)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def exchange(connection: UnixConnection, *request) -> tuple:
    connection.request(*request)
    answer = connection.getresponse()
    return answer, answer.read()


class Api:
    """Calls over one unix socket, a kept connection a thread."""

    def __init__(self, path: pathlib.Path, prefix: str = ""):
        self.path = path
        self.prefix = prefix
        self.kept = threading.local()

    def call(self, method: str, path: str, body=None, **query):
        """The JSON that comes back, or None if nothing does; raises for every status from 400 on."""
        words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        target = self.prefix + path + ("?" + urllib.parse.urlencode(words) if words else "")
        text = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} if text else {}
        connection, self.kept.connection = getattr(self.kept, "connection", None), None
        try:
            if connection is None:
                raise ConnectionError("there is none yet")
            answer, content = exchange(connection, method, target, text, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            # A kept connection may have been closed while nothing was asked.
            connection = UnixConnection(self.path)
            answer, content = exchange(connection, method, target, text, headers)
        self.kept.connection = connection  # one that failed is in no state to be used again
        if answer.status >= 400:
            raise RuntimeError(f"{method} {target}: {answer.status} {content.decode(errors='replace')[:500]}")
        return json.loads(content) if content else None


class Engine:
    """dockerd in a directory, with an image IMAGE of busybox and nothing else."""

    def __init__(self, scratch: pathlib.Path):
        self.directory = scratch / "engine"
        self.directory.mkdir()
        self.socket = self.directory / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.log = open(self.directory / "log", "w")
        self.process = subprocess.Popen(
            ["dockerd", "--host", self.host, "--data-root", self.directory / "data", "--exec-root", self.directory / "exec",
             "--pidfile", self.directory / "docker.pid"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.api = Api(self.socket, "/v1.41")
        for _ in range(600):
            with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
                self.api.call("GET", "/version")
                break
            time.sleep(0.05)
        else:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("dockerd does not answer:\n" + (self.directory / "log").read_text()[-2000:])
        self.make_image()

    def make_image(self) -> None:
        root = self.directory / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        for name in ("sh", "sleep"):
            (root / "bin" / name).symlink_to("busybox")
        name, tag = IMAGE.split(":")
        archive = subprocess.run(["tar", "-C", root, "-c", "."], check=True, capture_output=True).stdout
        connection = UnixConnection(self.socket)
        connection.request("POST", f"/v1.41/images/create?fromSrc=-&repo={name}&tag={tag}", archive,
                           {"Content-Type": "application/x-tar"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"importing {IMAGE}: {answer.read()[:500]!r}")
        answer.read()
        connection.close()

    def containers(self, label: str) -> list:
        """All that have the label, whatever their state."""
        return self.api.call("GET", "/containers/json", all="true", filters={"label": [label]})

    def networks(self, label: str) -> list:
        return self.api.call("GET", "/networks", filters={"label": [label]})

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            for container in self.api.call("GET", "/containers/json", all="true"):
                self.api.call("DELETE", f"/containers/{container['Id']}", force="true")
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def apart(work) -> None:
    """Runs work() in a child with a network and a /run of its own, so that an engine there does not meet the machine's."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            leave()
            work()
            status = 0
        except BaseException:  # whatever it is, this process must not go on as its parent would
            traceback.print_exc()
        os._exit(status)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise RuntimeError("see above")


def leave() -> None:
    new_network, new_mounts = 0x40000000, 0x00020000
    if ctypes.CDLL(None, use_errno=True).unshare(new_network | new_mounts) != 0:
        raise OSError(ctypes.get_errno(), "making namespaces, which only root may")
    for command in (["mount", "--make-rprivate", "/"], ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
                    ["ip", "link", "set", "lo", "up"]):
        subprocess.run(command, check=True)


@contextlib.contextmanager
def running(scratch: pathlib.Path):
    engine = Engine(scratch)
    try:
        yield engine
    finally:
        engine.stop()
