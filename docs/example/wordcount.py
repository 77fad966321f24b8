"""Counts words: POST a text, and the answer is its most frequent words as JSON. Python's standard library is enough."""

import json
import os
import re
import signal
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST = int(os.environ.get("MOST", "10"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer({"usage": "POST a text"})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        words = re.findall(r"\w+", text.lower())
        print(f"counted {len(words)} words", flush=True)
        self.answer(dict(Counter(words).most_common(MOST)))

    def answer(self, document: dict) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    # The first process of a container ends at SIGTERM only if it says so. No request is in hand any more by then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # In a container PORT comes from Knative and all addresses are meant; the emulator says HOST=127.0.0.1 as well.
    ThreadingHTTPServer((os.environ.get("HOST", ""), int(os.environ["PORT"])), Handler).serve_forever()
