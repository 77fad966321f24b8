"""Security contexts, of containers and of the pod: what is refused, and what is warned of.

Source: knative/serving pkg/apis/serving/k8s_validation.go and fieldmask.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from emulator.core.admission.field_error import Problem, disallowed_fields, invalid_value, out_of_bounds
from emulator.core.admission.tables import SERVING
from emulator.core.config_defaults import DISABLED, Flags

Document = Mapping[str, Any]

_MAX_ID: Final = 2**31 - 1
_POD_FLAG: Final = "kubernetes.podspec-securitycontext"
_SECURE_FLAG: Final = "secure-pod-defaults"
#: What the secure defaults add, so that a container may listen on a port below 1024.
_LOW_PORTS: Final = ["NET_BIND_SERVICE"]
#: With secure defaults, a pod may choose between the secure profile and Kubernetes' own default.
_PROFILES: Final = ("RuntimeDefault", "Unconfined")

_INSECURE: Final = "Kubernetes default value is insecure, Knative may default this to secure in a future release"


def security_context(context: Document, flags: Flags) -> Iterator[Problem]:
    """The security context of a container."""
    for field in SERVING.refused("SecurityContext", context, flags):
        yield disallowed_fields(field)
    capabilities = context.get("capabilities", {})
    for field in SERVING.refused("Capabilities", capabilities, flags):
        if flags[_SECURE_FLAG] == DISABLED or capabilities[field] != _LOW_PORTS:
            yield disallowed_fields(f"capabilities.{field}")
    yield from _ids(context, "runAsUser", "runAsGroup")


def pod_security_context(context: Document, flags: Flags) -> Iterator[Problem]:
    """The security context of the pod: refused as a whole and in each field, unless a flag opens it."""
    if flags[_POD_FLAG] == flags[_SECURE_FLAG] == DISABLED:
        yield disallowed_fields("securityContext")
    for field in SERVING.refused("PodSecurityContext", context, flags):
        may_choose = flags[_SECURE_FLAG] != DISABLED and field == "seccompProfile"
        if not (may_choose and context[field]["type"] in _PROFILES):
            yield disallowed_fields(f"securityContext.{field}")
    ids = _ids(context, "runAsUser", "runAsGroup", "fsGroup", "supplementalGroups")
    yield from (p._replace(paths=(f"securityContext.{p.paths[0]}",)) for p in ids)


def _ids(context: Document, *fields: str) -> Iterator[Problem]:
    for field in fields:
        value = context.get(field, [])
        ids = {f"{field}[{i}]": each for i, each in enumerate(value)} if isinstance(value, list) else {field: value}
        for path, number in ids.items():
            if not 0 <= number <= _MAX_ID:
                yield out_of_bounds(number, 0, _MAX_ID, path)


def insecure_defaults(pod: Document, container: Document, flags: Flags) -> Iterator[Problem]:
    """Warn of what Kubernetes leaves open where nothing is said. What is said on purpose is not warned of."""
    if flags[_SECURE_FLAG] != DISABLED:
        return
    if "runAsNonRoot" not in pod and "runAsNonRoot" not in container:
        yield _warning("runAsNonRoot")
    if "allowPrivilegeEscalation" not in container:
        yield _warning("allowPrivilegeEscalation")
    profiles = [context["seccompProfile"] for context in (pod, container) if "seccompProfile" in context]
    if not profiles:
        yield _warning("seccompProfile")
    elif not any(profile["type"] for profile in profiles):
        yield _warning("seccompProfile.type")
    capabilities = container.get("capabilities")
    if capabilities is None:
        yield _warning("capabilities")
    elif "drop" not in capabilities:
        yield _warning("capabilities.drop")
    elif capabilities["drop"][0] == "all":
        yield invalid_value("all", "capabilities.drop", "Must be spelled as 'ALL'")._replace(warning=True)


def _warning(path: str) -> Problem:
    return Problem(_INSECURE, (path,), warning=True)
