"""What tests hand to an emulator and see of it, on either time."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emulator.api.kinds import Kind
from emulator.core.instance import ALIVE
from emulator.manifests import checked, in_order, parsed, read_manifests

Object = dict[str, Any]
#: A file or folder, the text of a manifest (of two lines or more), or a document.
Source = Path | str | Mapping[str, Any]


def manifests(sources: Iterable[Source], namespace: str, folder: Path) -> list[tuple[Kind, Object]]:
    """All documents, in the order in which they are applied; paths are relative to `folder`. Raises UserError."""
    found: list[tuple[Kind, Object]] = []
    for source in sources:
        if isinstance(source, Mapping):
            found.append(checked(source, "the manifest", namespace))
        elif isinstance(source, str) and "\n" in source:
            found += [checked(document, "the manifest", namespace) for document in parsed(source, "the manifest")]
        else:
            found += read_manifests([str(folder / source)], namespace)
    return in_order(found)


def instances(status: Mapping[str, Any], namespace: str, name: str) -> list[Object]:
    """The instances of a Service, a Configuration or a Revision that exist and were not told to go.

    `status` is the document of `knative-emulator status`. Each has name, phase, for (seconds in it), restarts,
    in_flight, served and message.
    """
    owners = [it for it in (*status["services"], *status["configurations"]) if it["namespace"] == namespace]
    return [
        instance
        for owner in owners
        for revision in owner["revisions"]
        if name in {owner["name"], revision["name"]}
        for instance in revision["instances"]
        if instance["phase"] in ALIVE
    ]
