"""Who may do what: whoever has the token may do everything that is served (authorization.k8s.io/v1).

The answers are those of a cluster to its administrator, so that `kubectl auth can-i` speaks; nothing is stored.
"""

from collections.abc import Mapping
from typing import Any, Final

from emulator.api.kinds import Kind
from emulator.errors import UserError

GROUP: Final = "authorization.k8s.io"
ACCESS: Final = Kind(
    *(GROUP, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"), verbs=("create",), namespaced=False
)
RULES: Final = Kind(
    *(GROUP, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews"), verbs=("create",), namespaced=False
)
REVIEWS: Final = (ACCESS, RULES)

_PATHS: Final = {f"apis/{kind.api_version}/{kind.plural}": kind for kind in REVIEWS}
_RULES: Final[Mapping[str, Any]] = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


def find(path: str) -> Kind | None:
    """The review at a path without slashes at its ends; None if there is none."""
    return _PATHS.get(path)


def reviewed(kind: Kind, document: Mapping[str, Any]) -> dict[str, Any]:
    """A review with its answer; raises UserError."""
    spec = document.get("spec") or {}
    if not isinstance(spec, Mapping):
        raise UserError("spec must be an object")
    if kind is ACCESS and ("resourceAttributes" in spec) == ("nonResourceAttributes" in spec):
        raise UserError("spec has exactly one of resourceAttributes and nonResourceAttributes")
    status = {"allowed": True} if kind is ACCESS else dict(_RULES)
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {}, "spec": dict(spec), "status": status}
