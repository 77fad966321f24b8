"""What is wrong with containers (knative/serving pkg/apis/serving/k8s_validation.go)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from emulator.core.admission import probes
from emulator.core.admission.field_error import (
    HERE,
    Problem,
    disallowed_fields,
    invalid_value,
    missing_field,
    missing_one_of,
    multiple_one_of,
    out_of_bounds,
    within,
)
from emulator.core.admission.image_reference import is_image_reference
from emulator.core.admission.security import security_context
from emulator.core.admission.tables import SERVING
from emulator.core.admission.volumes import mounts
from emulator.core.config_defaults import ENABLED, Flags
from emulator.core.gotext import quote

Document = Mapping[str, Any]

RESERVED_ENV: Final = frozenset({"K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
"""What the runtime contract sets; in the serving container PORT too."""
PORT_VARIABLE: Final = "PORT"

RESERVED_NAMES: Final = frozenset({"queue-proxy"})
RESERVED_PORTS: Final = frozenset({8008, 8012, 8013, 8022, 9090, 9091})
_PORT_NAMES: Final = frozenset({"h2c", "http1", ""})
_DEFAULT_PORT_NAME: Final = "http"
_LAST_PORT: Final = 65535
_MESSAGE_POLICIES: Final = frozenset({"File", "FallbackToLogsOnError", ""})
_NOT_IN_INIT: Final = (*probes.PROBES, "lifecycle")
_INIT_FLAG: Final = "kubernetes.podspec-init-containers"


def containers(pod: Document, flags: Flags) -> list[Problem]:
    """The containers of a pod spec. Paths are relative to the pod spec."""
    serving: Sequence[Document] = pod.get("containers", ())
    by_name = {volume["name"]: volume for volume in pod.get("volumes", ())}
    port_name, problems = _ports_of_all(serving)
    if not serving:
        return [*problems, missing_field("containers")]
    if len(serving) == 1:
        found = [
            *probes.serving(serving[0], port_name),
            *_container(serving[0], by_name, flags, reserved={PORT_VARIABLE}),
        ]
        return [*problems, *within("containers[0]", found)]
    if flags["multi-container"] != ENABLED:
        return [*problems, Problem(f"multi-container is off, but found {len(serving)} containers")]
    return problems + _several(serving, by_name, flags, port_name)


def _several(serving: Sequence[Document], by_name: Mapping[str, Document], flags: Flags, port: str) -> list[Problem]:
    problems: list[Problem] = []
    names: set[str] = set()
    for index, container in enumerate(serving):
        problems = _unique(container["name"], index, names, problems)
        names.add(container["name"])
        if container.get("ports"):
            found = [*probes.serving(container, port), *_container(container, by_name, flags, reserved={PORT_VARIABLE})]
        else:
            probed = probes.beside if flags["multi-container-probing"] == ENABLED else probes.none
            found = [*probed(container), *_container(container, by_name, flags)]
        problems += within(f"containers[{index}]", found)
    return problems


def init_containers(pod: Document, flags: Flags) -> list[Problem]:
    """The init containers of a pod spec; the reference says `containers` of them too."""
    found: Sequence[Document] = pod.get("initContainers", ())
    if found and flags[_INIT_FLAG] != ENABLED:
        return [Problem(f"pod spec support for init-containers is off, but found {len(found)} init containers")]
    by_name = {volume["name"]: volume for volume in pod.get("volumes", ())}
    names = {container["name"] for container in pod.get("containers", ())}
    problems: list[Problem] = []
    for index, container in enumerate(found):
        problems = _unique(container["name"], index, names, problems)
        refused = [Problem("field not allowed in an init container", (f,)) for f in _NOT_IN_INIT if f in container]
        problems += within(f"containers[{index}]", [*refused, *_container(container, by_name, flags, is_init=True)])
    return problems


def _unique(name: str, index: int, names: set[str], before: list[Problem]) -> list[Problem]:
    """A name that is taken puts its path in front of all problems before it, in the reference as here."""
    if name not in names:
        return before
    duplicate = Problem(f"duplicate container name {quote(name)}", ("name",))
    return list(within(f"containers[{index}]", [*before, duplicate]))


def _ports_of_all(serving: Sequence[Document]) -> tuple[str, list[Problem]]:
    """The name of the one port that requests go to, and whether there is exactly one."""
    with_ports = [container["ports"] for container in serving if container.get("ports")]
    name = with_ports[-1][0].get("name", "") if with_ports else ""
    problems = []
    if not with_ports and len(serving) > 1:
        problems = [missing_field("containers[*].ports")]
    if sum(map(len, with_ports)) > 1:
        details = "Only a single port is allowed across all containers"
        problems = [Problem("more than one container port is set", ("containers[*].ports",), details)]
    return name or _DEFAULT_PORT_NAME, problems


def _container(
    container: Document,
    by_name: Mapping[str, Document],
    flags: Flags,
    *,
    reserved: frozenset[str] | set[str] = frozenset(),
    is_init: bool = False,
) -> Iterator[Problem]:
    """What holds for every container. `reserved` are more variables that may not be set."""
    for field in SERVING.refused("Container", container, flags):
        yield disallowed_fields(field)
    if container["name"] in RESERVED_NAMES:
        yield Problem(f"{quote(container['name'])} is a reserved container name", ("name",))
    for index, variable in enumerate(container.get("env", ())):
        yield from within(f"env[{index}]", _env(variable, RESERVED_ENV | reserved, flags))
    yield from within("envFrom", _env_from(container.get("envFrom", ())))
    yield from _image(container.get("image", ""))
    ports: Sequence[Document] = container.get("ports", ())
    for port in ports if is_init else ports[:1]:
        yield from within("ports", _port(port, flags))
    if ports and not is_init:
        yield from within("ports", _user_port(ports[0]))
    for field in SERVING.refused("ResourceRequirements", container["resources"], flags):
        yield disallowed_fields(f"resources.{field}")
    if "securityContext" in container:
        yield from within("securityContext", security_context(container["securityContext"], flags))
    policy = container.get("terminationMessagePolicy", "")
    if policy not in _MESSAGE_POLICIES:
        yield invalid_value(policy, "terminationMessagePolicy")
    yield from within("volumeMounts", mounts(container.get("volumeMounts", ()), by_name, flags))


def _image(image: str) -> Iterator[Problem]:
    if not image:
        yield missing_field("image")
    elif not is_image_reference(image):
        details = f"image: {quote(image)}, error: could not parse reference: {image}"
        yield Problem("Failed to parse image reference", ("image",), details)


def _env(variable: Document, reserved: frozenset[str], flags: Flags) -> Iterator[Problem]:
    name = variable["name"]
    if not name:
        yield missing_field("name")
    elif name in reserved:
        yield Problem(f"{quote(name)} is a reserved environment variable", ("name",))
    for field in SERVING.refused("EnvVarSource", variable.get("valueFrom", {}), flags):
        yield disallowed_fields(f"valueFrom.{field}")


def _env_from(sources: Sequence[Document]) -> list[Problem]:
    """The paths have no index, and a source puts itself in front of the problems before it, as in the reference."""
    problems: list[Problem] = []
    references = ("configMapRef", "secretRef")
    for index, source in enumerate(sources):
        for field in ("secretRef", "configMapRef"):
            if field in source:
                problems = list(within(f"{field}[{index}]", problems))
        given = [field for field in references if field in source]
        if not given:
            problems.append(missing_one_of(*references))
        elif len(given) > 1:
            problems.append(multiple_one_of(*references))
    return problems


def _port(port: Document, flags: Flags) -> Iterator[Problem]:
    for field in SERVING.refused("ContainerPort", port, flags):
        yield disallowed_fields(field)
    number = port["containerPort"]
    if number in RESERVED_PORTS:
        reserved = f"{number} is a reserved port"
        yield invalid_value(reserved, "containerPort", f"{reserved}, please use a different value")
    if not 0 <= number <= _LAST_PORT:
        yield out_of_bounds(number, 0, _LAST_PORT, "containerPort")


def _user_port(port: Document) -> Iterator[Problem]:
    """The port that requests go to: its name tells the protocol, so it may not be any."""
    protocol = port.get("protocol", "")
    if protocol not in {"", "TCP"}:
        yield invalid_value(protocol, "protocol")
    name = port.get("name", "")
    if name not in _PORT_NAMES:
        yield Problem(f"Port name {name} is not allowed", (HERE,), "Name must be empty, or one of: 'h2c', 'http1'")
