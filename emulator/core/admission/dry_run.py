"""What Kubernetes would refuse in the pod of a template: asked only when the client asks for a dry run.

Source: knative/serving pkg/webhook/podspec_dryrun.go, which makes a pod with `dryRun=All`. Of Kubernetes' own checks of
a pod those are made here that a template passes without Knative noticing.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from emulator.core.gotext import quote
from emulator.core.kubernetes_names import dns_1123_label

_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


def refusal(template: Mapping[str, Any]) -> str:
    """The response that refuses a decoded template, "" if its pod could be made."""
    found = list(_pod(template["spec"]))
    if not found:
        return ""
    faults = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
    return (
        f'validation callback failed: dry run failed with Pod "dry-run-validation" is invalid: {faults}: spec.template'
    )


def _pod(pod: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod.get(kind, ())):
            path = f"spec.{kind}[{index}]"
            for words in dns_1123_label(container["name"]):
                yield f"{path}.name: Invalid value: {quote(container['name'])}: {words}"
            policy = container.get("imagePullPolicy", "")
            if policy and policy not in _PULL_POLICIES:
                supported = ", ".join(map(quote, _PULL_POLICIES))
                yield f"{path}.imagePullPolicy: Unsupported value: {quote(policy)}: supported values: {supported}"
