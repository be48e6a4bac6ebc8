"""The benchmarks that are programs or scripts of their own."""

import json
import subprocess

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


def shim(scratch, quick: bool) -> None:
    text("The supervisor of an idle app",
         [ROOT / "bench" / "shim_bench.sh", BUILD / "providers" / "process" / "shim" / "croft-shim", "20" if quick else "50"])


def store(scratch, quick: bool) -> None:
    text("The store (SQLite)", [BUILD / "bench" / "store_bench", scratch])


def git(scratch, quick: bool) -> None:
    google("git_bench", "Reading and fetching sources", 0.2, "/1000(/|$)" if quick else ".")


def manifest(scratch, quick: bool) -> None:
    google("manifest_bench", "Loading manifests (from memory)", 0.2)


def pure(scratch, quick: bool) -> None:
    google("diff_bench", "The pure middle alone: one tenant's expansion and diff", 0.2, "/1000$" if quick else ".")
