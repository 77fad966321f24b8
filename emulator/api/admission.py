"""The one way in for objects: what a webhook would refuse is refused, what it would add is added, then stored."""

import base64
from collections.abc import Mapping
from typing import Any

from emulator.api.kinds import SECRET, SERVING, Kind
from emulator.api.store import Object, Store
from emulator.core.admission import AdmissionConfig, AdmissionError, admit, prune
from emulator.core.decider import not_implemented
from emulator.core.three_way import applied
from emulator.errors import InvalidObject

#: Who writes, as Knative's creator and lastModifier annotations say: the one user of a kubeconfig made here.
USER = "kubernetes-admin"


class Admission:
    """Stores what users write, after admission."""

    def __init__(self, store: Store, config_maps: Mapping[str, Mapping[str, str]]) -> None:
        """Raises ConfigError for a ConfigMap that can't be used."""
        self._store = store
        self._config = AdmissionConfig.load(config_maps)

    def create(self, kind: Kind, document: Object) -> tuple[Object, tuple[str, ...]]:
        """Store a new object; returns it and the warnings. Raises InvalidObject and AlreadyExists."""
        admitted, warnings = self._admitted(kind, document, None)
        return self._store.create(kind, admitted), warnings

    def replace(self, kind: Kind, document: Object) -> tuple[Object, tuple[str, ...]]:
        """Replace a stored object; returns it and the warnings. Raises InvalidObject, NotFound and Conflict."""
        meta = document["metadata"]
        stored = self._store.get(kind, meta["namespace"], meta["name"])
        admitted, warnings = self._admitted(kind, document, stored)
        return self._store.update(kind, admitted), warnings

    def apply(self, kind: Kind, document: Object) -> tuple[Object, tuple[str, ...]]:
        """Create, or merge with what is stored (see core.three_way). Raises InvalidObject."""
        meta = document["metadata"]
        stored = self._store.find(kind, meta["namespace"], meta["name"])
        merged = applied(document, stored)
        return self.create(kind, merged) if stored is None else self.replace(kind, merged)

    def _admitted(self, kind: Kind, document: Object, stored: Object | None) -> tuple[Object, tuple[str, ...]]:
        if kind is SECRET:
            return _encoded(document), ()
        if kind.group != SERVING:
            return document, ()
        kept, dropped = prune(kind.name, document)
        try:
            admitted = admit(kind.name, kept, stored, user=USER, config=self._config)
        except AdmissionError as error:
            raise InvalidObject(str(error)) from error
        annotations = (admitted.object["spec"]["template"].get("metadata") or {}).get("annotations") or {}
        if refused := not_implemented(annotations):
            raise InvalidObject("spec.template.metadata.annotations: " + "; ".join(refused.values()))
        return admitted.object, (*(f'unknown field "{path}"' for path in dropped), *admitted.warnings)


def _encoded(secret: Object) -> Object:
    """A Secret as it is stored: `stringData` goes, base64-encoded, over `data`."""
    kept: dict[str, Any] = {key: value for key, value in secret.items() if key != "stringData"}
    texts = secret.get("stringData") or {}
    data = (kept.get("data") or {}) | {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {"type": "Opaque"} | kept | {"data": data}
