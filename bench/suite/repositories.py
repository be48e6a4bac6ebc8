"""Repositories that benchmarks make: written by git fast-import, so that making them is quick."""

import os
import pathlib
import subprocess

AUTHOR = "bench <bench@example.com> 1700000000 +0000"


def quiet_git() -> dict:
    """The environment in which Git knows nothing of whoever runs the benchmark."""
    return {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@example.com",
            "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@example.com"}


def make(repository: pathlib.Path, *commits: dict) -> None:
    """A bare repository whose branch main has these commits, each a map of path to text."""
    stream = bytearray()
    for files in commits:
        stream += f"commit refs/heads/main\ncommitter {AUTHOR}\ndata 0\n".encode()
        for path, text in files.items():
            content = text if isinstance(text, bytes) else text.encode()
            stream += f"M 644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", "--template=", repository],
                   check=True, env=quiet_git())
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=bytes(stream), check=True, env=quiet_git())


def resource(number: int, greeting: str = "hello") -> str:
    """A manifest of one resource: a Site and an Instance in turn."""
    head = "apiVersion: croft/v1\nkind: "
    if number % 2 == 0:
        return (f"{head}Site\nmetadata: {{name: site{number}}}\nspec:\n  files: {{path: public}}\n"
                f"  domains: [blog{number}.example.com]\n  retain: 5\n")
    return (f"{head}Instance\nmetadata: {{name: api{number}}}\nspec:\n  command: [python3, app.py]\n"
            f"  files: {{path: api}}\n  env:\n    GREETING: {greeting}\n    NUMBER: \"{number}\"\n"
            "  resources: {cpu: 250m, memory: 128MiB}\n  http: {port: 8000}\n"
            "  health: {http: /healthz, startWithin: 20s}\n"
            "  volumes: [{name: data, path: /data, size: 1GiB}]\n")


def source_files(first: int, count: int) -> dict:
    """A tenant's repository: one resource a file, a hundred files a directory."""
    files = {f"hosting/{i // 100}/r{i}.yaml": resource(i) for i in range(first, first + count)}
    return {**files, "public/index.html": "<h1>Hello</h1>\n", "api/app.py": "print('hello')\n"}


def fleet(directory: pathlib.Path, resources: int, sources: int) -> None:
    """As many sources; in the first, main is one changed file later than main~1."""
    directory.mkdir(parents=True)
    each = resources // sources
    for source in range(sources):
        first = source * each
        changed = first + 1
        commits = [source_files(first, each)]
        if source == 0:
            commits.append({f"hosting/{changed // 100}/r{changed}.yaml": resource(changed, "good morning")})
        make(directory / f"t{source:05}.git", *commits)


PLAN = """apiVersion: croft/v1
kind: Plan
metadata: {name: bench}
spec:
  price: {amount: "1.00", currency: USD, per: month}
"""


def platform_files(tenants: dict) -> dict:
    """The operator's repository for these tenants (name to URL), a hundred a file."""
    files = {"plan.yaml": PLAN,
             "provider.yaml": "apiVersion: croft/v1\nkind: Provider\nmetadata: {name: local}\n"
                              "spec: {adapter: process, default: true}\n"}
    names = sorted(tenants)
    for begin in range(0, len(names), 100):
        files[f"tenants{begin // 100}.yaml"] = "---\n".join(
            f"apiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: {name}}}\n"
            f"spec: {{plan: bench, hosts: [example.com], source: {{url: {tenants[name]}}}}}\n"
            for name in names[begin:begin + 100])
    return files
