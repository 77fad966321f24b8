"""The Service of the core group, as far as users may write it: its fields, what is wrong with one, what is filled in.

Rules: Kubernetes' pkg/apis/core/validation and pkg/apis/core/v1/defaults.go. There is no virtual network to have an
address in: none is given to a Service, nor a port of a node.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from emulator.core.gotext import quote
from emulator.core.kubernetes_names import dns_1123_label, dns_1123_subdomain

TABLE: Final = """
Service
  apiVersion        string
  kind              string
  metadata          ObjectMeta
  spec              CoreServiceSpec
  status            any
CoreServiceSpec
  ports             []ServicePort   key:port,protocol=TCP
  selector          map string      atomic
  clusterIP         string
  clusterIPs        []string
  type              string
  externalIPs       []string
  sessionAffinity   string
  loadBalancerIP    string
  loadBalancerSourceRanges []string
  externalName      string
  externalTrafficPolicy string
  healthCheckNodePort int32
  publishNotReadyAddresses bool
  sessionAffinityConfig any
  ipFamilies        []string
  ipFamilyPolicy    *string
  allocateLoadBalancerNodePorts *bool
  loadBalancerClass *string
  internalTrafficPolicy *string
  trafficDistribution *string
ServicePort
  name              string
  protocol          string
  appProtocol       *string
  port!             int32
  targetPort        intstr
  nodePort          int32
"""

Object = dict[str, Any]

NO_EFFECT: Final = (
    "nothing of this machine is reached by the name of a Service of your own: it is kept, and leads nowhere"
)

_EXTERNAL_NAME: Final = "ExternalName"
_TYPES: Final = ("ClusterIP", _EXTERNAL_NAME, "LoadBalancer", "NodePort")
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_AFFINITIES: Final = ("ClientIP", "None")
_HEADLESS: Final = "None"
#: What every type but ExternalName has.
_ADDRESSED: Final[Object] = {
    "internalTrafficPolicy": "Cluster",
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
}
_PUBLISHED: Final = ("LoadBalancer", "NodePort")

Fault = tuple[str, str]


def completed(service: Object) -> Object:
    """A decoded Service with what it leaves open, as it is stored."""
    spec = {"type": "ClusterIP", "sessionAffinity": "None"} | service.get("spec", {})
    if spec["type"] == _EXTERNAL_NAME:
        spec = {key: value for key, value in spec.items() if key not in {"clusterIP", "clusterIPs", *_ADDRESSED}}
    else:
        spec = _ADDRESSED | spec
    if spec.get("clusterIP"):
        spec = {"clusterIPs": [spec["clusterIP"]]} | spec
    if spec["type"] in _PUBLISHED:
        spec = {"externalTrafficPolicy": "Cluster"} | spec
    if spec["type"] == "LoadBalancer":
        spec = {"allocateLoadBalancerNodePorts": True} | spec
    if spec.get("ports"):
        spec["ports"] = [{"protocol": "TCP", "targetPort": port["port"]} | port for port in spec["ports"]]
    return service | {"spec": spec, "status": {"loadBalancer": {}}}


def faults(service: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a completed Service: fields, and in Kubernetes' words why."""
    spec = service["spec"]
    ports = spec.get("ports", [])
    if not ports and spec["type"] != _EXTERNAL_NAME and spec.get("clusterIP") != _HEADLESS:
        yield "spec.ports", "Required value"
    yield from _unsupported("spec.sessionAffinity", spec["sessionAffinity"], _AFFINITIES)
    yield from _unsupported("spec.type", spec["type"], _TYPES)
    if spec["type"] == _EXTERNAL_NAME:
        name = spec.get("externalName", "").removesuffix(".")
        if not name:
            yield "spec.externalName", "Required value"
        for words in dns_1123_subdomain(name) if name else ():
            yield "spec.externalName", f"Invalid value: {quote(name)}: {words}"
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    for index, port in enumerate(ports):
        yield from _port_faults(f"spec.ports[{index}]", port, named=len(ports) > 1)
        name, number = port.get("name", ""), (port["port"], port["protocol"])
        if name and name in names:
            yield f"spec.ports[{index}].name", f"Duplicate value: {quote(name)}"
        if number in numbers:
            words = json.dumps({"port": port["port"], "protocol": port["protocol"]}, separators=(",", ":"))
            yield f"spec.ports[{index}]", f"Duplicate value: {words}"
        names.add(name)
        numbers.add(number)


def _port_faults(at: str, port: Mapping[str, Any], *, named: bool) -> Iterator[Fault]:
    name = port.get("name", "")
    if named and not name:
        yield f"{at}.name", "Required value"
    for words in dns_1123_label(name) if name else ():
        yield f"{at}.name", f"Invalid value: {quote(name)}: {words}"
    yield from _out_of_range(f"{at}.port", port["port"])
    yield from _unsupported(f"{at}.protocol", port["protocol"], _PROTOCOLS)
    if isinstance(port["targetPort"], int):
        yield from _out_of_range(f"{at}.targetPort", port["targetPort"])


def _out_of_range(at: str, number: int) -> Iterator[Fault]:
    if not 1 <= number <= 65535:
        yield at, f"Invalid value: {number}: must be between 1 and 65535, inclusive"


def _unsupported(at: str, value: str, supported: tuple[str, ...]) -> Iterator[Fault]:
    if value not in supported:
        yield at, f"Unsupported value: {quote(value)}: supported values: {', '.join(map(quote, supported))}"
