"""DomainMappings as people write them."""

from typing import Any

FINALIZER = "domainmappings.serving.knative.dev"
PATH = "/apis/serving.knative.dev/v1beta1/namespaces/default/domainmappings"


def mapping(
    name: str = "shop.example.org",
    to_: str = "hello",
    apiVersion: str = "serving.knative.dev/v1",  # noqa: N803 - Kubernetes' name
    kind: str = "Service",
    **meta: Any,
) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1beta1",
        "kind": "DomainMapping",
        "metadata": {"name": name, **meta},
        "spec": {"ref": {"apiVersion": apiVersion, "kind": kind, "name": to_}},
    }
