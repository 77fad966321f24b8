"""POST / with a CloudEvent: off unless a setting says who may send, and answered with an event (C0, C1, C2).

Handled inside the http target: the framework's own cloudevent target drops replies, and answers a batch with 500.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Response

from function.endpoints.login import attempted
from function.errors import Refusal, SecondFactorNeededError
from function.eventing import cloudevent, provisioning, schema, senders
from function.eventing.cloudevent import Event
from function.eventing.once import Done, Once
from function.service import Service
from function.store import users
from function.store.base import Connection
from function.store.inbox import DuplicateError
from function.web.call import Call

#: An event type: with its data it does what it does within `Once`, and so its reply is kept.
Handler = Callable[[Service, Call, Mapping[str, Any], Once], None]


def receive(service: Service, call: Call) -> Response:
    """POST /: read the event, do what its type says, answer with the reply.

    Raises:
        Refusal: 404 while events are off, 401 without a token (before anything is read), 415 for a type that is not
            known here, 400 for what is no event or not of its type's schema, and whatever the type's own handling
            refuses with.
    """
    call.notes["sender"] = senders.authenticate(service, call)
    event = cloudevent.read(dict(call.request.headers), call.request.mimetype, call.body())
    handler = TYPES.get(event.type)
    if handler is None:
        raise Refusal(415, f"The event types here are: {', '.join(TYPES)}.")
    call.notes["event"] = event.type
    if why := schema.fault(schema.load(event.type), event.data):
        raise Refusal(400, f"This is no {event.type}: {why}.", reason="schema")
    once = Once(service, event)
    if once.reply is None:
        try:
            handler(service, call, event.data, once)
        except DuplicateError as error:
            once.reply = error.reply
    else:
        call.notes["reason"] = "duplicate"
    reply = once.reply or {}
    headers, body = cloudevent.write(Event(reply["attributes"], reply["data"], event.mode))
    return Response(body, 200, headers)


def login_request(service: Service, call: Call, data: Mapping[str, Any], once: Once) -> None:
    """login.request: {"username", "password", "otp" or "recovery_code"} -> login.succeeded or login.failed.

    After a right password login.failed has a reason: mfa_required where the user has a second factor and none was
    sent, invalid_code where it was wrong. There is no challenge, for an event has no second step.
    The reply says who it was, and holds no token: events are stored and handed on by others.
    """
    attempt = attempted(
        service,
        call,
        data["username"],
        data["password"],
        brokered=True,
        refused=lambda connection: once.keep(connection, Done("login.failed", {})),
    )
    if attempt.user is None:
        return
    user = attempt.user

    def succeeded(connection: Connection, amr: Sequence[str]) -> Done:
        if not users.unchanged(connection, user):
            raise Refusal(503, "The account has changed meanwhile: send the event again.", headers={"Retry-After": "1"})
        if "mfa" not in amr and users.has_second_factor(connection, user.id):
            raise SecondFactorNeededError
        service.outbox.add(connection, "login.succeeded", user.id, {"client": "", "amr": list(amr)}, service.now())
        return Done("login.succeeded", {"sub": user.id, "amr": list(amr)})

    try:
        once.write(user.name, lambda connection: succeeded(connection, ("pwd",)))
    except SecondFactorNeededError:
        from function.endpoints.second_step import beside_password  # noqa: PLC0415 - a cold start is for whoever has none

        def judged(connection: Connection, reason: str, amr: Sequence[str]) -> None:
            failed = Done("login.failed", {"reason": "invalid_code"})
            once.keep(connection, failed if reason else succeeded(connection, amr))

        try:
            beside_password(service, call, user, data, judged)
        except Refusal as refusal:
            if refusal.status != 403:
                raise
            if refusal.members["error"] == "mfa_required":
                once.write(user.name, lambda _: Done("login.failed", {"reason": "mfa_required"}))


TYPES: Mapping[str, Handler] = {
    "login.request": login_request,
    "user.provision": provisioning.provision,
    "user.disable": provisioning.disable,
    "session.revoke": provisioning.revoke,
}
