"""Stacks on a real Docker engine: croft, docker-compose, and the bare API calls, in turns on the same engine."""

import concurrent.futures
import os
import pathlib
import statistics
import subprocess
import threading
import time

from . import docker_engine, repositories
from .daemon import serving
from .docker_engine import IMAGE, Api
from .machine import CROFT, have, percentile, process_cpu, table

ROUNDS = 5
SERVICES = 10
MANY_STACKS = 10  # of SERVICES each
PASSES = 30
PATIENCE = 300  # seconds
PROJECT = "bench"

# Ends at once when it is asked to, as a good service does.
COMMAND = ["sh", "-c", 'trap "exit 0" TERM; sleep 86400 & wait']


def layers() -> dict:
    """service → what it depends on: two stores, six workers on them, two fronts on those."""
    stores, workers = ["db", "cache"], [f"api{i}" for i in range(1, SERVICES - 3)]
    return {**{name: [] for name in stores}, **{name: stores for name in workers},
            **{f"web{i}": workers for i in (1, 2)}}


def flat() -> dict:
    return {f"app{i}": [] for i in range(SERVICES)}


def compose_file(services: dict, marks: dict) -> str:
    """`marks`: service → value of its variable MARK."""
    text = "services:\n"
    for name, needs in services.items():
        command = ", ".join("'" + word + "'" for word in COMMAND)
        text += (f"  {name}:\n    image: {IMAGE}\n    command: [{command}]\n"
                 f"    environment: {{MARK: \"{marks.get(name, 'first')}\"}}\n")
        if needs:
            text += f"    depends_on: [{', '.join(needs)}]\n"
    return text


def seconds_of(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def until(claim, what: str, pause: float = 0.005) -> None:
    end = time.perf_counter() + PATIENCE
    while not claim():
        if time.perf_counter() > end:
            raise RuntimeError(f"not within {PATIENCE} s: {what}")
        time.sleep(pause)


class Bare:
    """The calls that there is no way around, as early as each may be made."""

    def __init__(self, engine, services: dict, project: str):
        self.engine, self.services, self.project = engine, services, project
        self.label = f"bench.bare={project}"
        self.pool = concurrent.futures.ThreadPoolExecutor(len(services))
        self.ids = {}

    def each(self, work) -> None:
        list(self.pool.map(work, self.services))

    def config(self, name: str, mark: str) -> dict:
        labels = {"bench.bare": self.project, "bench.service": name, "bench.mark": mark}
        return {"Image": IMAGE, "Cmd": COMMAND, "Env": [f"MARK={mark}"], "Labels": labels,
                "HostConfig": {"NetworkMode": self.project},
                "NetworkingConfig": {"EndpointsConfig": {self.project: {"Aliases": [name]}}}}

    def create(self, name: str, mark: str) -> str:
        # No name is asked for: a client that gives names does not wait for them either.
        return self.engine.api.call("POST", "/containers/create", self.config(name, mark))["Id"]

    def up(self) -> None:
        network = {"Name": self.project, "Labels": {"bench.bare": self.project}}
        self.engine.api.call("POST", "/networks/create", network)
        started = {name: threading.Event() for name in self.services}

        def bring_up(name: str) -> None:
            try:
                self.ids[name] = self.create(name, "first")
                for needed in self.services[name]:
                    started[needed].wait()
                self.engine.api.call("POST", f"/containers/{self.ids[name]}/start")
            finally:  # who waits for what failed fails, too, and does not wait for ever
                started[name].set()

        self.each(bring_up)

    def look(self) -> None:
        """One list of each: nothing differs."""
        networks = self.pool.submit(self.engine.networks, self.label)
        containers = self.engine.containers(self.label)
        found = {one["Labels"]["bench.service"]: one["Labels"]["bench.mark"] for one in containers}
        if found != {name: "first" for name in self.services} or len(networks.result()) != 1:
            raise RuntimeError(f"not what is up: {found}")

    def change(self, name: str) -> None:
        """The new one first, as croft does."""
        old = self.ids[name]
        self.ids[name] = self.create(name, "second")
        self.engine.api.call("POST", f"/containers/{self.ids[name]}/start")
        self.end(old)

    def end(self, container: str) -> None:
        self.engine.api.call("POST", f"/containers/{container}/stop")
        self.engine.api.call("DELETE", f"/containers/{container}", v="true")

    def down(self) -> None:
        gone = {name: threading.Event() for name in self.services}
        needed_by = {name: [other for other, needs in self.services.items() if name in needs] for name in self.services}

        def take_down(name: str) -> None:
            try:
                for other in needed_by[name]:
                    gone[other].wait()
                self.engine.api.call("POST", f"/containers/{self.ids[name]}/stop")
            finally:
                gone[name].set()
            self.engine.api.call("DELETE", f"/containers/{self.ids[name]}", v="true")

        self.each(take_down)
        self.engine.api.call("DELETE", f"/networks/{self.project}")

    def round(self, changed: str) -> dict:
        return {"up": seconds_of(self.up), "no-op": seconds_of(self.look),
                "one field": seconds_of(lambda: self.change(changed)), "down": seconds_of(self.down)}


class Compose:
    """Debian's docker-compose."""

    def __init__(self, engine, services: dict, scratch: pathlib.Path):
        self.services = services
        self.file = scratch / "docker-compose.yaml"
        self.environment = {**os.environ, "DOCKER_HOST": engine.host}

    def run(self, *words) -> None:
        done = subprocess.run(["docker-compose", "-p", PROJECT, "-f", self.file, *words], env=self.environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"docker-compose {' '.join(words)}: {done.stderr[-2000:]}")

    def round(self, changed: str) -> dict:
        up = lambda: self.run("up", "-d")  # noqa: E731
        self.file.write_text(compose_file(self.services, {}))
        times = {"up": seconds_of(up), "no-op": seconds_of(up)}
        self.file.write_text(compose_file(self.services, {changed: "second"}))
        times["one field"] = seconds_of(up)
        times["down"] = seconds_of(lambda: self.run("down"))
        return times


class Croft:
    """`croft serve` with a tenant; what its clone pushes is brought about."""

    def __init__(self, engine, daemon, clone: pathlib.Path):
        self.engine, self.daemon, self.clone = engine, daemon, clone
        self.api = Api(daemon.data / "api.sock")
        self.label = "croft.provider=docker"
        self.ready_after = []  # seconds from the last container's start until the API says Ready
        self.rounds = 0

    def push(self, files: dict) -> None:
        git = ["git", "-C", self.clone]
        subprocess.run([*git, "rm", "-rq", "--ignore-unmatch", "."], check=True, env=repositories.quiet_git())
        self.clone.mkdir(exist_ok=True)
        for name, text in files.items():
            (self.clone / name).write_text(text)
        subprocess.run([*git, "add", "-A"], check=True, env=repositories.quiet_git())
        subprocess.run([*git, "commit", "--quiet", "-m", "change"], check=True, env=repositories.quiet_git())
        self.pushing = time.perf_counter()
        subprocess.run([*git, "push", "--quiet", "origin", "HEAD:main"], check=True, env=repositories.quiet_git())

    def since_push(self) -> float:
        return time.perf_counter() - self.pushing

    def running(self) -> list:
        return [one for one in self.engine.containers(self.label) if one["State"] == "running"]

    def is_ready(self, count: int) -> bool:
        rows = self.api.call("GET", "/v1/resources", tenant="alice", kind="Service")["resources"]
        return len(rows) == count and all(
            condition["status"] == "True" for row in rows for condition in row["conditions"] if condition["type"] == "Ready")

    def await_running(self, count: int) -> float:
        until(lambda: len(self.running()) == count, f"{count} containers run\n" + self.daemon.tail())
        taken = self.since_push()
        until(lambda: self.is_ready(count), f"{count} services are ready\n" + self.daemon.command("get", "services", "-A"))
        self.ready_after.append(self.since_push() - taken)
        return taken

    def change(self, stack: str, services: dict, changed: str) -> float:
        old = {one["Id"] for one in self.running()}
        self.push(stack_files({stack: compose_file(services, {changed: "second"})}))

        def is_changed() -> bool:
            now = {one["Id"] for one in self.engine.containers(self.label)}
            return len(now) == len(services) and len(now - old) == 1

        until(is_changed, "the one service is another container\n" + self.daemon.tail())
        return self.since_push()

    def down(self) -> float:
        """From the acknowledgement: destroying more than half of what a tenant has waits for a person."""
        self.push({"nothing.txt": "nothing\n"})
        waiting = []

        def is_asked() -> bool:
            waiting[:] = self.api.call("GET", "/v1/prunes", tenant="alice")["prunes"]
            return bool(waiting)

        until(is_asked, "croft asks whether it may destroy")
        begun = time.perf_counter()
        self.api.call("POST", "/v1/prunes/ack", {"tenant": "alice", "digest": waiting[0]["digest"]})
        until(lambda: not self.engine.containers(self.label) and not self.engine.networks(self.label), "all is gone")
        return time.perf_counter() - begun

    def round(self, services: dict, changed: str) -> dict:
        # Another name each time: what was removed and comes back is an easier thing.
        self.rounds += 1
        stack = f"shop{self.rounds}"
        self.push(stack_files({stack: compose_file(services, {})}))
        times = {"up": self.await_running(len(services))}
        # What a person would type in the place of a second `docker-compose up -d`.
        times["no-op"] = seconds_of(lambda: self.daemon.command("reconcile", "-t", "alice"))
        times["one field"] = self.change(stack, services, changed)
        until(lambda: self.is_ready(len(services)), "ready again")
        times["down"] = self.down()
        return times


def stack_files(composes: dict) -> dict:
    """The repository of a tenant with these Stacks (name → compose file)."""
    hosting = "---\n".join(f"apiVersion: croft/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec: {{file: {name}.yaml}}\n"
                           for name in composes)
    return {"hosting.yaml": hosting, **{f"{name}.yaml": text for name, text in composes.items()}}


def provider_file(engine) -> dict:
    return {"docker.yaml": "apiVersion: croft/v1\nkind: Provider\nmetadata: {name: docker}\n"
                           f"spec: {{adapter: docker, settings: {{host: \"{engine.host}\", localImages: allow}}}}\n"}


def rounds(engine, croft: Croft, scratch: pathlib.Path, count: int) -> None:
    for title, services, changed in (("with depends_on in three layers", layers(), "web1"),
                                     ("that need nothing of each other", flat(), "app7")):
        compose, bare = Compose(engine, services, scratch), Bare(engine, services, PROJECT)
        samples = []
        croft.ready_after.clear()
        for _ in range(count):
            samples.append((croft.round(services, changed), compose.round(changed), bare.round(changed)))
        rows = []
        for what in ("up", "no-op", "one field", "down"):
            mine, theirs, limit = (statistics.median(sample[i][what] for sample in samples) for i in range(3))
            rows.append([what, *(f"{value * 1e3:.0f}" for value in (mine, theirs, limit)), f"{mine / theirs:.2f}",
                         f"{mine / limit:.2f}"])
        table(f"{SERVICES} services {title} (medians of {count} rounds in turns)",
              ["what", "croft ms", "docker-compose ms", "bare calls ms", "of docker-compose", "of the bare calls"], rows,
              "croft: from the start of `git push` until the engine has it so; no-op is the command `croft reconcile`; down from the\n"
              "acknowledgement on. After the last container of `up` ran, Croft's API said Ready another "
              f"{statistics.median(croft.ready_after) * 1e3:.0f} ms later.")


def many(engine, croft: Croft, stacks: int) -> None:
    """Many containers from nothing, then what a pass over them costs."""
    wanted = stacks * SERVICES
    bares = [Bare(engine, flat(), f"bare{i}") for i in range(stacks)]
    with concurrent.futures.ThreadPoolExecutor(stacks) as pool:
        raw = seconds_of(lambda: list(pool.map(lambda bare: bare.up(), bares)))
        list(pool.map(lambda bare: bare.down(), bares))
    croft.push(stack_files({f"s{i}": compose_file(flat(), {}) for i in range(stacks)}))
    total = croft.await_running(wanted)
    table(f"{wanted} containers ({stacks} stacks) from a push",
          ["containers", "croft s", "bare calls s", "ratio"], [[wanted, f"{total:.1f}", f"{raw:.1f}", f"{total / raw:.2f}"]],
          f"Croft's API said Ready {croft.ready_after[-1]:.1f} s later.")
    passes(croft, wanted)


def passes(croft: Croft, wanted: int) -> None:
    control = croft.daemon.pid_of("control")
    rows = []
    for name, path in (("a pass: fetch, observe, diff (POST /v1/reconcile)", "/v1/reconcile"),
                       ("the same without the fetch (POST /v1/diff)", "/v1/diff")):
        croft.api.call("POST", path, {"tenant": "alice"})
        before = process_cpu(control)
        times = [seconds_of(lambda: croft.api.call("POST", path, {"tenant": "alice"})) for _ in range(PASSES)]
        cpu = (process_cpu(control) - before) / PASSES
        rows.append([name, f"{percentile(times, 0.5) * 1e3:.1f}", f"{max(times) * 1e3:.1f}", f"{cpu * 1e3:.1f}"])
    lists = [seconds_of(lambda: croft.engine.containers(croft.label)) for _ in range(PASSES)]
    rows.append(["the engine's list of the containers alone", f"{percentile(lists, 0.5) * 1e3:.1f}",
                 f"{max(lists) * 1e3:.1f}", ""])
    table(f"Nothing to do, {wanted} containers ({PASSES} times)", ["what", "median ms", "longest ms", "control's CPU ms"], rows)


def measure(scratch: pathlib.Path, quick: bool) -> None:
    repository, clone = scratch / "alice.git", scratch / "alice"
    repositories.make(repository, {"nothing.txt": "nothing\n"})
    subprocess.run(["git", "clone", "--quiet", repository, clone], check=True, env=repositories.quiet_git())
    with docker_engine.running(scratch) as engine, \
            serving(scratch, {"alice": repository}, more=provider_file(engine)) as daemon:
        if not daemon.wait_for(lambda: "nothing" not in daemon.command("get", "-A"), 60):
            raise RuntimeError("croft serve does not come up:\n" + daemon.tail())
        croft = Croft(engine, daemon, clone)
        until(lambda: (daemon.data / "api.sock").exists(), "the API is there")
        rounds(engine, croft, scratch, 2 if quick else ROUNDS)
        many(engine, croft, 2 if quick else MANY_STACKS)
        croft.down()


def run(scratch: pathlib.Path, quick: bool) -> None:
    if not have(*docker_engine.PROGRAMS, "docker-compose", str(CROFT)):
        return
    if os.geteuid() != 0:
        print("(left out: only root can start a Docker engine)")
        return
    docker_engine.apart(lambda: measure(scratch, quick))
