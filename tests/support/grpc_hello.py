"""A gRPC server for the emulator's tests that says how it is: HEALTH, of itself alone. NONE knows no health.

Messages are bytes here: a status is one field with one number, the name of a service one field with a text.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

HEALTH = {"SERVING": b"\x08\x01", "NOT_SERVING": b"\x08\x02", "UNKNOWN": b""}


def check(asked: bytes, context: Any) -> bytes:
    print("checked by", dict(context.invocation_metadata())["user-agent"], flush=True)
    service = asked[2:].decode()
    if service == "sleepy":
        time.sleep(30)
    elif service:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return HEALTH[os.environ.get("HEALTH", "SERVING")]


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(4))
    if os.environ.get("HEALTH") != "NONE":
        methods = {"Check": grpc.unary_unary_rpc_method_handler(check)}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods)])
    port = server.add_insecure_port(f"127.0.0.1:{os.environ.get('PORT', '0')}")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
