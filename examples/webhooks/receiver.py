#!/usr/bin/env python3
"""A receiver of Croft's webhooks: checks the signature, drops what it has seen, prints the rest.

usage: receiver.py PORT      with keys (croft webhook rotate) in CROFT_WEBHOOK_KEY, separated by spaces
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time

KEYS = [base64.b64decode(key.removeprefix("whsec_")) for key in os.environ["CROFT_WEBHOOK_KEY"].split()]
TOLERANCE = 300  # seconds: older requests may be somebody's recording
seen = set()


def is_from_croft(headers, body):
    message, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > TOLERANCE:
        return False
    signed = f"{message}.{at}.".encode() + body
    right = ["v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in KEYS]
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one, other) for one in given for other in right)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not is_from_croft(self.headers, body):
            self.send_response(401)
        else:
            event = json.loads(body)
            if event["id"] not in seen:
                seen.add(event["id"])
                print(event["time"], event["type"], event["subject"], event["data"]["message"], flush=True)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
