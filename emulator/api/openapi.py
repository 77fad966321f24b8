"""As much OpenAPI as kubectl asks for before it creates or applies: which kinds let the server check their fields.

kubectl looks for the patch operation of a kind, and in it for the parameter `fieldValidation`; where it finds that, it
leaves all checks to the server. `kubectl explain` reads the schemas.
"""

from typing import Any

from emulator.api.kinds import KINDS, Kind

Document = dict[str, Any]

_ACTIONS = {"create": "post", "get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def find(path: str) -> Document | None:
    """The document at a path without slashes at its ends; None if there is none."""
    groups = {_root(kind): kind for kind in KINDS}
    if path == "openapi/v2":
        info = {"title": "knative-emulator", "version": "v1"}
        return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}
    if path == "openapi/v3":
        return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in groups}}
    served = groups.get(path.removeprefix("openapi/v3/")) if path.startswith("openapi/v3/") else None
    if served is None:
        return None
    kinds = [kind for kind in KINDS if kind.api_version == served.api_version]
    return {
        "openapi": "3.0.0",
        "info": {"title": "knative-emulator", "version": "v1"},
        "paths": {path: item for kind in kinds for path, item in _paths(kind).items()},
        "components": {"schemas": {_schema_name(kind): _schema(kind) for kind in kinds}},
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
    texts = {name: {"type": "string"} for name in ("apiVersion", "kind")}
    objects = {
        name: {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        for name in ("metadata", "spec", "status")
    }
    return {
        "type": "object",
        "description": f"{kind.name} of {kind.api_version}",
        "properties": texts | objects,
        "x-kubernetes-group-version-kind": [_type(kind)],
    }


def _schema_name(kind: Kind) -> str:
    return f"{kind.group or 'core'}.{kind.version}.{kind.name}"


def _type(kind: Kind) -> Document:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}
