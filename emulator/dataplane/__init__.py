"""One hop for a request: gateway, activator and queue-proxy are function calls here. Everything runs on gevent.

Read in the order of a request:

    door.py         what passes between this and the controller; plane.py is this side of it
    gateway.py      connections, and which revision a request is for (routing.py)
    client.py       who asked; http1_client.py is one connection of such
    http1.py        bytes <-> message.py, the requests and responses that all others handle
    activator.py    one revision: what waits (waiting.py), and which instance is next
    queue_proxy.py  one instance: its limit, its queue, the fields it finds in a request
    exchange.py     the request to the instance and the answer (call.py) back, over a connection of pool.py:
                    connection.py is what all can do, http1_instance.py and http2_instance.py speak
    outbound.py     what instances ask of the rest of the world
    refusals.py     why a request ends without an instance's answer
    prober.py       readiness, liveness, startup; grpc_health.py is the part that asks over gRPC
"""
