#!/usr/bin/python3
"""What docker-compose makes of compose files, in the canonical form of canonical.hpp.

usage: oracle.py DIRECTORY...     prints a JSON object: for each directory {"said": ...} or, if docker-compose refuses its
                                  compose.yaml (and compose.override.yaml), {"refused": "why"}

Calls what `docker-compose config` calls, in one process: starting it takes longer than all the files together.
"""
import json
import os
import re
import shlex
import sys

import yaml
from compose.config import config
from compose.config.environment import Environment
from compose.config.errors import ConfigurationError
from compose.config.serialize import serialize_config

UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000, "h": 3600000}
SIZES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
CONDITIONS = {"service_started": "started", "service_healthy": "healthy", "service_completed_successfully": "completed"}


def milliseconds(text):
    return round(sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(us|ms|s|m|h)", text)))


def byte_count(value):
    number, unit = re.fullmatch(r"([\d.]+)\s*([kmgt]?)i?b?", str(value).lower()).groups()
    return int(float(number) * SIZES[unit])


def words(value):
    return shlex.split(value) if isinstance(value, str) else value


def as_list(value):
    return [value] if isinstance(value, str) else value


def texts(pairs):
    return {key: str(value) for key, value in pairs.items() if value is not None}


class Canonical:
    def __init__(self, directory, config):
        self.directory = os.path.realpath(directory)
        self.config = config

    def run(self):
        services = {name: self.service(service) for name, service in self.config.get("services", {}).items()}
        used = {name for service in services.values() for name in service.get("networks", {})}
        networks = self.config.get("networks", {})
        return {"services": services, "volumes": sorted(self.config.get("volumes", {})),
                "networks": {name: bool((networks.get(name) or {}).get("internal", False)) for name in used}}

    def relative(self, path):
        path = os.path.normpath(path)
        if path == self.directory:
            return "."
        return path[len(self.directory) + 1:] if path.startswith(self.directory + "/") else None

    def service(self, given):
        made = {"restart": "on-failure", "cpu": 250, "memory": 256 << 20, "pids": 256, "grace": 10000}
        for theirs, ours in (("image", "image"), ("platform", "platform"), ("working_dir", "workingDir"), ("user", "user"),
                             ("hostname", "hostname"), ("stop_signal", "stopSignal"), ("pid", "pid"), ("ipc", "ipc"),
                             ("userns_mode", "userns"), ("runtime", "runtime"), ("network_mode", "networkMode")):
            if given.get(theirs):
                made[ours] = given[theirs]
        for key in ("init", "tty", "stdin_open", "read_only", "privileged"):
            if given.get(key):
                made[key] = True
        for theirs, ours in (("cap_add", "capAdd"), ("cap_drop", "capDrop"), ("security_opt", "securityOptions"),
                             ("dns_opt", "dnsOptions"), ("group_add", "groups")):
            if given.get(theirs):
                made[ours] = sorted(str(one) for one in given[theirs])
        for theirs, ours in (("dns", "dns"), ("dns_search", "dnsSearch")):
            if given.get(theirs):
                made[ours] = as_list(given[theirs])
        for key in ("command", "entrypoint"):
            if given.get(key) is not None:
                made[key] = words(given[key])
        for theirs, ours in (("environment", "env"), ("sysctls", "sysctls")):
            if texts(given.get(theirs) or {}):
                made[ours] = texts(given[theirs])
        if given.get("labels"):
            made["labels"] = {name: str(value or "") for name, value in given["labels"].items()}
        if given.get("extra_hosts"):
            hosts = given["extra_hosts"]
            made["extraHosts"] = sorted(host.replace(":", "=", 1) for host in hosts) if isinstance(hosts, list) else sorted(
                f"{name}={address}" for name, address in hosts.items())
        self.limits(given, made)
        self.health(given, made)
        self.build(given, made)
        made["ports"] = sorted(self.port(port) for port in given.get("ports", []))
        made["mounts"] = sorted([self.mount(mount) for mount in given.get("volumes", [])] + self.grants(given))
        made["tmpfs"] = sorted(self.tmpfs(given))
        made["dependsOn"] = self.dependencies(given)
        if "network_mode" not in given:
            networks = given.get("networks") or {"default": None}
            made["networks"] = {name: sorted((network or {}).get("aliases", [])) for name, network in networks.items()}
        made["devices"] = sorted(self.device(device) for device in given.get("devices", []))
        return made

    def limits(self, given, made):
        resources = given.get("deploy", {}).get("resources", {})
        limits = resources.get("limits", {})
        cpus = limits.get("cpus", given.get("cpus"))
        if cpus is not None:
            made["cpu"] = round(float(cpus) * 1000)
        memory = limits.get("memory", given.get("mem_limit"))
        if memory is not None:
            made["memory"] = byte_count(memory)
        if "pids_limit" in given:
            made["pids"] = int(given["pids_limit"])
        reservation = resources.get("reservations", {}).get("memory", given.get("mem_reservation"))
        if reservation is not None:
            made["reservation"] = byte_count(reservation)
        if "shm_size" in given:
            made["shm"] = byte_count(given["shm_size"])
        if "restart" in given:
            how, _, attempts = given["restart"].partition(":")
            made["restart"] = how
            if attempts:
                made["restartAttempts"] = int(attempts)
        if "stop_grace_period" in given:
            made["grace"] = milliseconds(given["stop_grace_period"])
        if given.get("ulimits"):
            made["ulimits"] = {name: [limit, limit] if isinstance(limit, int) else [limit["soft"], limit["hard"]]
                               for name, limit in given["ulimits"].items()}

    def health(self, given, made):
        check = given.get("healthcheck")
        if check is None:
            return
        health = {"interval": 30000, "timeout": 30000, "retries": int(check.get("retries", 3))}
        for theirs, ours in (("interval", "interval"), ("timeout", "timeout"), ("start_period", "startPeriod")):
            if theirs in check:
                health[ours] = milliseconds(check[theirs])
        if check.get("disable"):
            health["test"] = ["NONE"]
        elif "test" in check:
            health["test"] = ["CMD-SHELL", check["test"]] if isinstance(check["test"], str) else check["test"]
        made["health"] = health

    def build(self, given, made):
        build = given.get("build")
        if build is None:
            return
        build = {"context": build} if isinstance(build, str) else build
        made["build"] = {"context": self.relative(build["context"]), "dockerfile": build.get("dockerfile", "Dockerfile")}
        if build.get("target"):
            made["build"]["target"] = build["target"]
        for key in ("args", "labels"):
            if build.get(key):
                made["build"][key] = texts(build[key])

    def port(self, port):
        if isinstance(port, dict):
            return "|".join(str(part) for part in (port.get("external_ip", ""), port.get("published", ""), port["target"],
                                                   port.get("protocol", "tcp")))
        port, _, protocol = str(port).partition("/")
        address, published, target = (["", ""] + port.rsplit(":", 2))[-3:]
        return "|".join((address, published, target, protocol or "tcp"))

    def mount(self, mount):
        if isinstance(mount, str):
            parts = mount.split(":")
            if len(parts) == 1:
                return f"volume  {parts[0].rstrip('/')} rw"
            source, target, mode = (parts + ["rw"])[:3]
            kind = "bind" if source.startswith(("/", "~", ".")) else "volume"
            mount = {"type": kind, "source": source, "target": target, "read_only": "ro" in mode.split(",")}
        target = mount["target"].rstrip("/")
        mode = "ro" if mount.get("read_only") else "rw"
        source = mount.get("source", "")
        if mount["type"] == "bind":
            inside = self.relative(source)
            return f"host {source} {target} {mode}" if inside is None else f"file {inside} {target}"
        if mount["type"] == "tmpfs":
            return f"tmpfs {target} {byte_count((mount.get('tmpfs') or {}).get('size', 0))}"
        return f"volume {source} {target} {mode}"

    def grants(self, given):
        made = []
        for section, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
            for grant in given.get(section, []):
                source = self.relative(self.config[section][grant["source"]]["file"])
                target = grant.get("target", grant["source"])
                made.append(f"file {source} {target if target.startswith('/') else folder + target}"
                            + (f" {grant['mode']}" if "mode" in grant else ""))
        return made

    def tmpfs(self, given):
        return [one.partition(":")[0].rstrip("/") for one in as_list(given.get("tmpfs", []))]

    def dependencies(self, given):
        made = {}
        for link in given.get("links", []):
            made[link.partition(":")[0]] = "started"
        for mode in (given.get("network_mode"), given.get("pid"), given.get("ipc")):
            if mode and mode.startswith("service:"):
                made[mode[len("service:"):]] = "started"
        needed = given.get("depends_on", {})
        for name in needed:
            made[name] = CONDITIONS[needed[name]["condition"]] if isinstance(needed, dict) else "started"
        return made

    def device(self, device):
        host, path, permissions = (device.split(":") + ["", ""])[:3]
        return f"{host}:{path or host}:{permissions or 'rwm'}"


def plain(value):
    """docker-compose prints every '$' as '$$'."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value


def ask(directory):
    files = ["compose.yaml"]
    if os.path.exists(os.path.join(directory, "compose.override.yaml")):
        files.append("compose.override.yaml")
    environment = Environment.from_env_file(directory)
    try:
        loaded = config.load(config.find(directory, files, environment))
        return {"said": Canonical(directory, plain(yaml.safe_load(serialize_config(loaded, escape_dollar=True)))).run()}
    except ConfigurationError as error:
        return {"refused": str(error.msg)}


def main():
    # Nothing of the environment of whoever runs the test.
    os.environ.clear()
    os.environ["HOME"] = "/home/nobody"
    print(json.dumps({directory: ask(directory) for directory in sys.argv[1:]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
