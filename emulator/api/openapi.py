"""OpenAPI as kubectl asks for it: which kinds let the server check their fields, and what their objects may hold.

kubectl looks for the patch operation of a kind, and in it for the parameter `fieldValidation`; where it finds that, it
leaves all checks to the server. `kubectl explain` reads the schemas, which are those of the tables of types (see
core.admission.schema), without the fields that the CRD lacks.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from emulator.api.answers import encode
from emulator.api.core_types import CORE
from emulator.api.kinds import KINDS, SERVING, Kind
from emulator.api.openapi_texts import TEXTS
from emulator.core.admission import tables
from emulator.core.admission.schema import FieldSchema, Schema, keys_of

Document = dict[str, Any]

_ACTIONS: Final = {"create": "post", "get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_PARAMETERS: Final = [
    {"name": name, "in": "query", "schema": {"type": "string"}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
#: Whatever it holds.
_OPEN: Final[Document] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_INT_OR_STRING: Final[Document] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
_SCALARS: Final[Mapping[str, Document]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "intstr": _INT_OR_STRING,
    "quantity": _INT_OR_STRING,
    "any": _OPEN,
}


def find(path: str) -> Document | None:
    """The document at a path without slashes at its ends; None if there is none."""
    if path == "openapi/v2":
        info = {"title": "knative-emulator", "version": "v1"}
        return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}
    if path == "openapi/v3":
        urls = {root: f"/openapi/v3/{root}?hash={_hash(root)}" for root in {_root(kind) for kind in KINDS}}
        return {"paths": {root: {"serverRelativeURL": urls[root]} for root in sorted(urls)}}
    return _group(path.removeprefix("openapi/v3/")) if path.startswith("openapi/v3/") else None


def _hash(root: str) -> str:
    """What changes with a document: kubectl keeps the documents that it has read under it."""
    return hashlib.sha256(encode(_group(root))).hexdigest().upper()


@cache
def _group(root: str) -> Document | None:
    kinds = [kind for kind in KINDS if _root(kind) == root]
    if not kinds:
        return None
    schemas = {_schema_name(kind): _schema(kind) for kind in kinds}
    return {
        "openapi": "3.0.0",
        "info": {"title": "knative-emulator", "version": "v1"},
        "paths": {path: item for kind in kinds for path, item in _paths(kind).items()},
        "components": {"schemas": {_META: _object(tables.SERVING, "ObjectMeta"), **schemas}},
    }


def _root(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"


def _paths(kind: Kind) -> dict[str, Document]:
    collection = f"/{_root(kind)}/" + ("namespaces/{namespace}/" if kind.namespaced else "") + kind.plural
    operations = {
        verb: {
            "operationId": f"{verb}{kind.name}",
            "x-kubernetes-action": method if verb != "update" else "put",
            "x-kubernetes-group-version-kind": _type(kind),
            "parameters": _PARAMETERS,
            "responses": {"200": {"description": "OK"}},
        }
        for verb, method in _ACTIONS.items()
        if verb in kind.verbs
    }
    item = {_ACTIONS[verb]: operation for verb, operation in operations.items() if verb != "create"}
    made = {"post": operations["create"]} if "create" in operations else {}
    return {collection: made, collection + "/{name}": item}


def _schema(kind: Kind) -> Document:
    schema = tables.SERVING if kind.group == SERVING else CORE
    # What only the emulator writes has no table.
    written = kind.group == SERVING or "create" in kind.verbs
    found = _object(schema, kind.name) if written else dict(_OPEN)
    texts: Document = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    meta: Document = {"metadata": {"allOf": [{"$ref": f"#/components/schemas/{_META}"}], "default": {}}}
    properties: Document = found.get("properties", {})
    return found | {
        "description": f"{kind.name} of {kind.api_version}",
        "properties": properties | texts | meta,
        "x-kubernetes-group-version-kind": [_type(kind)],
    }


def _object(schema: Schema, type_: str) -> Document:
    properties = {
        name: _value(schema, row) | _told(f"{type_}.{name}")
        for name, row in sorted(schema.types[type_].items())
        if "pruned" not in row.words
    }
    required = [name for name in properties if schema.types[type_][name].is_required]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {}) | _told(type_)


def _told(name: str) -> Document:
    return {"description": TEXTS[name]} if name in TEXTS else {}


def _value(schema: Schema, row: FieldSchema) -> Document:
    found = _of(schema, row.type)
    if keys := list(keys_of(row.words)):
        # The first two are for those who apply by list type, the others for strategic merge patches.
        found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
        found |= {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": keys[0]}
    elif "set" in row.words:
        found |= {"x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"}
    elif row.type.startswith("[]"):
        found |= {"x-kubernetes-list-type": "atomic"}
    elif "atomic" in row.words:
        found |= {"x-kubernetes-map-type": "atomic"}
    flags = [word.partition(":")[2] for word in row.words if word.startswith(("flag:", "enabled:"))]
    if flags:
        found["description"] = f"Behind the feature flag {flags[0]}."
    if "open" in row.words:
        found["x-kubernetes-preserve-unknown-fields"] = True
    return found


def _of(schema: Schema, type_: str) -> Document:
    if type_.startswith("[]"):
        items = _of(schema, type_[2:])
        return {"type": "array", "items": items}
    if type_.startswith("map:"):
        return {"type": "object", "additionalProperties": _of(schema, type_[4:])}
    return dict(_SCALARS[type_]) if type_ in _SCALARS else _object(schema, type_)


def _schema_name(kind: Kind) -> str:
    return f"{kind.group or 'core'}.{kind.version}.{kind.name}"


def _type(kind: Kind) -> Document:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}
