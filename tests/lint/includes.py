#!/usr/bin/env python3
"""Checks who includes whom: the rooms of design section 4, and third-party headers that must stay behind .cpp files.

usage: includes.py ROOT      prints one line a violation; exit status 1 if there is any
"""
import pathlib
import re
import subprocess
import sys

# room -> rooms whose headers it may include (its own are always allowed)
CORE = ["core/yaml", "core/base", "core/resource", "core/manifest", "core/git", "core/store", "core/net", "core/archive", "core/secret"]
RULES = {
    "core/yaml": [],
    "core/base": ["core/yaml"],
    "core/resource": ["core/base"],
    "core/manifest": ["core/yaml", "core/base", "core/resource", "core/git"],
    "core/git": ["core/base"],
    "core/store": ["core/base", "core/resource"],
    "core/archive": ["core/base"],
    "core/net": ["core/base"],
    "core/secret": ["core/yaml", "core/base"],
    "core/archive": ["core/base"],
    "lua": CORE,
    "plans": CORE + ["lua"],
    "providers/port": CORE,
    "providers/fake": CORE + ["providers/port"],
    "providers/local": CORE,
    "providers/process": CORE + ["providers/port", "providers/local"],
    "providers/docker/engine": CORE,
    "providers/docker": CORE + ["providers/port", "providers/local", "providers/docker/engine"],
    "providers/site": CORE + ["providers/port"],
    "providers/script": CORE + ["providers/port", "lua"],
    "providers/registry": CORE + ["providers/port", "providers/docker", "providers/process", "providers/site", "providers/script"],
    "reconciler": CORE + ["lua", "plans", "providers/port"],
    "gateway": CORE + ["plans", "providers/port", "reconciler"],
    "cli": None,  # sees all
    "tests": None,
    "bench": None,
}
# Standard headers have no slash or are of the C library and kernel.
SYSTEM = re.compile(r"^([a-z_0-9]+|(sys|linux|net|netinet|arpa|asm|bits)/[a-z_0-9/]+\.h|[a-z_0-9]+\.h)$")
# Asio is the one library that public headers may show, and only in these places.
ASIO_HEADERS = ("core/base/async.hpp",)
# Libraries that belong to one room: product code elsewhere includes them nowhere, in .cpp files neither.
OWNED = {"git2.h": "core/git", "lua.hpp": "lua", "yaml.h": "core/yaml", "sqlite3.h": "core/store", "libpq-fe.h": "core/store",
         "curl/curl.h": "core/net"}


def room_of(path):
    for room in sorted(RULES, key=len, reverse=True):
        if path.startswith(room + "/"):
            return room
    return None


def check(root):
    files = subprocess.run(["git", "-C", root, "ls-files", "*.cpp", "*.hpp"], check=True, capture_output=True,
                           text=True).stdout.split()
    problems = []
    for name in files:
        room = room_of(name)
        if room is None:
            problems.append(f"{name}: is in no room of the house")
            continue
        for number, line in enumerate(pathlib.Path(root, name).read_text().splitlines(), 1):
            ours = re.match(r'\s*#include "([^"]+)"', line)
            theirs = re.match(r"\s*#include <([^>]+)>", line)
            if ours:
                target = room_of(ours.group(1))
                allowed = RULES[room]
                if target is None:
                    problems.append(f"{name}:{number}: '{ours.group(1)}' does not start at a room")
                elif target == "tests" and room not in ("tests", "bench"):
                    problems.append(f"{name}:{number}: product code includes a test header")
                elif allowed is not None and target != room and target not in allowed:
                    problems.append(f"{name}:{number}: {room} may not include {target}")
            if theirs and room not in ("tests", "bench"):
                header = theirs.group(1)
                if header in OWNED:
                    if room != OWNED[header]:
                        problems.append(f"{name}:{number}: only {OWNED[header]} may include <{header}>")
                    continue
                if not name.endswith(".hpp"):
                    continue
                if header.startswith("boost/asio") and (name in ASIO_HEADERS or room == "core/net"):
                    continue
                if not SYSTEM.match(header):
                    problems.append(f"{name}:{number}: third-party header <{header}> in a public header")
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) if found else "includes: every file keeps to its room")
    sys.exit(1 if found else 0)
