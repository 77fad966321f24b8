"""What a cluster holds beside users' objects that programs written for one read: settings, and where the ingress is.

Nothing follows from a change of them: they say what holds, and are written anew at every start.
"""

from collections.abc import Mapping
from typing import Final

from emulator.api.admission import SERVING_NAMESPACE
from emulator.api.kinds import CONFIG_MAP, CORE_SERVICE, Kind
from emulator.api.store import Object, Store
from emulator.core.core_service import completed
from emulator.route_tables import LOCAL_DOMAINS

#: Serving's ConfigMaps. What none of them says holds by Knative's defaults, as in a cluster.
CONFIG_MAPS: Final = tuple(
    f"config-{name}"
    for name in ("autoscaler", "defaults", "deployment", "domain", "features", "gc", "network", "observability")
)
#: Where Knative's tests look for the ingress, whichever it is (knative.dev/pkg, test/ingress).
INGRESS_NAMESPACE: Final = "istio-system"
_INGRESS: Final = "istio-ingressgateway"


def sow(store: Store, config: Mapping[str, Mapping[str, str]], address: str, port: int) -> None:
    """Store them. `config` is what ConfigMaps say, `address` and `port` are where the gateway listens."""
    for name in CONFIG_MAPS:
        data = config.get(name, LOCAL_DOMAINS if name == "config-domain" else {})
        _store(store, CONFIG_MAP, _named(CONFIG_MAP, SERVING_NAMESPACE, name) | {"data": dict(data)})
    ports = [{"name": "http2", "port": 80, "nodePort": port, "targetPort": port}]
    spec = {"type": "LoadBalancer", "clusterIP": address, "ports": ports}
    ingress = completed(_named(CORE_SERVICE, INGRESS_NAMESPACE, _INGRESS) | {"spec": spec})
    stored = _store(store, CORE_SERVICE, ingress)
    store.update_status(CORE_SERVICE, stored, {"loadBalancer": {"ingress": [{"ip": address}]}})


def _named(kind: Kind, namespace: str, name: str) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"namespace": namespace, "name": name}}


def _store(store: Store, kind: Kind, document: Object) -> Object:
    meta = document["metadata"]
    stored = store.find(kind, meta["namespace"], meta["name"])
    if stored is None:
        return store.create(kind, document)
    return store.update(kind, stored | document | {"metadata": stored["metadata"]})
