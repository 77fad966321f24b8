"""The API over HTTP: who may call it, and which part of it answers."""

import hmac
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from gevent.pywsgi import WSGIHandler, WSGIServer
from werkzeug.exceptions import HTTPException

from emulator.api import access, discovery, openapi, targets
from emulator.api.admission import Admission
from emulator.api.answers import answer, failure, refusal
from emulator.api.bodies import BODY_LIMIT, read_object
from emulator.api.history import History
from emulator.api.kinds import STREAMS
from emulator.api.store import Object, Store
from emulator.api.verbs import Verbs
from emulator.errors import EmulatorError, Forbidden, NotFound
from emulator.logs import Logs
from emulator.runtimes.base import Running

#: Names under which this API may be addressed; another `Host` means a page is being tricked into calling us.
HOSTS = frozenset({"127.0.0.1", "localhost"})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Where an application finds the connection of its request, to take it over.
CONNECTION = "emulator.connection"


class Unauthorized(EmulatorError):
    """The request lacks our token."""

    status = 401
    reason = "Unauthorized"


class _Handler(WSGIHandler):
    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[CONNECTION] = self.socket
        return environ


class ApiServer(WSGIServer):
    """Carries the application. An answer's head and body go out one by one: Nagle's algorithm would add 40 ms."""

    handler_class = _Handler

    def handle(self, client: socket.socket, address: Any) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle(client, address)


def make_app(
    store: Store,
    admission: Admission,
    logs: Logs,
    *,
    running: Running,
    token: str,
    describe: Callable[[], Object],
    history: Callable[[], bytes],
) -> Flask:
    """The API as a WSGI application.

    `running` finds an instance that runs; `describe` gives the document behind `/emulator/status`, `history` the lines
    behind `/emulator/history`.
    """
    app = Flask("knative-emulator", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.url_map.merge_slashes = False
    verbs = Verbs(store, admission, History(store), logs)

    app.before_request(lambda: _stranger(token))

    @app.route("/", defaults={"path": ""}, methods=METHODS)
    @app.route("/<path:path>", methods=METHODS)
    @app.route("/<path:path>", websocket=True)  # Werkzeug leads requests for a websocket nowhere else
    def serve(path: str) -> Response:
        path = path.strip("/")  # Python's client asks for /version/ and /apis/
        if path == "emulator/status":
            return answer(describe())
        if path == "emulator/history":
            return Response(history(), mimetype="application/jsonl")
        if request.method == "GET" and (found := _read(path)):
            return found
        review = access.find(path)
        if review is not None and request.method == "POST":
            document = read_object(request.get_data(), request.mimetype)
            return answer(access.reviewed(review, document), status=201)
        target = targets.find(path)
        if target is None:
            raise NotFound("the server could not find the requested resource")
        if target.sub in STREAMS:
            from emulator.api.remote import connect  # noqa: PLC0415 - what speaks websockets is paid by the first to ask

            return connect(request, store.get(target.kind, target.home, target.name or ""), target.sub, logs, running)
        return verbs.do(request, target)

    app.register_error_handler(EmulatorError, refusal)
    app.register_error_handler(HTTPException, _refused_by_flask)
    return app


def _read(path: str) -> Response | None:
    """What is the same for everybody, and always; None where the path is none of it."""
    if all_at_once := discovery.aggregated(path, request.headers.get("Accept", "")):
        document, media_type = all_at_once
        return answer(document, media_type=media_type)
    found = discovery.find(path) or openapi.find(path)
    if found is None:
        return None
    response = answer(found)
    response.add_etag()
    response.make_conditional(request)
    return response


def _stranger(token: str) -> Response | None:
    """What one who has no business here is told; None lets the request through."""
    host = request.host.rsplit(":", 1)[0]
    # Clients of websockets that are no browser name this very server as where they come from.
    origin = request.headers.get("Origin", "")
    if host not in HOSTS or origin not in {"", f"{request.scheme}://{request.host}"}:
        return refusal(Forbidden("this API starts processes: it answers to its own host name alone"))
    if request.path in {"/healthz", "/livez", "/readyz"}:
        return Response("ok", mimetype="text/plain")
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return refusal(Unauthorized("Unauthorized: use the token of the kubeconfig in the state folder"))
    return None


def _refused_by_flask(error: HTTPException) -> Response:
    code = error.code or 500
    status = failure(EmulatorError(error.description or error.name))
    return answer(status | {"code": code, "reason": error.name.replace(" ", "")}, status=code)
