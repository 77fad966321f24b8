"""The one way in for objects: what a webhook would refuse is refused, what it would add is added, then stored."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from emulator.api.core_types import check_name, checked, invalid, namespace, unreadable
from emulator.api.kinds import CONFIG_MAP, CORE_SERVICE, NAMESPACE, REVISION, SERVING, Kind
from emulator.api.ownership import tracked
from emulator.api.store import Object, Store, is_deleted
from emulator.core import decider
from emulator.core.admission import AdmissionConfig, AdmissionError, admit, prune
from emulator.core.annotations import CREATOR, LAST_MODIFIER, ROUTES, ROUTING_STATE_MODIFIED, SERVING_GROUP
from emulator.core.conditions import timestamp
from emulator.core.core_service import NO_EFFECT
from emulator.core.gotext import quote
from emulator.core.naming import LONGEST_NAME, SUFFIX_LENGTH, SUFFIX_LETTERS
from emulator.core.resources import serving_container
from emulator.core.support import RuntimeName, without_effect_in
from emulator.core.three_way import applied
from emulator.core.vocabulary import NO_CERTIFICATES, without_effect
from emulator.errors import Forbidden, InvalidObject

#: Who writes, as Knative's creator and lastModifier annotations say: the one user of a kubeconfig made here.
USER = "kubernetes-admin"
#: Namespace of Serving's own objects.
SERVING_NAMESPACE = "knative-serving"
#: Namespaces that are there from the start; others are made, or come with the manifests that the emulator starts with.
NAMESPACES = ("default", "istio-system", SERVING_NAMESPACE, "kube-system")

#: Annotations by which the controller knows an object again.
_MARKS = frozenset({CREATOR, LAST_MODIFIER, ROUTES, ROUTING_STATE_MODIFIED})

Stored = tuple[Object, tuple[str, ...]]


class Manner(NamedTuple):
    """How to write: whether to store, what becomes of unknown fields (Kubernetes' fieldValidation), and who writes.

    `manager` is Kubernetes' fieldManager; None for an object that says itself who manages its fields.
    """

    dry_run: bool = False
    validation: str = "Warn"
    manager: str | None = "knative-emulator"


#: To store it, and to warn of unknown fields, as the API server does with a request that says nothing else.
STORED = Manner()


class Admission:
    """Stores what users write, after admission."""

    def __init__(
        self,
        store: Store,
        config_maps: Mapping[str, Mapping[str, str]],
        runtime_for: Callable[[str], RuntimeName] | None = None,
    ) -> None:
        """Raises ConfigError for a ConfigMap that can't be used.

        `runtime_for` says what will run an image; None where nothing is run.
        """
        self._runtime_for = runtime_for
        self._store = store
        self._config = AdmissionConfig.load(config_maps)
        self._rng = random.Random()  # noqa: S311 - names of objects
        for name in NAMESPACES:
            if store.find(NAMESPACE, "", name) is None:
                store.create(NAMESPACE, namespace(name))

    def create(self, kind: Kind, document: Object, manner: Manner = STORED) -> Stored:
        """Store a new object; returns it and the warnings.

        Raises InvalidObject, Unprocessable, AlreadyExists, and NotFound or Forbidden for its namespace.
        """
        if home := document["metadata"].get("namespace", ""):
            self._enter(kind, document["metadata"].get("name", ""), home)
        admitted, warnings = self._admitted(kind, document, None, manner)
        meta = admitted["metadata"]
        if not meta.get("name"):
            prefix = meta["generateName"][: LONGEST_NAME - SUFFIX_LENGTH]
            meta["name"] = prefix + "".join(self._rng.choices(SUFFIX_LETTERS, k=SUFFIX_LENGTH))
        return self._store.create(kind, admitted, dry_run=manner.dry_run, manager=None), warnings

    def replace(self, kind: Kind, document: Object, manner: Manner = STORED) -> Stored:
        """Replace a stored object; returns it and the warnings.

        Raises InvalidObject, Unprocessable, NotFound and Conflict.
        """
        meta = document["metadata"]
        stored = self._store.get(kind, meta.get("namespace", ""), meta["name"])
        if kind is REVISION or (kind.group == SERVING and stored["metadata"].get("ownerReferences")):
            document = _as_owned(document, stored)
        admitted, warnings = self._admitted(kind, document, stored, manner)
        if is_deleted(stored) and (new := _finalizers(admitted) - _finalizers(stored)):
            found = ", ".join(quote(each) for each in sorted(new))
            words = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers"
            raise invalid(kind, meta["name"], "metadata.finalizers", f"{words} []string{{{found}}}")
        return self._store.update(kind, admitted, dry_run=manner.dry_run, manager=None), warnings

    def replace_status(self, kind: Kind, document: Object, manner: Manner = STORED) -> Stored:
        """Write the status that a document has, and nothing else of it; returns the object and the warnings.

        Raises InvalidObject, NotFound and Conflict.
        """
        meta = document["metadata"]
        stored = self._store.get(kind, meta.get("namespace", ""), meta["name"])
        kept, dropped = prune(kind.name, document)
        warnings = _unknown(kind, dropped, manner)
        whole = stored | {"status": kept.get("status")}
        try:
            admitted = admit(kind.name, whole, stored, user=USER, config=self._config, subresource="status").object
        except AdmissionError as error:
            raise InvalidObject(str(error), warnings=warnings) from error
        status = admitted.get("status", {})
        return self._store.replace_status(
            kind, document, status, dry_run=manner.dry_run, manager=manner.manager
        ), warnings

    def apply(self, kind: Kind, document: Object) -> Stored:
        """Create, or merge with what is stored (see core.three_way), in a namespace that is made where it is missing.

        Raises InvalidObject and Unprocessable.
        """
        meta = document["metadata"]
        if self._store.find(NAMESPACE, "", meta["namespace"]) is None:
            self._store.create(NAMESPACE, namespace(meta["namespace"]))
        stored = self._store.find(kind, meta["namespace"], meta["name"])
        merged = applied(document, stored)
        return self.create(kind, merged) if stored is None else self.replace(kind, merged)

    def _enter(self, kind: Kind, name: str, home: str) -> None:
        """Raises NotFound and Forbidden where nothing can be made in a namespace (Kubernetes' NamespaceLifecycle)."""
        if is_deleted(self._store.get(NAMESPACE, "", home)):
            told = f"namespace {home} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": told, "field": "metadata.namespace"}
            raise Forbidden(
                f'{kind.resource} "{name}" is forbidden: unable to create new content in namespace {home} because it '
                "is being terminated",
                kind.details(name) | {"causes": [cause]},
            )

    def _admitted(self, kind: Kind, document: Object, stored: Object | None, manner: Manner) -> Stored:
        if kind.group != SERVING:
            kept, dropped = checked(kind, document)
            idle = _without_effect_here(kind, kept["metadata"])
            return self._tracked(kind, kept, stored, manner), (*_unknown(kind, dropped, manner), *idle)
        kept, dropped = prune(kind.name, document)
        unknown = _unknown(kind, dropped, manner)
        kept = self._tracked(kind, kept, stored, manner)
        check_name(kind, kept)
        try:
            admitted = admit(kind.name, kept, stored, user=USER, config=self._config, dry_run=manner.dry_run)
        except AdmissionError as error:
            raise InvalidObject(str(error), warnings=(*unknown, *error.warnings)) from error
        admitted.object.pop("status", None)
        template, where = admitted.object["spec"].get("template"), "spec.template."
        if kind is REVISION:
            template, where = admitted.object, ""
        annotations = ((template or {}).get("metadata") or {}).get("annotations") or {}
        if refused := decider.not_implemented(annotations):
            raise InvalidObject(f"{where}metadata.annotations: " + "; ".join(refused.values()))
        # A Revision that is there already was told of when it, or its template, was written.
        pod = (template or {}).get("spec") if kind is not REVISION or stored is None else None
        without = (*_without_effect(admitted.object, template), *self._not_had(pod))
        return admitted.object, (*unknown, *decider.unknown(annotations), *without, *admitted.warnings)

    def _not_had(self, pod: Object | None) -> Iterator[str]:
        """What the runtime does without."""
        if pod and self._runtime_for:
            yield from without_effect_in(pod, self._runtime_for(serving_container(pod["containers"])["image"]))

    def _tracked(self, kind: Kind, document: Object, stored: Object | None, manner: Manner) -> Object:
        """Nobody manages what admission fills in: managers are told before."""
        if manner.manager is None:
            return document
        return tracked(kind, stored, document, manner.manager, timestamp(self._store.clock.now()))


def _without_effect_here(kind: Kind, meta: Object) -> Iterator[str]:
    if kind is CORE_SERVICE and not meta.get("ownerReferences"):
        yield NO_EFFECT
    if kind is CONFIG_MAP and meta.get("namespace") == SERVING_NAMESPACE and meta.get("name", "").startswith("config-"):
        yield "nothing follows: settings are read from `config:` of the emulator's file, at its start"


def _without_effect(document: Object, template: Object | None) -> Iterator[str]:
    if "tls" in document["spec"]:
        yield f"spec.tls has no effect in the emulator: {NO_CERTIFICATES}"
    for holder in (document, template or {}):
        yield from without_effect((holder.get("metadata") or {}).get("annotations") or {})


def _unknown(kind: Kind, fields: list[str], manner: Manner) -> tuple[str, ...]:
    words = tuple(f'unknown field "{field}"' for field in fields)
    if words and manner.validation == "Strict":
        raise unreadable(kind, "strict decoding error: " + ", ".join(words))
    return () if manner.validation == "Ignore" else words


def _as_owned(document: Object, stored: Object) -> Object:
    """What a user makes of an object that the controller keeps: its owners and the controller's marks on it stay."""
    meta, kept = document["metadata"], stored["metadata"]
    marks = {}
    for field, is_mark in (("labels", _is_label_of_knative), ("annotations", _MARKS.__contains__)):
        users = meta.get(field) or {}
        if not isinstance(users, dict):
            return document
        others = {key: value for key, value in users.items() if not is_mark(key)}
        marks[field] = others | {key: value for key, value in kept.get(field, {}).items() if is_mark(key)}
    return document | {"metadata": meta | marks | {"ownerReferences": kept.get("ownerReferences", [])}}


def _finalizers(document: Object) -> set[str]:
    return set(document["metadata"].get("finalizers") or ())


def _is_label_of_knative(key: str) -> bool:
    return key.startswith(f"{SERVING_GROUP}/")
