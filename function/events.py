"""POST / with a CloudEvent: off unless EVENTS_TOKEN is set, and answered with an event (C0, C1).

Handled inside the http target: the framework's own cloudevent target drops replies, and answers a batch with 500.
"""

import hmac
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Response

from function import cloudevent
from function.call import Call
from function.cloudevent import Event
from function.errors import Refusal
from function.login import attempted
from function.service import Service
from function.store import users


def receive(service: Service, call: Call) -> Response:
    """POST /: read the event, do what its type says, answer with the reply.

    Raises:
        Refusal: 404 while events are off, 401 without the token (before anything is read), 415 for a type that is not
        known
            here, 400 for what is no event, and whatever the type's own handling refuses with.
    """
    if not service.settings.events_token:
        raise Refusal(404, "Events are off: set EVENTS_TOKEN to turn them on.")
    if not hmac.compare_digest(call.bearer().encode(), service.settings.events_token.encode()):
        raise Refusal(
            401, "The token is not valid.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}, reason="token"
        )
    event = cloudevent.read(dict(call.request.headers), call.request.mimetype, call.body())
    handler = TYPES.get(event.type)
    if handler is None:
        raise Refusal(415, f"The event types here are: {', '.join(TYPES)}.")
    call.notes["event"] = event.type
    headers, body = cloudevent.write(handler(service, call, event))
    return Response(body, 200, headers)


def login_request(service: Service, call: Call, event: Event) -> Event:
    """login.request: {"username", "password", "otp" or "recovery_code"} -> login.succeeded or login.failed.

    After a right password login.failed has a reason: mfa_required where the user has a second factor and none was
    sent, invalid_code where it was wrong. There is no challenge, for an event has no second step.
    The reply says who it was, and holds no token: events are stored and handed on by others.
    """
    if not isinstance(event.data, dict):
        raise Refusal(400, "data must be an object with username and password.")
    name, password = event.data.get("username"), event.data.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        raise Refusal(400, "data must have username and password, as strings.")
    attempt = attempted(service, call, name, password, brokered=True)
    user = attempt.user
    if user is None:
        return _reply(service, event, "login.failed", {})
    amr: Sequence[str] = ("pwd",)
    if service.database.read(lambda connection: users.has_second_factor(connection, user.id)):
        from function.second_step import beside_password  # noqa: PLC0415 - a cold start is for whoever has none

        sent = {name: event.data[name] for name in ("otp", "recovery_code") if isinstance(event.data.get(name), str)}
        try:
            amr = beside_password(service, call, user, sent)
        except Refusal as refusal:
            if refusal.status != 403:
                raise
            return _reply(service, event, "login.failed", {"reason": refusal.members["error"]})
    return _reply(service, event, "login.succeeded", {"sub": user.id, "amr": list(amr)})


TYPES: Mapping[str, Callable[[Service, Call, Event], Event]] = {"login.request": login_request}


def _reply(service: Service, event: Event, type_: str, data: Mapping[str, Any]) -> Event:
    attributes = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": service.settings.issuer,
        "type": type_,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(service.now())),
    }
    request = {"id": event.attributes["id"], "source": event.attributes["source"]}
    return Event(attributes, {"request": request, **data}, event.mode)
