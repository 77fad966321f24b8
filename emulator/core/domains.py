"""The ConfigMaps that rule routes: config-network and config-domain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Self

from emulator.core.gotemplate import Template, TemplateError
from emulator.core.gotext import parse_bool, parse_int64, quote
from emulator.core.settings import ConfigError, setting
from emulator.core.vocabulary import NO_CERTIFICATES, NO_INGRESS
from emulator.core.yaml_texts import parse_yaml, texts

DEFAULT_DOMAIN_TEMPLATE: Final = "{{.Name}}.{{.Namespace}}.{{.Domain}}"


@lru_cache(maxsize=20)
def domain_template(text: str) -> Template:
    """Parse a domain-template, or raise TemplateError."""
    return Template("domain-template", text, "config.DomainTemplateValues")


@lru_cache(maxsize=20)
def tag_template(text: str) -> Template:
    """Parse a tag-template, or raise TemplateError."""
    return Template("tag-template", text, "config.TagTemplateValues")


ENABLED: Final = "enabled"
DISABLED: Final = "disabled"
_REDIRECTED: Final = "redirected"
_MESH_MODES: Final = (ENABLED, DISABLED, "auto")
_BOOL: Final = "Go bool text: 1 t T true TRUE True / 0 f F false FALSE False; anything else is refused"

_NO_MESH: Final = "there is no mesh: instances are reached by their own addresses"


def _mesh_mode(text: str) -> str:
    return text.lower() if text.lower() in _MESH_MODES else "auto"


def _label_selector(text: str) -> Mapping[str, Any] | None:
    try:
        document = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if document is not None and not isinstance(document, dict):
        raise ConfigError("error unmarshaling JSON: while decoding JSON: the label selector must be a mapping")
    return document


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """config-network (knative.dev/networking pkg/config/config.go)."""

    ingress_class: str = setting(
        "ingress-class",
        "istio.ingress.networking.knative.dev",
        str,
        "-",
        "class of Ingress objects",
        legacy_keys=("ingress.class",),
        not_emulated=NO_INGRESS,
    )
    certificate_class: str = setting(
        "certificate-class",
        "cert-manager.certificate.networking.knative.dev",
        str,
        "-",
        "class of Certificate objects",
        legacy_keys=("certificate.class",),
        not_emulated=NO_CERTIFICATES,
    )
    domain_template: str = setting(
        "domain-template",
        DEFAULT_DOMAIN_TEMPLATE,
        str,
        "must parse, give a non-empty host and no path; fields Name, Namespace, Domain, Annotations, Labels",
        "host name of a route; cluster-local targets always use the default",
        legacy_keys=("domainTemplate",),
    )
    tag_template: str = setting(
        "tag-template",
        "{{.Tag}}-{{.Name}}",
        str,
        "must parse; fields Name, Tag",
        "what stands for Name in the host of a tagged target",
        legacy_keys=("tagTemplate",),
    )
    rollout_duration: int = setting(
        "rollout-duration",
        "0",
        parse_int64,
        ">= 0",
        "how long a new revision takes to get all of its traffic, in seconds without a unit; 0 is at once",
        legacy_keys=("rolloutDuration",),
    )
    autocreate_cluster_domain_claims: bool = setting(
        "autocreate-cluster-domain-claims",
        "false",
        parse_bool,
        _BOOL,
        "make ClusterDomainClaims for DomainMappings",
        legacy_keys=("autocreateClusterDomainClaims",),
    )
    enable_mesh_pod_addressability: bool = setting(
        "enable-mesh-pod-addressability",
        "false",
        parse_bool,
        _BOOL,
        "instances stay addressable under a mesh",
        not_emulated=_NO_MESH,
    )
    default_external_scheme: str = setting(
        "default-external-scheme",
        "http",
        str,
        "-",
        "scheme of the URLs of targets that are not cluster-local",
        legacy_keys=("defaultExternalScheme",),
    )
    internal_encryption: bool = setting(
        "internal-encryption",
        "false",
        parse_bool,
        _BOOL,
        "what system-internal-tls was called before",
        not_emulated=NO_CERTIFICATES,
    )
    mesh_compatibility_mode: str = setting(
        "mesh-compatibility-mode",
        "auto",
        _mesh_mode,
        "auto, enabled, disabled (others ignored)",
        "whether instances are reached by their own addresses or by the revision's",
        not_emulated=_NO_MESH,
    )
    namespace_wildcard_cert_selector: Mapping[str, Any] | None = setting(
        "namespace-wildcard-cert-selector",
        "",
        _label_selector,
        "-",
        "namespaces that get a wildcard certificate, as a label selector in YAML",
        not_emulated=NO_CERTIFICATES,
    )
    external_domain_tls: bool = setting(
        "external-domain-tls",
        "Disabled",
        lambda text: text.lower() == ENABLED,
        "any case",
        "certificates for external hosts",
        legacy_keys=("autoTLS", "auto-tls"),
        not_emulated=NO_CERTIFICATES,
    )
    http_protocol: str = setting(
        "http-protocol",
        ENABLED,
        str,
        "enabled, disabled, redirected",
        "what the ingress does with plain HTTP",
        legacy_keys=("httpProtocol",),
        not_emulated=NO_CERTIFICATES,
    )
    system_internal_tls: str = setting(
        "system-internal-tls",
        DISABLED,
        str,
        "enabled, disabled",
        "TLS between components",
        not_emulated=NO_CERTIFICATES,
    )
    cluster_local_domain_tls: str = setting(
        "cluster-local-domain-tls",
        DISABLED,
        str,
        "enabled, disabled",
        "certificates for cluster-local hosts",
        not_emulated=NO_CERTIFICATES,
    )

    def __post_init__(self) -> None:
        if self.rollout_duration < 0:
            raise ConfigError(f"rollout-duration must be a positive integer, but was {self.rollout_duration}")
        _check_templates(self.domain_template, self.tag_template)
        http = self.http_protocol.lower() or ENABLED
        if http not in {ENABLED, DISABLED, _REDIRECTED}:
            raise ConfigError(f"httpProtocol {self.http_protocol} in config-network ConfigMap is not supported")
        system = _switch("system-internal-tls", self.system_internal_tls)
        if self.internal_encryption or system == ENABLED:
            system = ENABLED
        local = _switch("cluster-local-domain-tls", self.cluster_local_domain_tls)
        for name, value in (
            ("http_protocol", http),
            ("system_internal_tls", system),
            ("internal_encryption", system == ENABLED),
            ("cluster_local_domain_tls", local),
        ):
            object.__setattr__(self, name, value)


def _switch(key: str, text: str) -> str:
    """A key that is on or off; no text is off."""
    value = text.lower() or DISABLED
    if value not in {ENABLED, DISABLED}:
        raise ConfigError(f"{key} with value: {quote(text)} in config-network ConfigMap is not supported")
    return value


_HOST: Final = re.compile(r"[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"\x80-\U0010ffff]*")
"""What Go takes for the host of a URL, the port included (net/url, encodeHost)."""


def _check_templates(of_domain: str, of_tag: str) -> None:
    """Fill in an example, and see whether a host of a URL comes out."""
    example = {"Name": "foo", "Namespace": "bar", "Domain": "baz.com", "Annotations": {}, "Labels": {}}
    try:
        authority, path = _divided(domain_template(of_domain).execute(example))
        if fault := _host_fault(authority):
            raise ConfigError(f"parse {quote(f'https://{authority}{path}')}: {fault}")
        if not authority.partition(":")[0]:
            raise ConfigError("empty hostname")
        request = path.partition("#")[0]
        if request not in {"", "/"}:
            raise ConfigError(f"domain template has url path: {request if request[0] == '/' else f'/{request}'}")
        tag_template(of_tag).execute({"Name": "foo", "Tag": "v2"})
    except TemplateError as error:
        raise ConfigError(str(error)) from error


def _divided(url: str) -> tuple[str, str]:
    """What comes before the path, query or fragment of a URL without its scheme, and the rest."""
    end = next((index for index, letter in enumerate(url) if letter in "/?#"), len(url))
    return url[:end], url[end:]


def _host_fault(authority: str) -> str:
    """What Go's net/url finds wrong with the host and port of a URL, "" if nothing."""
    if any(letter < " " or letter == "\x7f" for letter in authority):
        return "net/url: invalid control character in URL"
    end = _HOST.match(authority)
    if end and end.end() < len(authority):
        return f"invalid character {quote(authority[end.end()])} in host name"
    _, colon, port = authority.rpartition(":")
    return f"invalid port {quote(colon + port)} after host" if colon and port and not port.isdecimal() else ""


CLUSTER_DOMAIN: Final = "cluster.local"
CLUSTER_LOCAL_DOMAIN: Final = f"svc.{CLUSTER_DOMAIN}"
EXAMPLE_KEY: Final = "_example"


@dataclass(frozen=True, slots=True)
class Domain:
    """One of them: the labels that a route must have, and a type that only certificates would ask for."""

    selector: Mapping[str, str] = field(default_factory=dict)
    type: str = "wildcard"

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError."""
        document = parse_yaml(text) or {}
        if not isinstance(document, dict):
            raise ValueError("error unmarshaling JSON: while decoding JSON: a domain must have a mapping")  # noqa: TRY004 - as any other text that is wrong
        selector = texts(document.get("selector"), "selector")
        return cls(selector, str(document.get("type") or "")) if selector else cls()


@dataclass(frozen=True, slots=True)
class DomainConfig:
    """config-domain (knative/serving pkg/reconciler/route/config/domain.go): domain -> labels a route must have.

    Its keys are domains, so it has no rows. Without a domain for all routes there is svc.cluster.local, which makes
    the routes that match nothing else cluster-local.
    """

    domains: Mapping[str, Domain]

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> Self:
        """Read the ConfigMap's data; raises ConfigError."""
        try:
            domains = {domain: Domain.read(text) for domain, text in data.items() if domain != EXAMPLE_KEY}
        except ValueError as error:
            raise ConfigError(str(error)) from error
        if all(domain.selector for domain in domains.values()):
            domains[CLUSTER_LOCAL_DOMAIN] = Domain()
        return cls(domains)

    def lookup(self, labels: Mapping[str, str]) -> str:
        """The domain of a route with these labels: most specific selector, then alphabetically first."""
        matching = [
            (-len(domain.selector), name)
            for name, domain in self.domains.items()
            if all(labels.get(key) == value for key, value in domain.selector.items())
        ]
        return min(matching)[1]
