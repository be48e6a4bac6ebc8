"""A PostgreSQL server of our own, on loopback, for as long as a benchmark runs."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

from .daemon import free_port


def binaries() -> pathlib.Path | None:
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class Server:
    def __init__(self, scratch: pathlib.Path):
        self.directory = scratch / "postgres"
        self.directory.mkdir()
        self.port = free_port()
        self.user = []
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        data = self.directory / "data"
        subprocess.run([*self.user, binaries() / "initdb", "-D", data, "-U", "croft", "-A", "trust", "-N", "-E", "UTF8",
                        "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            [*self.user, binaries() / "postgres", "-D", data, "-c", "listen_addresses=127.0.0.1", "-p", str(self.port),
             "-c", f"unix_socket_directories={self.directory}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready = [binaries() / "pg_isready", "-q", "-h", self.directory, "-p", str(self.port)]
        for _ in range(600):
            if subprocess.run(ready).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL does not start")

    def sql(self, database: str, text: str) -> str:
        return subprocess.run(["psql", "-h", self.directory, "-p", str(self.port), "-U", "croft", "-d", database, "-qtAXc",
                               text], check=True, capture_output=True, text=True).stdout.strip()

    def make_database(self, name: str) -> str:
        """A new database; its URL."""
        self.sql("postgres", f"CREATE DATABASE {name}")
        return f"postgres://croft@127.0.0.1:{self.port}/{name}"

    def socket_url(self, url: str) -> str:
        """The same database without TCP, as on an operator's own machine."""
        return f"postgres://croft@:{self.port}/{url.rsplit('/', 1)[1]}?host={self.directory}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.directory)


@contextlib.contextmanager
def running(scratch: pathlib.Path):
    """None where PostgreSQL is not installed."""
    if binaries() is None:
        yield None
        return
    server = Server(scratch)
    try:
        yield server
    finally:
        server.stop()
