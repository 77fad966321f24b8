"""The token endpoints: refresh, logout, revoke, userinfo."""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Response

from function.access import sessions
from function.endpoints.login import granted
from function.errors import Refusal, invalid_token
from function.service import Service
from function.store.users import User
from function.web.answers import FORM_TYPE, document, empty
from function.web.call import Call


class Bearer(NamedTuple):
    """Who has sent an access token, and of which of their sessions it is."""

    user: User
    session_id: str


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
    return granted(service, refreshed)


def logout(service: Service, call: Call) -> Response:
    """POST /logout: end the session of the refresh token that is sent, or with ?all=true all of the bearer's.

    204 also for a token that is known to nobody: the session is not there, which is what was asked for.
    """
    everywhere = call.request.args.get("all", "false")
    if everywhere not in {"true", "false"}:
        raise Refusal(400, "all is true or false.")
    if everywhere == "true":
        service.sessions.end_all(bearer(service, call).user.id)
        return empty()
    fields = call.fields(("refresh_token",))
    if "refresh_token" not in fields:
        raise Refusal(400, "Send refresh_token.")
    service.sessions.end(fields["refresh_token"])
    return empty()


def revoke(service: Service, call: Call) -> Response:
    """POST /revoke: RFC 7009. Who has a token may end it; there is no client here that could keep a secret.

    Either kind of token ends the whole session (sections 2.1 and 3): its refresh token at once, its access tokens at
    once for /userinfo and /introspect. Whoever verifies them alone takes them until they expire.
    """
    fields = call.fields(("token",), (FORM_TYPE,))
    if "token" not in fields:
        raise Refusal(400, "token is missing.")
    presented = fields["token"]
    if presented.startswith(sessions.PREFIX):
        service.sessions.end(presented)
    else:
        with contextlib.suppress(Refusal):
            service.sessions.end_one(service.tokens.check(presented, service.now())["sid"])
    return empty(200, {"Cache-Control": "no-store"})


def userinfo(service: Service, call: Call) -> Response:
    """GET /userinfo: who the bearer is."""
    user = bearer(service, call).user
    return document({"sub": user.id, "preferred_username": user.name}, headers={"Cache-Control": "no-store"})


def bearer(service: Service, call: Call) -> Bearer:
    """Who has sent the bearer token.

    Raises:
        Refusal: 401 as RFC 6750 section 3 has it.
    """
    user, claims = holder(service, call.bearer())
    call.notes["user"] = user.id
    return Bearer(user, claims["sid"])


def holder(service: Service, token: str) -> tuple[User, Mapping[str, Any]]:
    """Whose access token it is as of now, and its claims.

    Raises:
        Refusal: 401 invalid_token; also where the session has ended, or the user is disabled.
    """
    now = service.now()
    claims = service.tokens.check(token, now)
    user = service.sessions.holder(claims["sid"], now)
    if user is None:
        raise invalid_token("ended session or disabled user")
    return user, claims
