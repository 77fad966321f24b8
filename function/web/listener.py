"""The listening socket: opened for latency, closed without losing anybody."""

import array
import contextlib
import struct

from gevent import socket

#: Connections that the kernel keeps for us while the hub is busy; it takes the smaller of this and net.core.somaxconn.
BACKLOG = 4096

# From linux/filter.h: classic BPF, whose packets begin at the TCP header of those that a TCP socket gets.
_SO_ATTACH_FILTER = 26
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x54, 0, 0, 0x12),  # and SYN|ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # take everything else
)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    TCP_NODELAY is inherited by what it accepts: pywsgi writes head and body apart, and without it the second write
    waits about 44 ms for the delayed acknowledgement of a kept-alive client (S9).

    Raises:
        OSError: the address or the port cannot be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def refuse_newcomers(listener: socket.socket) -> None:
    """Have the kernel drop further attempts to connect, while those under way still come through (S7).

    Whoever has connected between the last `accept` and `close` is reset, and may have sent a request; that was 1 of 16
    stops under load. An attempt that is dropped is made again by the client's kernel after a second, and then it is
    refused, or reaches another instance. A kernel without the filter (a sandbox's) leaves the small gap.
    """
    code = array.array("B", b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN))
    address, _ = code.buffer_info()
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_DROP_SYN), address))
