"""POST /introspect: RFC 7662, for resource servers that want to know about a token now and not as of its issue."""

from typing import Any

from flask import Response

from function.access import client_credentials
from function.endpoints import oauth
from function.errors import Refusal
from function.service import Service
from function.web.answers import FORM_TYPE, document
from function.web.call import Call

_INACTIVE = {"active": False}


def introspect(service: Service, call: Call) -> Response:
    """Whether an access token is good: signed by us, not expired, of a session that goes on and a user who may.

    A refresh token is inactive: it is for nobody but its client and us, and a resource server that was told "active"
    might take it for an access token. Nothing says why a token is inactive (section 2.2).
    """
    fields = call.fields(("token", "client_id", "client_secret"), (FORM_TYPE,))
    call.notes["caller"] = client_credentials.authenticate(service.database, call, fields)
    if "token" not in fields:
        raise Refusal(400, "token is missing.")
    return document(_state(service, call, fields["token"]), headers={"Cache-Control": "no-store"})


def _state(service: Service, call: Call, token: str) -> dict[str, Any]:
    try:
        user, claims = oauth.holder(service, token)
    except Refusal as refusal:
        call.notes["reason"] = refusal.reason
        return _INACTIVE
    call.notes["user"] = user.id
    return {"active": True, "token_type": "Bearer", "username": user.name, **claims}
