"""A guest book that counts its visits in /data: small, but a real app with state."""
import http.server
import os
import pathlib

COUNTER = pathlib.Path("/data/visits")


class GuestBook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer("ok\n")
        visits = int(COUNTER.read_text()) + 1 if COUNTER.exists() else 1
        COUNTER.write_text(str(visits))
        self.answer(f"{os.environ['GREETING']}, visitor {visits}\n")

    def answer(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(self.client_address[0], format % args, flush=True)


print("guest book listens on", os.environ["PORT"], flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), GuestBook).serve_forever()
