"""What `apply` stores: the manifest over the stored object, without what the manifest before had and this one lacks.

This is kubectl's three-way merge as it does it for custom kinds: maps are merged key by key, lists are replaced whole.
The manifest is kept in kubectl's own annotation, so either of the two can go on where the other has applied.
"""

import json
from collections.abc import Mapping
from typing import Any

from emulator.core.annotations import LAST_APPLIED


def applied(manifest: Mapping[str, Any], stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """The object to write: `manifest` itself where nothing is stored, else what the three make together."""
    wanted = _with_annotation(manifest, json.dumps(manifest, separators=(",", ":"), sort_keys=True) + "\n")
    if stored is None:
        return wanted
    last = stored["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}")
    merged: dict[str, Any] = _merged(json.loads(last), wanted, stored)
    return merged


def _with_annotation(manifest: Mapping[str, Any], text: str) -> dict[str, Any]:
    meta = manifest["metadata"]
    annotations = (meta.get("annotations") or {}) | {LAST_APPLIED: text}
    return {**manifest, "metadata": {**meta, "annotations": annotations}}


def _merged(last: Any, wanted: Any, stored: Any) -> Any:
    if not isinstance(wanted, Mapping) or not isinstance(stored, Mapping):
        return wanted
    before = last if isinstance(last, Mapping) else {}
    kept = {key: value for key, value in stored.items() if key in wanted or key not in before}
    return kept | {key: _merged(before.get(key), value, stored.get(key)) for key, value in wanted.items()}
