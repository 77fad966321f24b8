"""The ConfigMaps that rule routes: config-network and config-domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import yaml

from emulator.core.gotemplate import Template, TemplateError
from emulator.core.gotext import parse_int64
from emulator.core.settings import ConfigError, setting

DEFAULT_DOMAIN_TEMPLATE: Final = "{{.Name}}.{{.Namespace}}.{{.Domain}}"


@lru_cache(maxsize=20)
def domain_template(text: str) -> Template:
    """Parse a domain-template, or raise TemplateError."""
    return Template("domain-template", text, "config.DomainTemplateValues")


@lru_cache(maxsize=20)
def tag_template(text: str) -> Template:
    """Parse a tag-template, or raise TemplateError."""
    return Template("tag-template", text, "config.TagTemplateValues")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """config-network (knative.dev/networking pkg/config/config.go), as far as it rules names and rollouts."""

    domain_template: str = setting(
        "domain-template",
        DEFAULT_DOMAIN_TEMPLATE,
        str,
        "a Go template of Name, Namespace, Domain, Annotations and Labels that gives a host without a path",
        "host name of a route; cluster-local targets always use the default",
        legacy_key="domainTemplate",
    )
    tag_template: str = setting(
        "tag-template",
        "{{.Tag}}-{{.Name}}",
        str,
        "a Go template of Tag and Name",
        "what stands for Name in the host of a tagged target",
        legacy_key="tagTemplate",
    )
    default_external_scheme: str = setting(
        "default-external-scheme",
        "http",
        str,
        "http or https",
        "scheme of the URLs of targets that are not cluster-local",
        legacy_key="defaultExternalScheme",
    )
    rollout_duration: int = setting(
        "rollout-duration",
        "0",
        parse_int64,
        ">= 0, seconds without a unit",
        "how long a new revision takes to get all of its traffic; 0 is at once",
        legacy_key="rolloutDuration",
    )

    def __post_init__(self) -> None:
        example = {"Name": "foo", "Namespace": "bar", "Domain": "baz.com", "Annotations": {}, "Labels": {}}
        try:
            host, slash, path = domain_template(self.domain_template).execute(example).partition("/")
            tag_template(self.tag_template).execute({"Name": "foo", "Tag": "v2"})
        except TemplateError as error:
            raise ConfigError(str(error)) from error
        if self.rollout_duration < 0:
            raise ConfigError(f"rollout-duration must be a positive integer, but was {self.rollout_duration}")
        if not host:
            raise ConfigError("empty hostname")
        if path:
            raise ConfigError(f"domain template has url path: {slash}{path}")


CLUSTER_DOMAIN: Final = "cluster.local"
CLUSTER_LOCAL_DOMAIN: Final = f"svc.{CLUSTER_DOMAIN}"
EXAMPLE_KEY: Final = "_example"


@dataclass(frozen=True, slots=True)
class DomainConfig:
    """config-domain (knative/serving pkg/reconciler/route/config/domain.go): domain -> labels a route must have.

    Its keys are domains, so it has no rows. Without a domain for all routes there is svc.cluster.local, which makes
    the routes that match nothing else cluster-local.
    """

    selectors: Mapping[str, Mapping[str, str]]

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> Self:
        """Read the ConfigMap's data; raises ConfigError."""
        selectors = {domain: _selector(text) for domain, text in data.items() if domain != EXAMPLE_KEY}
        if all(selectors.values()):
            selectors[CLUSTER_LOCAL_DOMAIN] = {}
        return cls(selectors)

    def lookup(self, labels: Mapping[str, str]) -> str:
        """The domain of a route with these labels: most specific selector, then alphabetically first."""
        matching = [
            (-len(selector), domain)
            for domain, selector in self.selectors.items()
            if all(labels.get(key) == value for key, value in selector.items())
        ]
        return min(matching)[1]


_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, which Knative's parser is a translation of: its errors have the same words."""


def _selector(text: str) -> dict[str, str]:
    try:
        document = _LOADER(text).get_single_data() or {}
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"error converting YAML to JSON: yaml: {_yaml_words(error)}") from error
    selector = document.get("selector") or {} if isinstance(document, dict) else None
    if not isinstance(selector, dict) or not all(isinstance(value, str) for value in selector.values()):
        raise ConfigError("error unmarshaling JSON: while decoding JSON: selector must be a mapping of texts")
    return selector


def _yaml_words(error: yaml.MarkedYAMLError) -> str:
    """An error as go-yaml tells it; it counts lines from 0 in parser errors, from 1 in scanner errors."""
    marks = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line]
    line = marks[0] + isinstance(error, yaml.scanner.ScannerError) if marks else 0
    return f"line {line}: {error.problem}" if line else str(error.problem)
