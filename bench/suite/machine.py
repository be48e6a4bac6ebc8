"""The machine, running and measuring processes, tables."""

import dataclasses
import math
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("CROFT_BENCH_BUILD", ROOT / "build" / "release"))
CROFT = BUILD / "cli" / "croft"


def describe() -> str:
    """One line: cores, memory, system."""
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1])
    system = next((line.split("=", 1)[1].strip().strip('"') for line in open("/etc/os-release")
                   if line.startswith("PRETTY_NAME")), "unknown")
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown")
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} cores ({model}), {memory / 1048576:.0f} GiB, {system}, "
            f"Linux {os.uname().release}; load average when this began {load:.1f}")


@dataclasses.dataclass
class Cost:
    """What a process and its children took."""

    wall: float  # seconds
    cpu: float  # seconds
    peak: float  # MiB
    status: int
    output: str


def measured(arguments, deadline=300, ok=(0,), **options) -> Cost:
    """Runs a program to its end, or kills it at the deadline (status 137)."""
    # GNU time is small, so that the peak is the program's own: a child of ours begins with our memory.
    note = pathlib.Path(options.pop("scratch")) / "time"
    command = ["/usr/bin/time", "-q", "-f", "%M", "-o", note, "timeout", "-s", "KILL", str(deadline), *arguments]
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    output, errors = child.communicate()
    wall = time.perf_counter() - begun
    if child.returncode not in ok:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: status {child.returncode}\n{output[-500:]}{errors[-2000:]}")
    return Cost(wall, child_cpu_since(), int(note.read_text().split()[-1]) / 1024, child.returncode, output)


_children_cpu = 0.0


def child_cpu_since() -> float:
    """CPU seconds of the children that ended since the last call."""
    global _children_cpu
    times = os.times()
    now = times.children_user + times.children_system
    spent, _children_cpu = now - _children_cpu, now
    return spent


def process_cpu(pid: int) -> float:
    """CPU seconds of a running process and of its children that ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(value) for value in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def process_memory(pid: int, field: str) -> float:
    """VmRSS or VmHWM of a running process in MiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(values, share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered)))) - 1]


def have(*tools: str) -> bool:
    """True if all are on PATH; says which is not."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        print(f"(left out: {', '.join(missing)} not on PATH)")
    return not missing


def table(title: str, head, rows, note: str = "") -> None:
    """Prints a Markdown table that reads well as text too; numbers to the right."""
    cells = [list(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    numeric = [bool(cells) and all(row[i][:1].isdigit() or row[i] in ("", "-") for row in cells) for i in range(len(head))]

    def line(row):
        aligned = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric))
        return "| " + " | ".join(aligned) + " |"

    print(f"\n### {title}\n")
    print(line(head))
    print("|" + "|".join("-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, numeric)) + "|")
    for row in cells:
        print(line(row))
    if note:
        print(f"\n{note}")
    sys.stdout.flush()
