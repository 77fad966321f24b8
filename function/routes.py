"""Method and path -> handler; refusals -> problem details; one log line and one count a request."""

import importlib
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import NamedTuple

import flask
from flask import Response

from function import logs
from function.endpoints import discovery, events, health, mailer, oauth, selfservice
from function.endpoints.introspection import introspect
from function.endpoints.login import login
from function.errors import Refusal, StoreUnavailableError
from function.service import Service
from function.web import cors
from function.web.answers import oauth_error, problem
from function.web.call import Call

Handler = Callable[[Service, Call], Response]

#: Retry-After while the database is lost: about what PostgreSQL takes to restart.
LOST_SECONDS = 2


def _late(module: str, name: str) -> Handler:
    """A handler that is imported when it is asked for: a cold start does not wait for what few requests need."""

    def handler(service: Service, call: Call) -> Response:
        found: Handler = getattr(importlib.import_module(f"function.{module}"), name)
        return found(service, call)

    return handler


class Route(NamedTuple):
    """What one path offers. `oauth`: its errors are RFC 6749's, because its callers are OAuth clients."""

    methods: Mapping[str, Handler]
    oauth: bool = False


ROUTES: Mapping[str, Route] = {
    "/": Route({"POST": events.receive}),
    "/login": Route({"POST": login}),
    "/login/mfa": Route({"POST": _late("endpoints.second_step", "after_password")}),
    "/mfa": Route({"GET": _late("endpoints.mfa", "state")}),
    "/mfa/totp": Route({"POST": _late("endpoints.mfa", "enrol"), "DELETE": _late("endpoints.mfa", "remove")}),
    "/mfa/totp/confirm": Route({"POST": _late("endpoints.mfa", "confirm")}),
    "/mfa/recovery-codes": Route({"POST": _late("endpoints.mfa", "renew_codes")}),
    "/token": Route({"POST": oauth.token}, oauth=True),
    "/logout": Route({"POST": oauth.logout}),
    "/revoke": Route({"POST": oauth.revoke}, oauth=True),
    "/introspect": Route({"POST": introspect}, oauth=True),
    "/users": Route({"POST": selfservice.sign_up}),
    "/password": Route({"POST": selfservice.change_password}),
    "/password/reset": Route({"POST": selfservice.reset_password}),
    "/password/reset/exchange": Route({"POST": mailer.exchange}, oauth=True),
    "/userinfo": Route({"GET": oauth.userinfo}, oauth=True),
    "/.well-known/jwks.json": Route({"GET": discovery.jwks}),
    "/.well-known/oauth-authorization-server": Route({"GET": discovery.metadata}),
    "/livez": Route({"GET": health.livez}),
    "/readyz": Route({"GET": health.readyz}),
    "/metrics": Route({"GET": health.scrape}),
    "/openapi.json": Route({"GET": _late("web.openapi", "serve")}),
}
_NOWHERE = Route({})


def answer(service: Service, request: flask.Request, handler: Handler | None = None) -> Response:
    """Answer one request. Whatever happens, it is one response, one log line and one count.

    `handler` takes the place of the one that method and path lead to.
    """
    request.max_content_length = service.settings.max_body
    call = Call(request, trusted_proxies=service.settings.trusted_proxies)
    route = ROUTES.get(request.path, _NOWHERE)
    origins = service.settings.cors_origins
    try:
        if route is not _NOWHERE and cors.asking(request, origins):
            response = cors.preflight(route.methods)
        else:
            response = (handler or _handler(route, request.method))(service, call)
    except (Refusal, StoreUnavailableError) as error:
        refusal = error if isinstance(error, Refusal) else _lost(error)
        call.notes["reason"] = call.notes.get("reason") or refusal.reason
        response = oauth_error(refusal) if route.oauth else problem(refusal)
    except Exception:  # noqa: BLE001 - the last line of defence: logged whole, told to the client as nothing but 500
        call.notes["error"] = "".join(traceback.format_exception(*sys.exc_info()))
        response = problem(Refusal(500, "Something went wrong on our side."))
    call.finish()
    response.headers["X-Served-By"] = service.instance
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.update(cors.headers(request, origins))
    _record(service, call, route, response.status_code)
    return response


def _handler(route: Route, method: str) -> Handler:
    if route is _NOWHERE:
        raise Refusal(404, "There is nothing at this path.")
    handler = route.methods.get("GET" if method == "HEAD" else method)
    if handler is None:
        allowed = [*route.methods, *(["HEAD"] if "GET" in route.methods else [])]
        raise Refusal(405, f"Use {' or '.join(allowed)}.", headers={"Allow": ", ".join(allowed)})
    return handler


def _lost(error: StoreUnavailableError) -> Refusal:
    return Refusal(
        503,
        "The database does not answer at the moment; try again after the time in Retry-After.",
        code="temporarily_unavailable",
        headers={"Retry-After": str(LOST_SECONDS)},
        reason=f"database: {error}",
    )


def _record(service: Service, call: Call, route: Route, status: int) -> None:
    request = call.request
    # Only our own words become labels and log fields: a path or method that a client made up could be anything.
    path = request.path if route is not _NOWHERE else "unmatched"
    method = request.method if request.method in route.methods or request.method == "HEAD" else "other"
    service.metrics.add("login_requests_total", route=path, method=method, status=status)
    logs.line(
        "ERROR" if status >= 500 and status != 503 else "WARNING" if status == 503 else "INFO",
        f"{method} {path} {status}",
        method=method,
        route=path,
        status=status,
        ms=round((time.monotonic() - call.started) * 1000, 1),
        client=call.client,
        trace=logs.trace_id(request.headers.get("traceparent", "")),
        **call.notes,
    )
