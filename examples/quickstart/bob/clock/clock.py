"""Tells the time."""
import http.server
import os
import time


class Clock(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = time.strftime("%H:%M:%S\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Clock).serve_forever()
