"""POST /password/reset/exchange: what a mailer needs to send a reset link, and an event must not hold."""

from flask import Response

from function.access import client_credentials
from function.errors import Refusal
from function.service import Service
from function.web.answers import FORM_TYPE, document
from function.web.call import Call


def exchange(service: Service, call: Call) -> Response:
    """The reference of password.reset_requested for a reset token, once.

    Whoever reads the events has references and no secret of a client; another client has a secret and no references.
    """
    fields = call.fields(("reference", "client_id", "client_secret"), (FORM_TYPE,))
    call.notes["caller"] = client_credentials.authenticate(service.database, call, fields)
    if "reference" not in fields:
        raise Refusal(400, "reference is missing.")
    exchanged = service.resets.exchange(fields["reference"], service.now())
    if exchanged is None:
        raise Refusal(400, "The reference is not valid, or no longer.", code="invalid_grant", reason="unknown or used")
    user, token = exchanged
    call.notes["user"] = user.id
    body = {"token": token, "expires_in": service.settings.reset_ttl, "sub": user.id, "preferred_username": user.name}
    return document(body, headers={"Cache-Control": "no-store"})
