"""What a stored Revision (or the template of a Configuration or Service) asks for, as frozen types.

The documents are those of knative/serving pkg/apis/serving/v1 with core/v1 containers in them, admitted and defaulted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Document = Mapping[str, Any]

API_VERSION: Final = "serving.knative.dev/v1"
DEFAULT_PORT: Final = 8080
"""Where a container listens that names no port (runtime contract)."""


class UnknownDocumentError(ValueError):
    """A document is of no kind that holds a revision's spec."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container; what it leaves to the image is None or empty. `document` is all of it, the environment too."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    working_dir: str | None
    port: int | None
    port_name: str
    readiness_probe: Document | None
    liveness_probe: Document | None
    startup_probe: Document | None
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
            readiness_probe=document.get("readinessProbe"),
            liveness_probe=document.get("livenessProbe"),
            startup_probe=document.get("startupProbe"),
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
        """The container that requests go to: the only one, or the one with a port."""
        with_port = (container for container in self.containers if container.document.get("ports"))
        return self.containers[0] if len(self.containers) == 1 else next(with_port)

    @property
    def port(self) -> int:
        """Where that one listens."""
        return self.serving.port or DEFAULT_PORT

    @property
    def is_http2(self) -> bool:
        """Whether it is spoken to in HTTP/2 by prior knowledge."""
        return self.serving.port_name == "h2c"


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
