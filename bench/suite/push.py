"""From a push until it is served; a fleet from nothing."""

import json
import pathlib
import shutil
import subprocess
import time

from . import postgres, repositories
from .daemon import Daemon, Edge, serving
from .journal import PostgresJournal, SqliteJournal
from .machine import BUILD, percentile, process_cpu, process_memory, table

PUSHES = 40
FILES = 100
TENANTS = 1_000
FLEET_DEADLINE = 900  # seconds

SITE = "apiVersion: croft/v1\nkind: Site\nmetadata: {name: blog}\nspec: {files: {path: public}}\n"
# An app that does nothing: what Croft and the kernel take for it is measured, and not an interpreter's start.
APP = ("apiVersion: croft/v1\nkind: Instance\nmetadata: {name: idle}\n"
       "spec:\n  command: [sleep, infinity]\n  resources: {cpu: 50m, memory: 16MiB}\n")


def site_files(marker: str, count: int) -> dict:
    files = {f"public/page{i}.html": f"<h1>{marker} page {i}</h1>\n" + "<p>text</p>\n" * 40 for i in range(1, count)}
    return {**files, "public/index.html": f"<h1>{marker}</h1>\n", "site.yaml": SITE}


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f}"


def push_once(clone: pathlib.Path, edge: Edge, round_number: int) -> tuple:
    """Seconds that git push took by itself, and until the edge served what was pushed."""
    marker = f"<h1>round {round_number}</h1>\n"
    (clone / "public" / "index.html").write_text(marker)
    git = ["git", "-C", clone]
    subprocess.run([*git, "commit", "--quiet", "-am", f"round {round_number}"], check=True, env=repositories.quiet_git())
    begun = time.perf_counter()
    subprocess.run([*git, "push", "--quiet", "origin", "HEAD:main"], check=True, env=repositories.quiet_git())
    pushed = time.perf_counter() - begun
    while edge.get("/") != marker.encode():
        if time.perf_counter() - begun > 60:
            raise RuntimeError("a push was not applied within 60 s")
        time.sleep(0.001)
    return pushed, time.perf_counter() - begun


class Meter:
    """What passes cost the daemon and its store, from one lap to the next."""

    def __init__(self, control: int, journal):
        self.control, self.journal = control, journal
        self.cpu, self.log = process_cpu(control), journal.look()
        self.rows = journal.rows()

    def lap(self, case: str, passes: int) -> list:
        """A row of the table."""
        cpu, log, rows = process_cpu(self.control), self.journal.look(), self.journal.rows()
        row = [case, passes, f"{(cpu - self.cpu) / passes * 1e3:.1f}", f"{(log[0] - self.log[0]) / passes:.1f}",
               f"{(log[1] - self.log[1]) / passes / 1024:.1f}", "-" if rows is None else f"{(rows - self.rows) / passes:.1f}"]
        self.cpu, self.log, self.rows = process_cpu(self.control), self.journal.look(), rows
        return row


def pushes(scratch: pathlib.Path, count: int, engine: str, store: str = "", server=None) -> None:
    repository = scratch / "alice.git"
    repositories.make(repository, site_files("round 0", FILES))
    clone = scratch / "alice"
    subprocess.run(["git", "clone", "--quiet", repository, clone], check=True, env=repositories.quiet_git())
    with serving(scratch, {"alice": repository}, store) as daemon:
        edge = Edge(daemon.port, "alice-blog.localhost")
        if not daemon.wait_for(lambda: edge.get("/") != b"", 60):
            raise RuntimeError("the site is not up after 60 s:\n" + daemon.tail())
        push_once(clone, edge, 1)
        journal = PostgresJournal(server, "bench") if server else SqliteJournal(daemon.data)
        meter = Meter(daemon.pid_of("control"), journal)
        times = []
        for i in range(2, 2 + count):
            times.append(push_once(clone, edge, i))
            journal.look()
        costs = [meter.lap("one file changed", count)]
        for _ in range(count):
            daemon.command("reconcile", "-t", "alice", "--wait")
            journal.look()
        costs.append(meter.lap("nothing changed", count))
    applied = [total for _, total in times]
    after = [total - alone for alone, total in times]
    rows = [[name, ms(percentile(values, 0.5)), ms(percentile(values, 0.99)), ms(max(values))]
            for name, values in (("git push alone", [alone for alone, _ in times]),
                                 ("from its end until served", after), ("from its start until served", applied))]
    table(f"A push of one changed file of {FILES}, to a local bare repository ({count} pushes; store: {engine})",
          ["what", "median ms", "p99 ms", "longest ms"], rows,
          "The edge is asked for the new page every millisecond or so.")
    table(f"What a pass costs (store: {engine})",
          ["case", "passes", "control CPU ms", "store transactions", "KiB of log", "rows"], costs,
          "A pass each, its git children and the API's part included. Either engine is given the same rows to write.")


def raw_calls(adapter: str, repositories_at: pathlib.Path, data: pathlib.Path) -> dict:
    done = subprocess.run([BUILD / "bench" / "provider_bench", adapter, repositories_at, data],
                          capture_output=True, text=True, timeout=FLEET_DEADLINE)
    shutil.rmtree(data, ignore_errors=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)


def count_ready(daemon: Daemon) -> int:
    """How many resources are up: sites by the edge's routes, apps by what the API says."""
    sites = sum(1 for route in daemon.routes().values() if route.get("endpoint", "").startswith("release:"))
    apps = [line for line in daemon.command("get", "-A").splitlines() if "Instance/" in line and " Running" in line]
    return sites + len(apps)


def from_nothing(scratch: pathlib.Path, count: int, files: dict, name: str) -> list:
    """A row of the table: so many tenants with these files each."""
    home = scratch / "fleet"
    sources = home / "sources"
    sources.mkdir(parents=True)
    tenants = {f"t{i:04}": sources / f"t{i:04}.git" for i in range(count)}
    for tenant, repository in tenants.items():
        repositories.make(repository, {path: text.replace("TENANT", tenant) for path, text in files.items()})
    adapters = [adapter for adapter, manifest in (("site", "site.yaml"), ("process", "app.yaml")) if manifest in files]
    raw = sum(raw_calls(adapter, sources, home / "raw")["sum_ms"] for adapter in adapters) / 1e3
    wanted = count * len(adapters)
    with serving(home, tenants) as daemon:
        daemon.wait_for(lambda: count_ready(daemon) >= wanted, FLEET_DEADLINE, pause=0.5)
        total = time.perf_counter() - daemon.started
        ready = count_ready(daemon)
        control = daemon.pid_of("control")
        cpu, memory = process_cpu(control), process_memory(control, "VmRSS")
    shutil.rmtree(home)
    return [f"{count:,}", name, f"{ready:,}", f"{total:.1f}", f"{cpu:.1f}", f"{memory:.0f}", f"{raw:.1f}",
            f"{total / raw:.1f}"]


def run(scratch: pathlib.Path, quick: bool) -> None:
    count = 10 if quick else PUSHES
    embedded, beside = scratch / "sqlite", scratch / "postgresql"
    embedded.mkdir()
    pushes(embedded, count, "SQLite")
    with postgres.running(scratch) as server:
        if server is None:
            print("PostgreSQL is not installed: its half is left out")
            return
        beside.mkdir()
        pushes(beside, count, "PostgreSQL", server.make_database("bench"), server)


def run_fleet(scratch: pathlib.Path, quick: bool) -> None:
    count = 20 if quick else TENANTS
    site, app = site_files("TENANT", 4), {"app.yaml": APP}
    rows = [from_nothing(scratch, count, site, "a site of 4 files"),
            from_nothing(scratch, count, {**site, **app}, "that and an app (sleep)")]
    table("A fleet from nothing",
          ["tenants", "each with", "ready", "total s", "control CPU s", "control MiB", "raw calls, sum s", "ratio"], rows,
          "Total: from the start of `croft serve` until all are ready, fetching every repository included.\n"
          "Raw calls: the provider's `create` for each, one after the other, without a reconciler.")
