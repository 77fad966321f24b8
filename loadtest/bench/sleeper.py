"""A service that sleeps: `python loadtest/bench/sleeper.py SECONDS`, on $PORT."""

import os
import sys

import gevent
from gevent.pywsgi import WSGIServer


def main() -> None:
    seconds = float(sys.argv[1])

    def answer(_: object, start_response: object) -> list[bytes]:
        gevent.sleep(seconds)
        start_response("200 OK", [("Content-Length", "0")])  # type: ignore[operator]  # WSGI's, which has no type here
        return []

    WSGIServer(("127.0.0.1", int(os.environ["PORT"])), answer, log=None).serve_forever()


if __name__ == "__main__":
    main()
