"""What a stored Revision (or the template of a Configuration or Service) asks for, as frozen types.

The documents are those of knative/serving pkg/apis/serving/v1 with core/v1 containers in them, admitted and defaulted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Document = Mapping[str, Any]

API_VERSION: Final = "serving.knative.dev/v1"
DEFAULT_PORT: Final = 8080
"""Where a container listens that names no port (runtime contract)."""
_PROBES: Final = ("readiness", "liveness", "startup")


class UnknownDocumentError(ValueError):
    """A document is of no kind that holds a revision's spec."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container; what it leaves to the image is None or empty. `document` is all of it, the environment too.

    `probes` are there by kind: `readiness`, `liveness`, `startup`.
    """

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    working_dir: str | None
    port: int | None
    port_name: str
    probes: Mapping[str, Document]
    document: Document

    @classmethod
    def read(cls, document: Document) -> "Container":
        """From a container of a stored object."""
        port = (document.get("ports") or [{}])[0]
        return cls(
            name=document["name"],
            image=document["image"],
            command=tuple(document.get("command") or ()),
            args=tuple(document.get("args") or ()),
            working_dir=document.get("workingDir"),
            # 0 is accepted, and means none.
            port=port.get("containerPort") or None,
            port_name=port.get("name", ""),
            probes={kind: document[f"{kind}Probe"] for kind in _PROBES if document.get(f"{kind}Probe")},
            document=document,
        )


@dataclass(frozen=True, slots=True)
class RevisionSpec:
    """What one revision runs and how requests reach it. Timeouts are seconds; 0 means none."""

    containers: tuple[Container, ...]
    container_concurrency: int
    timeout: int
    response_start_timeout: int
    idle_timeout: int
    annotations: Mapping[str, str]

    @property
    def serving(self) -> Container:
        """The container that requests go to."""
        document = serving_container([container.document for container in self.containers])
        return next(container for container in self.containers if container.document is document)

    @property
    def sidecars(self) -> tuple[Container, ...]:
        """The others."""
        return tuple(container for container in self.containers if container is not self.serving)

    def container(self, name: str) -> Container:
        """The one of this name; "" is the serving one."""
        return next((container for container in self.containers if container.name == name), self.serving)

    @property
    def port(self) -> int:
        """Where that one listens."""
        return self.serving.port or DEFAULT_PORT

    @property
    def is_http2(self) -> bool:
        """Whether it is spoken to in HTTP/2 by prior knowledge."""
        return self.serving.port_name == "h2c"


def serving_container(containers: Sequence[Document]) -> Document:
    """The container that requests go to: the only one, or the one with a port."""
    return containers[0] if len(containers) == 1 else next(each for each in containers if each.get("ports"))


def revision_spec(document: Document) -> RevisionSpec:
    """Read a stored Revision, Configuration or Service. Raises UnknownDocumentError for anything else."""
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if api_version != API_VERSION or kind not in {"Revision", "Configuration", "Service"}:
        raise UnknownDocumentError(
            f"apiVersion {api_version!r}, kind {kind!r} holds no revision; give a Revision, Configuration or Service"
            f" of {API_VERSION}"
        )
    holder = document if kind == "Revision" else document["spec"]["template"]
    metadata, spec = holder.get("metadata") or {}, holder["spec"]
    return RevisionSpec(
        containers=tuple(Container.read(container) for container in spec["containers"]),
        container_concurrency=spec["containerConcurrency"],
        timeout=spec["timeoutSeconds"],
        response_start_timeout=spec.get("responseStartTimeoutSeconds") or 0,
        idle_timeout=spec.get("idleTimeoutSeconds") or 0,
        annotations=metadata.get("annotations") or {},
    )
