"""The token endpoints: refresh, logout, userinfo, public keys."""

from flask import Response

from function.answers import FORM_TYPE, document, empty
from function.call import Call
from function.errors import Refusal
from function.login import granted
from function.service import Service
from function.store import users
from function.store.users import User

#: Seconds for which a relying party may keep the public keys; shorter than a new key is published before it signs.
JWKS_MAX_AGE = 300


def token(service: Service, call: Call) -> Response:
    """POST /token: RFC 6749 section 6.

    The password grant is gone (RFC 9700 section 2.4): that is what /login is for.
    """
    fields = call.fields(("grant_type", "refresh_token"), (FORM_TYPE,))
    if "grant_type" not in fields:
        raise Refusal(400, "grant_type is missing.")
    if fields["grant_type"] != "refresh_token":
        raise Refusal(400, "The one grant_type here is refresh_token.", code="unsupported_grant_type")
    if "refresh_token" not in fields:
        raise Refusal(400, "refresh_token is missing.")
    refreshed = service.sessions.refresh(fields["refresh_token"], service.now())
    call.notes["user"] = refreshed.user.id
    return granted(service, refreshed.user.id, refreshed.token)


def logout(service: Service, call: Call) -> Response:
    """POST /logout: end the session of the refresh token that is sent, or with ?all=true all of the bearer's.

    204 also for a token that is known to nobody: the session is not there, which is what was asked for.
    """
    if call.request.args.get("all") == "true":
        user = bearer(service, call)
        service.sessions.end_all(user.id)
        return empty()
    fields = call.fields(("refresh_token",))
    if "refresh_token" not in fields:
        raise Refusal(400, "Send refresh_token.")
    service.sessions.end(fields["refresh_token"])
    return empty()


def userinfo(service: Service, call: Call) -> Response:
    """GET /userinfo: who the bearer is."""
    user = bearer(service, call)
    return document({"sub": user.id, "preferred_username": user.name}, headers={"Cache-Control": "no-store"})


def jwks(service: Service, _call: Call) -> Response:
    """GET /.well-known/jwks.json: the public keys (RFC 7517)."""
    return document(service.tokens.jwks, headers={"Cache-Control": f"public, max-age={JWKS_MAX_AGE}"})


def bearer(service: Service, call: Call) -> User:
    """The user of the bearer token.

    Raises:
        Refusal: 401 as RFC 6750 section 3 has it.
    """
    claims = service.tokens.check(call.bearer())
    user = service.database.read(lambda connection: users.by_id(connection, claims["sub"]))
    if user is None or user.disabled_at is not None:
        raise Refusal(
            401,
            "The access token is not valid.",
            code="invalid_token",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            reason="disabled or removed user",
        )
    call.notes["user"] = user.id
    return user
