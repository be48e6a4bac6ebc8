"""From a delivery at the receiver until the pass that it causes begins."""

import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import time

from . import repositories
from .daemon import Daemon, free_port
from .machine import percentile, table

SOURCES = 40
ROUNDS = 10
SECRET = "what both sides know"
BODY = json.dumps({"ref": "refs/heads/main", "before": "1" * 40, "after": "2" * 40}).encode()
SITE = "apiVersion: croft/v1\nkind: Site\nmetadata: {name: blog}\nspec: {files: {path: public}}\n"
PLAN = ("apiVersion: croft/v1\nkind: Plan\nmetadata: {name: bench}\nspec:\n"
        "  price: {amount: \"1.00\", currency: USD, per: month}\n")
# The interval is hours: nothing but a hook causes a look.
TENANT = ("---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: {name}}}\nspec:\n  plan: bench\n"
          "  source: {{url: \"{url}\", interval: 20h, receiver: {{type: github, secret: hook}}}}\n")
LOOK = re.compile(r"^(\S+)Z debug source: looking source=(\S+)$", re.MULTILINE)


def deliver(connection: http.client.HTTPConnection, hook: str, number: int) -> float:
    """When it was sent, by the wall clock; answered 202, else it raises."""
    signature = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": str(number),
               "X-Hub-Signature-256": "sha256=" + signature}
    sent = time.time()
    connection.request("POST", hook, BODY, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 202:
        raise RuntimeError(f"a delivery was answered {answer.status}")
    return sent


def looks(log: pathlib.Path) -> dict:
    """source → when passes over it began."""
    found = {}
    for when, source in LOOK.findall(log.read_text()):
        at = datetime.datetime.fromisoformat(when).replace(tzinfo=datetime.timezone.utc).timestamp()
        found.setdefault(source.strip('"'), []).append(at)
    return found


def measure(daemon: Daemon, port: int, rounds: int) -> tuple:
    """Seconds until answered, and until the pass began, of each delivery."""
    hooks = {row["source"]: row["hook"] for row in json.loads(daemon.command("hooks", "-o", "json"))["hooks"]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    log = pathlib.Path(daemon.log.name)
    answered, started, number = [], [], 0
    for _ in range(rounds):
        time.sleep(1.1)  # past the rest in which deliveries of a source become one
        for source, hook in hooks.items():
            number += 1
            before = len(looks(log).get(source, []))
            sent = deliver(connection, hook, number)
            answered.append(time.time() - sent)
            if not daemon.wait_for(lambda: len(looks(log).get(source, [])) > before, 10, pause=0.002):
                raise RuntimeError("a delivery caused no pass:\n" + daemon.tail())
            # The log has whole milliseconds, rounded down.
            started.append(max(looks(log)[source][before] - sent, 0.0) + 0.0005)
    return answered, started


def run(scratch: pathlib.Path, quick: bool) -> None:
    sources, rounds = (5, 2) if quick else (SOURCES, ROUNDS)
    secrets = scratch / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "hook").write_text(SECRET + "\n")
    tenants = {f"t{i:02}": scratch / f"t{i:02}.git" for i in range(sources)}
    for repository in tenants.values():
        repositories.make(repository, {"site.yaml": SITE, "public/index.html": "<h1>hello</h1>\n"})
    platform = scratch / "platform.git"
    text = PLAN + "".join(TENANT.format(name=name, url=url) for name, url in tenants.items())
    repositories.make(platform, {"platform.yaml": text})
    port = free_port()
    daemon = Daemon(scratch / "data", platform, "", {
        "CROFT_HOOKS_LISTEN": f"127.0.0.1:{port}", "CROFT_SECRETS_DIR": str(secrets), "CROFT_LOG_LEVEL": "debug"})
    try:
        wanted = lambda: daemon.command("get", "-A").count(" True ") >= sources
        if not daemon.wait_for(wanted, 120, pause=0.2):
            raise RuntimeError("the sites are not up:\n" + daemon.tail())
        answered, started = measure(daemon, port, rounds)
    finally:
        daemon.stop()
    table(f"A push at the receiver ({sources} sources, {len(started)} deliveries, each proven, one after the other)",
          ["until", "median ms", "p99 ms", "longest ms"],
          [[name, *(f"{value * 1e3:.1f}" for value in (percentile(times, 0.5), percentile(times, 0.99), max(times)))]
           for name, times in (("it is answered (202)", answered), ("the pass begins", started))],
          "The pass begins in another process than the one that receives; its time is the log's, to a millisecond.")
