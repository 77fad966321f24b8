"""Names of the objects made for a revision and a route, and the hosts under which a route is reached.

Follows knative.dev/pkg kmeta/names.go (child names) and knative/serving pkg/reconciler/route/{domains,visibility,
resources}. Host names may be up to 253 characters of labels up to 63; a tag is not shortened to fit.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from emulator.core.annotations import VISIBILITY_LABEL
from emulator.core.domains import (
    CLUSTER_DOMAIN,
    CLUSTER_LOCAL_DOMAIN,
    DEFAULT_DOMAIN_TEMPLATE,
    DomainConfig,
    NetworkConfig,
    domain_template,
    tag_template,
)
from emulator.core.gotext import quote
from emulator.core.kubernetes_names import dns_1123_subdomain

LONGEST_NAME: Final = 63
"""Longest label of DNS (RFC 1035), which many Kubernetes names must be."""

_HASHED: Final = LONGEST_NAME - 32
"""What is left of it beside an MD5 in hexadecimal."""

CLUSTER_LOCAL: Final = "cluster-local"
"""The value of the visibility label that makes a whole route local."""


SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of a generated suffix: Kubernetes leaves out vowels and look-alikes."""

SUFFIX_LENGTH: Final = 5
"""How many; what stands before them is cut so that all of the name is a label."""


class DomainError(ValueError):
    """A route's host name is not a domain name; the text says why."""


def child_name(parent: str, suffix: str) -> str:
    """`parent` + `suffix` if that fits into a label, else with an MD5 in place of what does not."""
    if len(parent) <= LONGEST_NAME - len(suffix):
        return parent + suffix
    if len(suffix) >= _HASHED:
        name = parent[:_HASHED] + _md5(parent + suffix) + suffix
        return re.sub(r"[^A-Za-z0-9]+$", "", name[:LONGEST_NAME])
    return parent[: _HASHED - len(suffix)] + _md5(parent) + suffix


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class RevisionNames:
    """The objects made for one revision."""

    revision: str

    @property
    def deployment(self) -> str:
        return child_name(self.revision, "-deployment")

    @property
    def image_cache(self) -> str:
        return child_name(self.revision, "-cache")

    @property
    def pod_autoscaler(self) -> str:
        return self.revision

    @property
    def serverless_service(self) -> str:
        return self.revision

    @property
    def private_service(self) -> str:
        return child_name(self.serverless_service, "-private")


def revision_name(configuration: str, generation: int, template_name: str = "") -> str:
    """What the revision of this generation of a configuration is called; the template's own name wins."""
    return template_name or child_name(configuration, f"-{generation:05d}")


class Visibility(StrEnum):
    """From where a route's target is reached."""

    EXTERNAL = "ExternalIP"
    LOCAL = "ClusterLocal"


@dataclass(frozen=True, slots=True)
class RouteNames:
    """A route, as far as it rules the names of its targets. A target is named by its tag, "" the one without.

    `port` is where the gateway is reached: URLs from outside carry it unless it is HTTP's own.
    """

    name: str
    namespace: str
    network: NetworkConfig
    domains: DomainConfig
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    port: int = 80

    def hostname(self, tag: str) -> str:
        """First part of the host of a target, and name of its placeholder service."""
        if not tag:
            return self.name
        return tag_template(self.network.tag_template).execute({"Name": self.name, "Tag": tag})

    def visibility(self, tag: str, placeholders: Mapping[str, Mapping[str, str]]) -> Visibility:
        """From where a target is reached, given the labels of the route's placeholder services by their names.

        The label on the route counts only as "cluster-local", any text of it on a placeholder does.
        """
        if self.domains.lookup(self.labels) == CLUSTER_LOCAL_DOMAIN or self._is_local:
            return Visibility.LOCAL
        labels = placeholders.get(self.hostname(tag), {})
        return Visibility.LOCAL if labels.get(VISIBILITY_LABEL) else Visibility.EXTERNAL

    @property
    def _is_local(self) -> bool:
        return self.labels.get(VISIBILITY_LABEL) == CLUSTER_LOCAL

    def domain(self, tag: str, visibility: Visibility) -> str:
        """The host name of a target, in full. Raises DomainError."""
        labels = {key: value for key, value in self.labels.items() if key != VISIBILITY_LABEL}
        template, suffix = self.network.domain_template, self.domains.lookup(labels)
        if visibility is Visibility.LOCAL:
            labels[VISIBILITY_LABEL] = CLUSTER_LOCAL
            template, suffix = DEFAULT_DOMAIN_TEMPLATE, CLUSTER_LOCAL_DOMAIN
        host = domain_template(template).execute(
            {
                "Name": self.hostname(tag),
                "Namespace": self.namespace,
                "Domain": suffix,
                "Annotations": self.annotations,
                "Labels": labels,
            }
        )
        fault = domain_fault(host)
        if fault:
            raise DomainError(f"invalid domain name {quote(host)}: url: {fault}")
        return host

    def hosts(self, tag: str, visibility: Visibility) -> tuple[str, ...]:
        """All names by which a target is reached from there, sorted. Raises DomainError."""
        host = self.domain(tag, visibility)
        if visibility is Visibility.EXTERNAL:
            return (host,)
        short = (host.removesuffix(f".{suffix}") for suffix in (CLUSTER_DOMAIN, CLUSTER_LOCAL_DOMAIN))
        return tuple(sorted({name for name in (host, *short) if not name.rpartition(".")[2].isdigit()}))

    def url(self, tag: str, visibility: Visibility) -> str:
        """The URL of a target. Raises DomainError."""
        host = self.domain(tag, visibility)
        if visibility is Visibility.LOCAL:
            return f"http://{host}"
        return external_url(self.network, host, self.port)

    @property
    def service_host(self) -> str:
        """The full name of the route's own placeholder service."""
        return f"{self.name}.{self.namespace}.{CLUSTER_LOCAL_DOMAIN}"


def external_url(network: NetworkConfig, host: str, port: int) -> str:
    """The URL of a host that is reached from outside, at the gateway's port."""
    return f"{network.default_external_scheme}://{host}" + ("" if port == 80 else f":{port}")


def domain_fault(host: str) -> str:
    """What keeps `host` from being a fully qualified domain name, in Kubernetes' words; "" if nothing does."""
    if not host:
        return "Required value"
    host = host.removesuffix(".")
    labels = host.split(".")
    long = next((label for label in labels if len(label) > LONGEST_NAME), "")
    if words := dns_1123_subdomain(host):
        return f"Invalid value: {quote(host)}: {','.join(words)}"
    if len(labels) < 2:
        return f"Invalid value: {quote(host)}: should be a domain with at least two segments separated by dots"
    return f"Invalid value: {quote(long)}: must be no more than {LONGEST_NAME} characters" if long else ""
