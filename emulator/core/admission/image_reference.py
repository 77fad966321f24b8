"""Whether a text names an image, as go-containerregistry reads it (pkg/name, weak validation)."""

import re
from typing import Final

_TAG: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)
_REPOSITORY: Final = re.compile(r"[a-z0-9_./-]{2,255}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
#: What Go's URL parser takes as the authority of a registry: a host, or an address in brackets, and a port.
_REGISTRY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=\"<>-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)


def is_image_reference(text: str) -> bool:
    """`repository`, `repository:tag` or `repository@sha256:digest`, with a registry in front or not."""
    return _is_tagged(text) or _is_digested(text)


def _is_tagged(text: str) -> bool:
    base, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        return _is_repository(text)
    return _TAG.fullmatch(tag) is not None and _is_repository(base)


def _is_digested(text: str) -> bool:
    base, at, digest = text.partition("@")
    return bool(at) and _DIGEST.fullmatch(digest) is not None and (_is_tagged(base) or _is_repository(base))


def _is_repository(text: str) -> bool:
    registry, slash, path = text.partition("/")
    has_registry = bool(slash) and ("." in registry or ":" in registry)
    if not has_registry:
        registry, path = "", text
    return _REPOSITORY.fullmatch(path) is not None and _REGISTRY.fullmatch(registry) is not None
