"""A small service for the emulator's tests: what it is asked to do is in the path, what it is like in its environment.

/          greets, from which process       /sleep?ms=N   answers late
/env?name= one of its variables             /exit?code=N  dies in the middle of the request
/call?url= what that URL answers, asked for as any program would
"""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/sleep":
            time.sleep(int(query["ms"]) / 1000)
        elif url.path == "/exit":
            os._exit(int(query["code"]))
        elif url.path == "/env":
            return self.reply(os.environ.get(query["name"], ""))
        elif url.path == "/call":
            with urlopen(query["url"]) as answer:
                return self.reply(answer.read().decode())
        elif url.path == "/headers":
            return self.reply(str(self.headers))
        return self.reply(f"hello {os.environ.get('TARGET', 'world')} from {os.getpid()}")

    def reply(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        print(f"{self.command} {self.path}", flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


if __name__ == "__main__":
    if code := os.environ.get("DIE_AT_START"):
        sys.exit(f"can't go on\nexit {code}" if code == "1" else int(code))
    time.sleep(float(os.environ.get("START_DELAY", "0")))
    Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
