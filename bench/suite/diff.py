"""What a diff costs, beside terraform and ninja."""

import json
import os
import pathlib
import shutil
import subprocess

from . import repositories
from .machine import BUILD, CROFT, Cost, child_cpu_since, have, measured, table

# Resources and sources: ten sources as they grow; then tenants of a hundred resources each.
SHAPES = [(1_000, 10), (10_000, 10), (100_000, 10), (10_000, 100), (100_000, 1_000)]
ROUNDS = 3


def median_of(arguments, **options) -> Cost:
    """The run with the median CPU time of a few."""
    runs = sorted((measured(arguments, **options) for _ in range(ROUNDS)), key=lambda cost: cost.cpu)
    return runs[len(runs) // 2]


def ms(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def phases(output: str) -> dict:
    return {phase["phase"]: phase for phase in map(json.loads, output.splitlines())}


def ninja_noop(scratch: pathlib.Path, files: int) -> Cost:
    """ninja with nothing to do: as many inputs, an output each."""
    work = scratch / f"ninja{files}"
    for side in ("in", "out"):
        for i in range(files):
            path = work / side / str(i // 100) / str(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    # A generator's outputs need no entry in ninja's log to be up to date.
    lines = ["rule touch", "  command = touch $out", "  generator = 1"]
    lines += [f"build out/{i // 100}/{i}: touch in/{i // 100}/{i}" for i in range(files)]
    (work / "build.ninja").write_text("\n".join(lines) + "\n")
    subprocess.run(["ninja", "-C", work], check=True, stdout=subprocess.DEVNULL)
    child_cpu_since()
    cost = median_of(["ninja", "-C", work], scratch=scratch)
    if "no work to do" not in cost.output:
        raise RuntimeError("ninja had work to do")
    shutil.rmtree(work)
    return cost


def terraform_plan(scratch: pathlib.Path, resources: int, deadline: int) -> Cost:
    """terraform plan of as many builtin resources, nothing downloaded."""
    work = scratch / "terraform"
    work.mkdir()
    (work / "main.tf").write_text("".join(
        f'resource "terraform_data" "r{i}" {{\n  input = {{ greeting = "hello", number = "{i}" }}\n}}\n'
        for i in range(resources)))
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    subprocess.run(["terraform", "init", "-input=false"], cwd=work, env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child_cpu_since()
    cost = measured(["terraform", "plan", "-input=false", "-no-color"], deadline=deadline, ok=(0, 137, -9),
                    scratch=scratch, cwd=work, env=environment)
    shutil.rmtree(work)
    return cost


def scale(scratch: pathlib.Path, shapes) -> None:
    rows, parts, memory = [], [], []
    ninja = {}
    for resources, sources in shapes:
        fleet = scratch / "fleet"
        repositories.fleet(fleet, resources, sources)
        child_cpu_since()
        cold = median_of([BUILD / "bench" / "diff_scale", "cold", fleet], scratch=scratch)
        warm = phases(measured([BUILD / "bench" / "diff_scale", "warm", fleet], scratch=scratch).output)
        shutil.rmtree(fleet)
        shape = [f"{resources:,}", f"{sources:,}"]
        rows.append([*shape, "cold, whole process", ms(cold.wall), ms(cold.cpu), f"{cold.peak:.0f}"])
        for name in ("unchanged", "one file changed"):
            phase = warm[name]
            rows.append([*shape, name, ms(phase["wall_ms"] / 1e3), ms(phase["cpu_ms"] / 1e3), "-"])
        if resources not in ninja and shutil.which("ninja"):
            ninja[resources] = ninja_noop(scratch, resources)
            cost = ninja[resources]
            rows.append([f"{resources:,}", "-", "ninja, no work to do", ms(cost.wall), ms(cost.cpu), f"{cost.peak:.0f}"])
        for name in ("cold", "unchanged", "one file changed"):
            phase = warm[name]
            parts.append([*shape, name, *(ms(phase[part] / 1e3) for part in ("load_ms", "expand_ms", "claims_ms", "diff_ms"))])
        memory.append([*shape, f"{warm['memory']['declared_bytes']:.0f}", f"{warm['memory']['owned_bytes']:.0f}"])
    table("Diff of a fleet, from Git to changeset", ["resources", "sources", "case", "wall ms", "CPU ms", "peak MiB"], rows,
          "One resource a file. `unchanged` and `one file changed` are in a process that has everything cached;\n"
          "`unchanged` goes through all sources again.")
    table("Where that time goes (wall ms)",
          ["resources", "sources", "case", "read and load", "check and expand", "host claims", "diff"], parts)
    table("Memory of a resource in the daemon (bytes)",
          ["resources", "sources", "declared: documents, specs, desired", "owned: inventory, observation"], memory)


def with_terraform(scratch: pathlib.Path, resources: int = 1_000) -> None:
    rows = []
    fleet = scratch / "fleet"
    repositories.fleet(fleet, resources, 10)
    child_cpu_since()
    ours = median_of([BUILD / "bench" / "diff_scale", "cold", fleet], scratch=scratch)
    shutil.rmtree(fleet)
    rows.append(["croft, cold, 10 sources", ms(ours.wall), ms(ours.cpu), f"{ours.peak:.0f}"])
    if have("terraform"):
        deadline = 60
        theirs = terraform_plan(scratch, resources, deadline)
        ended = theirs.status == 0
        name = "terraform plan" if ended else f"terraform plan, killed after {deadline} s"
        rows.append([name, ms(theirs.wall), ms(theirs.cpu), f"{theirs.peak:.0f}"])
        rows.append([f"ratio of CPU time{'' if ended else ', at least'}", "-", f"{theirs.cpu / ours.cpu:.0f}", "-"])
    table(f"Plan of {resources:,} new resources", ["tool", "wall ms", "CPU ms", "peak MiB"], rows)


def command_line(scratch: pathlib.Path) -> None:
    """The commands that people type, on a checked-out repository of one tenant."""
    rows = []
    platform = scratch / "platform"
    platform.mkdir()
    for path, text in repositories.platform_files({"alice": "/srv/git/alice.git"}).items():
        (platform / path).write_text(text)
    for resources in (100, 1_000, 10_000):
        repositories.make(scratch / "alice.git", repositories.source_files(0, resources))
        subprocess.run(["git", "clone", "--quiet", scratch / "alice.git", scratch / "alice"], check=True,
                       env=repositories.quiet_git())
        child_cpu_since()
        for name, arguments in (("validate", []), ("diff", ["--platform", platform, "-t", "alice"])):
            cost = median_of([CROFT, name, scratch / "alice", *arguments], ok=(0, 1), scratch=scratch)
            rows.append([f"{resources:,}", f"croft {name}", ms(cost.wall), ms(cost.cpu), f"{cost.peak:.0f}"])
        shutil.rmtree(scratch / "alice.git")
        shutil.rmtree(scratch / "alice")
    table("The command offline, one tenant's checkout", ["resources", "command", "wall ms", "CPU ms", "peak MiB"], rows)


def run(scratch: pathlib.Path, quick: bool) -> None:
    have("ninja")
    scale(scratch, SHAPES[:2] if quick else SHAPES)
    with_terraform(scratch)
    command_line(scratch)
