"""What is filled in where an object says nothing (knative/serving pkg/apis/serving/{v1,v1beta1}/*_defaults.go).

Objects are decoded; new ones are returned, the given ones stay as they are.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

from emulator.core.admission.metadata import with_user
from emulator.core.admission.probes import PROBES
from emulator.core.admission.settings import AdmissionConfig
from emulator.core.config_defaults import (
    ALLOW_ROOT_BOUNDED,
    ENABLED,
    DefaultsConfig,
    Flags,
    container_name_template,
    template_data,
)

Document = Mapping[str, Any]
Built = dict[str, Any]

_HANDLERS: Final = ("tcpSocket", "httpGet", "exec", "grpc")
#: Mounts of these are the container's to write; all others become read-only.
_WRITABLE: Final = ("emptyDir", "persistentVolumeClaim", "ephemeral")
_FIRST_UNPRIVILEGED_PORT: Final = 1024


def with_defaults(kind: str, new: Document, old: Document | None, user: str, config: AdmissionConfig) -> Built:
    """An object of one of the kinds; `old` is what is stored, if there is any."""
    match kind:
        case "Revision":
            spec = new["spec"] if old is not None else revision_spec(new["spec"], {}, config, creating=True)
            return {**new, "spec": spec}
        case "Route":
            built = {**new, "spec": _traffic(new["spec"])}
        case "Configuration":
            built = {**new, "spec": _template(new, old, config)}
        case "DomainMapping":
            ref = {"namespace": new["metadata"].get("namespace", "")} | new["spec"]["ref"]
            return with_user(old, {**new, "spec": {**new["spec"], "ref": ref}}, user)
        case _:
            spec = _template(new, old, config)
            spec = spec if spec.get("traffic") else {**spec, "traffic": [{"latestRevision": True, "percent": 100}]}
            built = {**new, "spec": _traffic(spec)}
    if kind != "Service" and new["metadata"].get("ownerReferences"):
        return built
    return with_user(old, built, user)


def _traffic(spec: Document) -> Built:
    if not spec.get("traffic"):
        return dict(spec)
    filled = [{"percent": 0, "latestRevision": not target.get("revisionName"), **target} for target in spec["traffic"]]
    return {**spec, "traffic": filled}


def _template(new: Document, old: Document | None, config: AdmissionConfig) -> Built:
    """A spec with its template filled in, unless its revision has a name of the user's and that is there already."""
    spec, template = new["spec"], new["spec"]["template"]
    name = template["metadata"].get("name")
    if old is not None and name and name == old["spec"]["template"]["metadata"].get("name"):
        return dict(spec)
    filled = revision_spec(template["spec"], new["metadata"], config, creating=old is None)
    return {**spec, "template": {**template, "spec": filled}}


def revision_spec(spec: Document, parent: Document, config: AdmissionConfig, *, creating: bool) -> Built:
    """A revision's spec; `parent` is the metadata that the templates of container names see."""
    defaults = config.defaults
    built: Built = {**spec, "timeoutSeconds": spec.get("timeoutSeconds") or defaults.revision_timeout_seconds}
    for field, seconds in (
        ("idleTimeoutSeconds", defaults.revision_idle_timeout_seconds),
        ("responseStartTimeoutSeconds", defaults.revision_response_start_timeout_seconds),
    ):
        if field not in spec and seconds and seconds < built["timeoutSeconds"]:
            built[field] = seconds
    built.setdefault("containerConcurrency", defaults.container_concurrency)
    for field, containers in _named(spec, parent, defaults).items():
        built[field] = [_secured(each, spec.get("securityContext", {}), config.features) for each in containers]
    if not spec.get("containers"):
        return built
    if creating and defaults.enable_service_links is not None:
        built.setdefault("enableServiceLinks", defaults.enable_service_links)
    writable = {v["name"] for v in spec.get("volumes", ()) if any(source in v for source in _WRITABLE)}
    built["containers"] = [
        _container(each, writable, defaults, serving=len(built["containers"]) == 1 or bool(each.get("ports")))
        for each in built["containers"]
    ]
    return built


def _named(spec: Document, parent: Document, defaults: DefaultsConfig) -> dict[str, list[Built]]:
    """Containers and init containers, all with names that are free."""
    templates = {
        "containers": defaults.container_name_template,
        "initContainers": defaults.init_container_name_template,
    }
    taken = {container["name"] for field in templates for container in spec.get(field, ())}
    named = {}
    for field, text in templates.items():
        if field in spec:
            name = container_name_template(text).execute(template_data(parent))
            named[field] = list(_with_names(spec[field], name, taken))
    return named


def _with_names(containers: list[Document], default: str, taken: set[str]) -> Iterable[Built]:
    """With several containers, or a default that is taken, the name gets the first suffix that is free."""
    suffixed = (f"{default}-{n}" for n in itertools.count())
    for container in containers:
        name = container["name"]
        if not name:
            single = len(containers) == 1 and default not in taken
            name = default if single else next(each for each in suffixed if each not in taken)
        yield {**container, "name": name}


def _container(container: Document, writable: set[str], defaults: DefaultsConfig, *, serving: bool) -> Built:
    built: Built = {**container, "resources": _resources(container["resources"], defaults)}
    if serving:
        probe = container.get("readinessProbe", {})
        handler = {} if any(handler in probe for handler in _HANDLERS) else {"tcpSocket": {"port": 0}}
        built["readinessProbe"] = {**probe, **handler}
    if "readinessProbe" in built:
        built["readinessProbe"] = _readiness(built["readinessProbe"])
    for name in PROBES:
        if "grpc" in built.get(name, {}):
            built[name] = {**built[name], "grpc": {"service": "", **built[name]["grpc"]}}
    if "volumeMounts" in container:
        built["volumeMounts"] = [
            mount if mount["name"] in writable else {**mount, "readOnly": True} for mount in container["volumeMounts"]
        ]
    return built


def _resources(resources: Document, defaults: DefaultsConfig) -> Built:
    filled = {kind: {**of, **resources.get(kind, {})} for kind, of in defaults.resources().items()}
    return {**resources, **{kind: of for kind, of in filled.items() if of}}


def _readiness(probe: Document) -> Built:
    """A period of 0 stays: it is Knative's way to probe aggressively. With a period, Kubernetes' defaults apply."""
    standard = {"failureThreshold": 3, "timeoutSeconds": 1} if probe.get("periodSeconds") else {}
    return {**standard, "successThreshold": 1, **probe}


def _secured(container: Document, pod: Document, flags: Flags) -> Built:
    """The restricted profile, where secure-pod-defaults is on, as far as nothing else is said."""
    flag = flags["secure-pod-defaults"]
    if flag not in {ENABLED, ALLOW_ROOT_BOUNDED}:
        return dict(container)
    context: Built = {"allowPrivilegeEscalation": False, **container.get("securityContext", {})}
    if not pod.get("seccompProfile", {}).get("type"):
        profile = context.get("seccompProfile", {})
        context["seccompProfile"] = {**profile, "type": profile.get("type") or "RuntimeDefault"}
    if "capabilities" not in context:
        low = any(port["containerPort"] < _FIRST_UNPRIVILEGED_PORT for port in container.get("ports", ()))
        context["capabilities"] = {"drop": ["ALL"]} | ({"add": ["NET_BIND_SERVICE"]} if low else {})
    if flag == ENABLED and "runAsNonRoot" not in pod:
        context.setdefault("runAsNonRoot", True)
    return {**container, "securityContext": context}
