"""A service that does next to nothing, and starts as fast as Python can: `python -I -S greet.py`, on $PORT."""

import os
import socket

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"


def main() -> None:
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as listener:
        while True:
            sock, _ = listener.accept()
            with sock:
                # A probe of TCP says nothing.
                if sock.recv(65536):
                    sock.sendall(ANSWER)


if __name__ == "__main__":
    main()
