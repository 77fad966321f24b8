"""What is wrong with the probes of a container (knative/serving pkg/apis/serving/k8s_validation.go)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from emulator.core.admission.field_error import (
    Problem,
    disallowed_fields,
    invalid_value,
    missing_one_of,
    multiple_one_of,
    out_of_bounds,
    within,
)

Probe = Mapping[str, Any]

PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")

_MAX_INT32: Final = 2**31 - 1
#: Handler -> its name in an error that names several.
_HANDLERS: Final = {"httpGet": "httpGet", "tcpSocket": "tcpSocket", "exec": "exec", "grpc": "gRPC"}
_HANDLERS_WITH_PORT: Final = ("httpGet", "tcpSocket")


def serving(container: Mapping[str, Any], port_name: str) -> Iterator[Problem]:
    """The probes of the container that takes requests: a named port must be that container's."""
    return _all(container, port_name)


def beside(container: Mapping[str, Any]) -> Iterator[Problem]:
    """The probes of another container, where they are allowed: the port has no default."""
    return _all(container, None)


def none(container: Mapping[str, Any]) -> Iterator[Problem]:
    """All that is set in probes which must not be there. A handler has no name of its own: it is inlined."""
    for name in PROBES:
        if probe := container.get(name):
            paths = ["" if field in _HANDLERS else field for field in probe]
            yield from within(name, [disallowed_fields(*paths)])


def _all(container: Mapping[str, Any], port_name: str | None) -> Iterator[Problem]:
    for name in PROBES:
        probe = container.get(name)
        if probe is not None:
            yield from within(name, _handlers(probe, port_name))
    if (readiness := container.get("readinessProbe")) is not None:
        yield from within("readinessProbe", _timing(readiness))


def _handlers(probe: Probe, port_name: str | None) -> list[Problem]:
    """Each handler puts its name in front of the problems of those before it, in the reference as here."""
    problems: list[Problem] = []
    handlers = [name for name in _HANDLERS if name in probe]
    for name in handlers:
        problems = list(within(name, problems))
        if name in _HANDLERS_WITH_PORT:
            problems += _port(probe[name]["port"], f"{name}.port", port_name)
    if not handlers:
        problems.append(missing_one_of(*_HANDLERS))
    if len(handlers) > 1:
        problems.append(multiple_one_of(*(_HANDLERS[name] for name in handlers)))
    return problems


def _port(port: int | str, path: str, port_name: str | None) -> Iterator[Problem]:
    if port_name is None:
        if port in {0, ""}:
            yield invalid_value(0, path, "Probe port must be specified")
    elif isinstance(port, str) and port not in {"", port_name}:
        yield invalid_value(port, path, "Probe port must match container port")


def _timing(probe: Probe) -> Iterator[Problem]:
    """A period of 0 is Knative's own: probe again and again until the first success."""
    least = {"periodSeconds": 0, "initialDelaySeconds": 0, "successThreshold": 1}
    limited = ("timeoutSeconds", "failureThreshold")
    if probe.get("periodSeconds", 0) == 0:
        for field in limited:
            if probe.get(field):
                yield Problem(f"{field} is disallowed when periodSeconds is zero", (field,))
    else:
        least |= dict.fromkeys(limited, 1)
    for field, low in least.items():
        value = probe.get(field, 0)
        if value < low:
            yield out_of_bounds(value, low, _MAX_INT32, field)
