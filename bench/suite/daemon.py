"""croft serve as the benchmarks run it: on loopback, in a directory of its own, stopped at the end."""

import contextlib
import http.client
import json
import pathlib
import signal
import socket
import subprocess
import time

from . import repositories
from .machine import CROFT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A running croft serve."""

    def __init__(self, data: pathlib.Path, platform: pathlib.Path, store: str = "", settings: dict | None = None):
        """`store` is the setting store.url, `settings` are others by the names of their variables."""
        self.data = data
        self.port = free_port()
        self.environment = {**repositories.quiet_git(), "CROFT_SERVER": str(data / "api.sock"), "NO_COLOR": "1"}
        self.log = open(data.parent / "croft.log", "w")
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [CROFT, "serve", "--data", data, "--platform-url", platform, "--edge-listen", f"127.0.0.1:{self.port}"],
            stdout=self.log, stderr=self.log, env={**self.environment, "CROFT_STORE_URL": store, **(settings or {})})

    def pid_of(self, role: str) -> int:
        return int((self.data / "run" / f"{role}.pid").read_text())

    def wait_for(self, claim, deadline: float, pause: float = 0.05) -> bool:
        """Polls until the claim holds; false at the deadline (seconds from now)."""
        end = time.perf_counter() + deadline
        while time.perf_counter() < end:
            if self.process.poll() is not None:
                raise RuntimeError("croft serve ended:\n" + self.tail())
            if claim():
                return True
            time.sleep(pause)
        return False

    def routes(self) -> dict:
        """host → route, of the snapshot that the edge serves."""
        try:
            return json.loads((self.data / "run" / "routes.json").read_text()).get("hosts", {})
        except (OSError, ValueError):
            return {}

    def command(self, *arguments) -> str:
        return subprocess.run([CROFT, *arguments], env=self.environment, capture_output=True, text=True).stdout

    def tail(self) -> str:
        self.log.flush()
        return "".join(open(self.log.name).readlines()[-20:])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # Apps outlive the daemon on purpose; the benchmark's own go with it.
        self.command("down", "--data", self.data)
        self.log.close()


class Edge:
    """A kept connection to the edge."""

    def __init__(self, port: int, host: str):
        self.host = host
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def get(self, path: str) -> bytes:
        try:
            self.connection.request("GET", path, headers={"Host": self.host})
            answer = self.connection.getresponse()
            body = answer.read()
            return body if answer.status == 200 else b""
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return b""


@contextlib.contextmanager
def serving(scratch: pathlib.Path, tenants: dict, store: str = "", more: dict | None = None):
    """Serves these tenants (name to repository) until the block ends; `store` is the setting store.url, `more` are further
    files of the platform's repository."""
    platform = scratch / "platform.git"
    repositories.make(platform, {**repositories.platform_files(tenants), **(more or {})})
    daemon = Daemon(scratch / "data", platform, store)
    try:
        yield daemon
    finally:
        daemon.stop()
