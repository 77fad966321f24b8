"""Paths and verbs of the Kubernetes API, over the store.

Writes return before the controller has seen them: it hears of every stored change and reconciles on its own time.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from emulator.api import kinds
from emulator.api.admission import Admission
from emulator.api.kinds import Kind
from emulator.api.store import Object, Store
from emulator.errors import EmulatorError, NotFound, UserError
from emulator.logs import Logs

#: Largest request body: etcd refuses objects over 1.5 MiB, and the API server bodies over 3 MiB.
BODY_LIMIT = 3 * 1024 * 1024
#: Names under which this API may be addressed; another `Host` means a page is being tricked into calling us.
HOSTS = frozenset({"127.0.0.1", "localhost"})

_decode = msgspec.json.decode
_encode = msgspec.json.encode


def make_app(store: Store, admission: Admission, logs: Logs, *, token: str, describe: Callable[[], Object]) -> Flask:
    """The API as a WSGI application; `describe` gives the document behind `/emulator/status`."""
    app = Flask("knative-emulator")
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.register_blueprint(_objects(store, admission))
    app.register_blueprint(_logs(store, logs))

    @app.before_request
    def guard() -> Response | None:
        host = request.host.rsplit(":", 1)[0]
        if host not in HOSTS or request.headers.get("Origin"):
            return failure(403, "Forbidden", "this API starts processes: it answers to its own host name alone")
        if request.path in {"/healthz", "/livez", "/readyz"}:
            return Response("ok", mimetype="text/plain")
        if request.headers.get("Authorization") != f"Bearer {token}":
            return failure(401, "Unauthorized", "Unauthorized: use the token of the kubeconfig in the state folder")
        return None

    @app.get("/version")
    def version() -> Response:
        return answer({"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"})

    @app.get("/emulator/status")
    def status() -> Response:
        return answer(describe())

    @app.errorhandler(EmulatorError)
    def refuse(error: EmulatorError) -> Response:
        return failure(error.status, error.reason, str(error))

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        if error.code == 404:
            return failure(404, "NotFound", "the server could not find the requested resource")
        return failure(error.code or 500, (error.name or "InternalError").replace(" ", ""), error.description or "")

    return app


def _objects(store: Store, admission: Admission) -> Blueprint:
    objects = Blueprint("objects", __name__)

    def read(group: str, version: str, plural: str, namespace: str | None = None, name: str | None = None) -> Response:
        kind = served(group, version, plural)
        if namespace is not None and name is not None:
            return answer(store.get(kind, namespace, name))
        items = list(store.all(kind, namespace))
        return answer(
            {
                "apiVersion": kind.api_version,
                "kind": kind.name + "List",
                "metadata": {"resourceVersion": store.version},
                "items": items,
            }
        )

    def create(group: str, version: str, plural: str, namespace: str) -> Response:
        kind = writable(group, version, plural)
        document = body(kind, namespace)
        stored, warnings = admission.create(kind, document)
        return answer(stored, status=201, warnings=warnings)

    def replace(group: str, version: str, plural: str, namespace: str, name: str) -> Response:
        kind = writable(group, version, plural)
        document = body(kind, namespace, name)
        stored, warnings = admission.replace(kind, document)
        return answer(stored, warnings=warnings)

    def delete(group: str, version: str, plural: str, namespace: str, name: str) -> Response:
        kind = writable(group, version, plural)
        gone = store.delete(kind, namespace, name)
        details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": gone["metadata"]["uid"]}
        return answer({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success", "details": details})

    verbs: dict[str, Callable[..., Response]] = {"GET": read, "POST": create, "PUT": replace, "DELETE": delete}
    for prefix, defaults in (("/api/<version>", {"group": ""}), ("/apis/<group>/<version>", {})):
        for path, methods in (
            ("/<plural>", ("GET",)),
            ("/namespaces/<namespace>/<plural>", ("GET", "POST")),
            ("/namespaces/<namespace>/<plural>/<name>", ("GET", "PUT", "DELETE")),
        ):
            for method in methods:
                objects.add_url_rule(
                    prefix + path,
                    f"{method}{prefix}{path}".replace(".", "_"),
                    verbs[method],
                    methods=[method],
                    defaults=defaults,
                    strict_slashes=False,
                )
    return objects


def _logs(store: Store, logs: Logs) -> Blueprint:
    paths = Blueprint("logs", __name__)

    @paths.get("/api/v1/namespaces/<namespace>/pods/<name>/log")
    def log(namespace: str, name: str) -> Response:
        store.get(kinds.POD, namespace, name)
        found = logs.find(name)
        if found is None:
            raise NotFound(f'pod "{name}" has not printed anything yet')
        follow = request.args.get("follow") in {"true", "1"}
        tail = request.args.get("tailLines", type=int)
        return Response(found.read(follow=follow, tail=tail), mimetype="text/plain")

    return paths


def served(group: str, version: str, plural: str) -> Kind:
    """The kind at a path; raises NotFound."""
    kind = kinds.by_path(group, version, plural)
    if kind is None:
        raise NotFound("the server could not find the requested resource")
    return kind


def writable(group: str, version: str, plural: str) -> Kind:
    """The kind at a path that a user may write to; raises NotFound and UserError."""
    kind = served(group, version, plural)
    if kind not in kinds.WRITABLE:
        raise UserError(f"{kind.resource} are written by the controller alone: change the Service that owns them")
    return kind


def body(kind: Kind, namespace: str, name: str | None = None) -> Object:
    """The request's object, checked against the path that it was sent to; raises UserError."""
    try:
        document = _decode(request.get_data())
    except msgspec.DecodeError as error:
        raise UserError(f"the request body is not JSON: {error}") from error
    if (
        not isinstance(document, dict)
        or kinds.by_type(document.get("apiVersion", ""), document.get("kind", "")) != kind
    ):
        raise UserError(f"the request body is not a {kind.api_version} {kind.name}")
    meta = document.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
        raise UserError("metadata.name: Required value: name or generateName is required")
    for field, wanted in (("namespace", namespace), ("name", name or meta["name"])):
        if meta.setdefault(field, wanted) != wanted:
            raise UserError(
                f"the {field} of the object ({meta[field]}) does not match the one of the request ({wanted})"
            )
    return document


def answer(document: Object, *, status: int = 200, warnings: tuple[str, ...] = ()) -> Response:
    """A JSON answer; each warning goes out as the Warning header that kubectl prints (RFC 7234 code 299)."""
    response = Response(_encode(document), status=status, mimetype="application/json")
    for warning in warnings:
        response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
    return response


def failure(status: int, reason: str, message: str) -> Response:
    """A Kubernetes Status of a failed request."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    }
    return answer(document, status=status)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
