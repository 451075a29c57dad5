"""The smallest thing that the platform can run as a service: it answers /health/ready and shows its settings.

With TRANCHE_TOY=crash it ends at once, saying why; with TRANCHE_TOY=stubborn it ignores SIGTERM.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        settings = {name: value for name, value in os.environ.items() if name.startswith("TRANCHE_")}
        self.wfile.write(json.dumps(settings).encode())

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Quiet."""


def main() -> None:
    behaviour = os.environ.get("TRANCHE_TOY")
    if behaviour == "crash":
        sys.exit("the toy was told to crash")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else lambda *_: sys.exit(0))
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["TRANCHE_HTTP_PORT"])), _Handler).serve_forever()
