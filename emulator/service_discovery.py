"""How one service finds another: by its cluster-local name, as in a cluster.

No resolver of this machine knows `NAME.NAMESPACE.svc.cluster.local`, and only root could teach it. What unmodified
programs in any language do take is `http_proxy`: their requests over plain HTTP then come to the data plane's private
listener with the name in them, which leads those for services to their revisions and passes all others on.
HTTPS, CONNECT and what is no HTTP at all are not touched by it, nor are programs that don't read the variable (Node's
fetch does with NODE_USE_ENV_PROXY=1): those ask the listener as any proxy.
"""

from collections.abc import Mapping

LOOPBACK = "127.0.0.1"
#: Hosts that are never asked for through the listener: what runs beside the instance on this machine.
NOT_PROXIED = ("localhost", LOOPBACK, "::1")


def variables(port: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Environment of processes that find services through the private listener on `port` of the loopback.

    Where `environ`, the emulator's own, names a proxy already, that one is needed to get anywhere: it stays.
    """
    if environ.get("http_proxy") or environ.get("HTTP_PROXY"):
        return {}
    proxy = f"http://{LOOPBACK}:{port}"
    others = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    not_proxied = ",".join([*NOT_PROXIED, *filter(None, others.split(","))])
    both = {"http_proxy": proxy, "no_proxy": not_proxied}
    # gRPC would take http_proxy for all of its connections, with CONNECT; empty, its own variable forbids that.
    return both | {name.upper(): value for name, value in both.items()} | {"grpc_proxy": ""}
