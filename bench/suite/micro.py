"""The benchmarks that are programs or scripts of their own."""

import json
import subprocess

from . import postgres
from .machine import BUILD, CROFT, ROOT, have, table


def google(name: str, title: str, minimum: float, pattern: str = ".") -> None:
    """Runs a Google Benchmark program and prints its results; CPU time counts."""
    done = subprocess.run([BUILD / "bench" / name, "--benchmark_format=json", f"--benchmark_min_time={minimum}",
                           f"--benchmark_filter={pattern}"], capture_output=True, text=True, timeout=600, check=True)
    rows = []
    for each in json.loads(done.stdout)["benchmarks"]:
        if each.get("error_occurred"):
            raise RuntimeError(f"{each['name']}: {each['error_message']}")
        rate = each.get("items_per_second")
        rows.append([each["name"], f"{each['real_time']:.3g}", f"{each['cpu_time']:.3g}", each["time_unit"],
                     f"{rate:,.0f}" if rate else "-"])
    table(title, ["case", "wall", "CPU", "unit", "items/s"], rows)


def text(title: str, arguments) -> None:
    """Runs something that prints its own table."""
    print(f"\n### {title}\n\n```", flush=True)
    subprocess.run(arguments, check=True, timeout=600)
    print("```", flush=True)


def edge(scratch, quick: bool) -> None:
    if have("wrk", "nginx", "git"):
        seconds, rounds = ("1", "1") if quick else ("3", "3")
        text("The edge beside nginx", [ROOT / "bench" / "edge_bench.sh", CROFT, seconds, rounds])


def metrics(scratch, quick: bool) -> None:
    if have("wrk", "git"):
        seconds, rounds = ("1", "1") if quick else ("3", "5")
        text("What metrics cost the edge",
             [ROOT / "bench" / "metrics_bench.sh", BUILD / "bench" / "metrics_bench", seconds, rounds])


def shim(scratch, quick: bool) -> None:
    text("The supervisor of an idle app",
         [ROOT / "bench" / "shim_bench.sh", BUILD / "providers" / "process" / "shim" / "croft-shim", "20" if quick else "50"])


def store(scratch, quick: bool) -> None:
    bench = BUILD / "bench" / "store_bench"
    text("The store (SQLite)", [bench, scratch])
    print(f"size of the inventory's database: {(scratch / 'inventory' / 'croft.db').stat().st_size >> 20} MiB")
    with postgres.running(scratch) as server:
        if server is None:
            print("PostgreSQL is not installed: its half is left out")
            return
        databases = ["commits", "start", "inventory"]
        text("The store (PostgreSQL)", [bench, scratch / "beside-postgres", *map(server.make_database, databases)])
        text("The store (PostgreSQL, over its Unix socket)",
             [bench, scratch / "beside-socket",
              *(server.socket_url(server.make_database("local_" + name)) for name in databases)])
        size = server.sql("inventory", "SELECT pg_database_size('inventory') >> 20")
        print(f"size of the inventory's database: {size} MiB")


def git(scratch, quick: bool) -> None:
    google("git_bench", "Reading and fetching sources", 0.2, "/1000(/|$)" if quick else ".")


def manifest(scratch, quick: bool) -> None:
    google("manifest_bench", "Loading manifests (from memory)", 0.2)


def pure(scratch, quick: bool) -> None:
    google("diff_bench", "The pure middle alone: one tenant's expansion and diff", 0.2, "/1000$" if quick else ".")


def traces(scratch, quick: bool) -> None:
    google("trace_bench", "A step of a pass: plain, traced while tracing is off, and while it is on", 0.2)


def adapters(scratch, quick: bool) -> None:
    """A thousand calls of a Lua adapter at once; the same requests by a plain client say what the server costs."""
    rows = []
    for calls in [1000] if quick else [100, 1000, 4000]:
        done = subprocess.run([BUILD / "bench" / "adapter_bench", str(calls)], capture_output=True, text=True, timeout=600,
                              check=True)
        seen = json.loads(done.stdout)
        for case in ("first", "warm"):
            plain, lua = seen[f"plain_{case}_ms"], seen[f"lua_{case}_ms"]
            rows.append([f"{calls:,}", {"first": "connecting", "warm": "connections kept"}[case], f"{plain:.0f}", f"{lua:.0f}",
                         f"{lua / plain:.2f}", f"{lua / seen['answer_ms']:.1f}",
                         f"{seen[f'plain_{case}_cpu_ms']:.0f}", f"{seen[f'lua_{case}_cpu_ms']:.0f}",
                         f"{seen['lua_heap_bytes_a_call'] / 1024:.1f}", f"{seen['vm_bytes_a_call'] / 1024:.1f}"])
    table("Calls of a Lua adapter, all at once, one thread; the server answers after 50 ms",
          ["calls", "case", "plain client ms", "adapter ms", "adapter / plain", "/ 50 ms", "plain CPU ms", "adapter CPU ms",
           "KiB a call", "of it Lua"], rows)


def pricing(scratch, quick: bool) -> None:
    """A quote of ten resources, warm: the rule asked by Croft, written in C++, and run by LuaJIT alone."""
    done = subprocess.run([BUILD / "bench" / "pricing_bench", "1000" if quick else "10000"], capture_output=True, text=True,
                          timeout=600, check=True)
    rows = []
    for line in done.stdout.splitlines():
        each = json.loads(line)
        if each["what"] == "sandbox":
            print(f"\nThe sandbox holds {each['at_rest'] // 1024} KiB, and {each['afterwards'] // 1024} KiB after all that.")
            continue
        rows.append([each["what"], f"{each['us']:.2f}", f"{each['quotes_per_second']:,.0f}",
                     f"{each['bytes'] / 1024:.1f}" if each["bytes"] else "-"])
    table("Quotes, ten resources a tenant", ["case", "us", "a second", "KiB kept a tenant"], rows)
