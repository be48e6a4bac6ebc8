#!/usr/bin/env python3
"""Plays a GitHub Enterprise Server with one App installed, over TLS on loopback.

usage: github.py ROOT CERTIFICATE KEY PUBLIC_KEY APP INSTALLATION LOG
Prints the port. Gives tokens to whoever proves to be the App (`openssl` checks the proof), serves the repositories
below ROOT to whoever has the newest token, and takes commit statuses. LOG gets a line for each of these.
"""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time

ROOT, CERTIFICATE, KEY, PUBLIC_KEY, APP, INSTALLATION, LOG = sys.argv[1:8]
TOKENS = []


def note(line):
    with open(LOG, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_the_app(proof):
    text, _, signature = proof.rpartition(".")
    with tempfile.TemporaryDirectory() as directory:
        for name, content in (("text", text.encode()), ("signature", decoded(signature))):
            with open(os.path.join(directory, name), "wb") as file:
                file.write(content)
        checked = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", PUBLIC_KEY, "-signature", "signature", "text"], cwd=directory,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    claims = json.loads(decoded(text.split(".")[1]))
    now = time.time()
    return (checked.returncode == 0 and claims["iss"] == APP and claims["iat"] <= now < claims["exp"]
            and claims["exp"] - claims["iat"] <= 600)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if self.path == f"/api/v3/app/installations/{INSTALLATION}/access_tokens":
            self.give_token(bearer)
        elif self.path.startswith("/api/v3/repos/"):
            self.take_status(bearer, body)
        else:
            self.serve_repository(body)

    do_GET = answer
    do_POST = answer

    def give_token(self, proof):
        if self.command != "POST" or not is_the_app(proof):
            self.say(401, b'{"message":"no such App"}')
            return
        TOKENS.append(f"ghs_{len(TOKENS) + 1}_{os.urandom(12).hex()}")
        note("token")
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        self.say(201, json.dumps({"token": TOKENS[-1], "expires_at": expires}).encode())

    def take_status(self, token, body):
        if not TOKENS or token != TOKENS[-1]:
            self.say(401, b'{"message":"bad credentials"}')
            return
        if self.command == "POST":
            note(f"status {json.loads(body)['state']}")
        self.say(201 if self.command == "POST" else 200, b"{}" if self.command == "POST" else b"[]")

    def serve_repository(self, body):
        login = b":".join([b"x-access-token", TOKENS[-1].encode() if TOKENS else b""])
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(login).decode():
            self.say(401, b"", [("WWW-Authenticate", 'Basic realm="git"')])
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": ROOT, "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1", "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "", "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "x-access-token", "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        note("git")
        self.say(status, content, headers.items())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
