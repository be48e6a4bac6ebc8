# Says whether it has its secrets, never what they are.
import http.server
import os
import pathlib


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        token = "a token" if os.environ.get("TOKEN") else "no token"
        key = "a key" if pathlib.Path("/run/secrets/tls.key").exists() else "no key"
        body = f"I have {token} and {key}.\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), App).serve_forever()
