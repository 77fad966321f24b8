"""The operations of the HTTP surface, one row each, as GET /openapi.json and docs/api.md tell them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from function.eventing.cloudevent import STRUCTURED_TYPE
from function.web.answers import FORM_TYPE, JSON_TYPE

Schema = Mapping[str, Any]

#: Credentials; `description` is what the page of the API calls them.
SCHEMES: Mapping[str, Mapping[str, str]] = {
    "access_token": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer` with an access token"},
    "events_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer` with `EVENTS_TOKEN`, or a token of one of `EVENTS_SENDERS`",
    },
    "client": {
        "type": "http",
        "scheme": "basic",
        "description": "`Authorization: Basic` with a client's id and secret, or these in the body",
    },
}


@dataclass(frozen=True)
class Operation:
    """A method of a path.

    Attributes:
        summary: what it does, one sentence.
        status: of success.
        schema: of the body that success has; None for an empty one.
        answers: what success means, where the summary leaves it open.
        also: other successes, without a body, by status: what they mean.
        send: members of the body by name; those in `optional` may be left out.
        media: media types of the body.
        refusals: statuses beside those that its body and its security bring.
        oauth: refusals are RFC 6749's, not problem details.
        security: names of SCHEMES, any of which does.
        parameters: OpenAPI parameter objects.
        answer_types: media types of success.
    """

    method: str
    path: str
    id: str
    summary: str
    status: int = 200
    schema: Schema | None = None
    answers: str = ""
    also: Mapping[int, str] = field(default_factory=dict)
    send: Mapping[str, Schema] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    media: tuple[str, ...] = (JSON_TYPE, FORM_TYPE)
    refusals: tuple[int, ...] = ()
    oauth: bool = False
    security: tuple[str, ...] = ()
    parameters: tuple[Schema, ...] = ()
    answer_types: tuple[str, ...] = (JSON_TYPE,)

    @property
    def body(self) -> Schema:
        """The schema of what is sent."""
        return members(self.send, *self.optional)


def members(properties: Mapping[str, Schema], *optional: str) -> Schema:
    """The schema of an object that must have all but the optional members."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), **({"required": required} if required else {})}


def text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


_SECRET = text(format="password")
_TOKENS = members(
    {
        "access_token": text("a JWT after RFC 9068"),
        "token_type": text(const="Bearer"),
        "expires_in": {"type": "integer", "minimum": 1, "description": "seconds"},
        "refresh_token": text("for POST /token, once"),
    }
)
_CODES = members({"recovery_codes": {"type": "array", "items": text(), "minItems": 1}})
_OTP, _RECOVERY_CODE = text("six digits of an authenticator"), text("one of those that were told when it was enrolled")
_PROOF = {"otp": _OTP, "recovery_code": _RECOVERY_CODE}
_USER = members({"sub": text(), "preferred_username": text()})
_JWKS = members({"keys": {"type": "array", "items": {"type": "object"}, "minItems": 1}})
_STATUS = members({"status": text()})
_ALL = {
    "name": "all",
    "in": "query",
    "description": "`true`: all sessions of the bearer",
    "schema": text(enum=["true", "false"]),
}
_CLOUDEVENT = members(
    {
        "specversion": text(const="1.0"),
        "id": text(minLength=1),
        "source": text(minLength=1),
        "type": text(minLength=1),
        "datacontenttype": text(minLength=1),
        "data": {},
    },
    "datacontenttype",
    "data",
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/login",
        "login",
        "A user name, a password and, where the user has one, a second factor for tokens (RFC 6749 section 5.1).",
        schema=_TOKENS,
        send={"username": text(), "password": _SECRET, **_PROOF},
        optional=tuple(_PROOF),
        refusals=(401, 403, 429, 503),
    ),
    Operation(
        "POST",
        "/login/mfa",
        "login_mfa",
        "A challenge of `/login` and a second factor for tokens.",
        schema=_TOKENS,
        send={"challenge": text(), **_PROOF},
        optional=tuple(_PROOF),
        refusals=(401, 403, 429, 503),
    ),
    Operation(
        "GET",
        "/mfa",
        "mfa",
        "The state of one's own second factor; see second-factor.md.",
        schema=members({"totp": text(enum=["off", "pending", "on"]), "recovery_codes": {"type": "integer"}}),
        refusals=(503,),
        security=("access_token",),
    ),
    Operation(
        "POST",
        "/mfa/totp",
        "enrol",
        "Enrol an authenticator app, to be confirmed by its first code.",
        schema=members({"secret": text("base32"), "uri": text("otpauth://"), "expires_in": {"type": "integer"}}),
        send={"password": _SECRET},
        refusals=(403, 409, 429, 503),
        security=("access_token",),
    ),
    Operation(
        "POST",
        "/mfa/totp/confirm",
        "confirm",
        "Turn the second factor on; the other sessions end.",
        schema=_CODES,
        send={"otp": _OTP},
        refusals=(403, 409, 429, 503),
        security=("access_token",),
    ),
    Operation(
        "DELETE",
        "/mfa/totp",
        "remove",
        "Turn the second factor off; the other sessions end.",
        status=204,
        send={"password": _SECRET, **_PROOF},
        optional=tuple(_PROOF),
        refusals=(403, 409, 429, 503),
        security=("access_token",),
    ),
    Operation(
        "POST",
        "/mfa/recovery-codes",
        "renew_recovery_codes",
        "New recovery codes instead of the old.",
        schema=_CODES,
        send={"password": _SECRET, **_PROOF},
        optional=tuple(_PROOF),
        refusals=(403, 409, 429, 503),
        security=("access_token",),
    ),
    Operation(
        "POST",
        "/token",
        "refresh",
        "A refresh token for the next one (RFC 6749 section 6).",
        schema=_TOKENS,
        answers="as `/login`; the old token works for `REFRESH_GRACE` seconds more, later use of it ends the session",
        send={"grant_type": text(const="refresh_token"), "refresh_token": text()},
        media=(FORM_TYPE,),
        refusals=(503,),
        oauth=True,
    ),
    Operation(
        "POST",
        "/logout",
        "logout",
        "End the session of the refresh token that is sent, or with `?all=true` and a bearer token all of the user's.",
        status=204,
        send={"refresh_token": text()},
        optional=("refresh_token",),
        parameters=(_ALL,),
        refusals=(401, 503),
    ),
    Operation(
        "POST",
        "/revoke",
        "revoke",
        "End the session of a token of either kind (RFC 7009).",
        answers="also for a token that nobody knows",
        send={"token": text(), "token_type_hint": text()},
        optional=("token_type_hint",),
        media=(FORM_TYPE,),
        refusals=(503,),
        oauth=True,
    ),
    Operation(
        "POST",
        "/introspect",
        "introspect",
        "Whether an access token is good at this moment, for resource servers (RFC 7662).",
        schema=members({"active": {"type": "boolean"}}),
        answers='the claims and `username`, or exactly `{"active": false}`; a refresh token is inactive',
        send={"token": text(), "client_id": text(), "client_secret": _SECRET},
        optional=("client_id", "client_secret"),
        media=(FORM_TYPE,),
        refusals=(503,),
        oauth=True,
        security=("client",),
    ),
    Operation(
        "POST",
        "/users",
        "sign_up",
        "Sign up.",
        status=201,
        schema=_USER,
        send={"username": text(), "password": _SECRET},
        refusals=(404, 409, 422, 429, 503),
    ),
    Operation(
        "POST",
        "/password",
        "change_password",
        "Change one's own password; the other sessions end.",
        status=204,
        send={"password": _SECRET, "new_password": _SECRET},
        refusals=(403, 409, 422, 429, 503),
        security=("access_token",),
    ),
    Operation(
        "POST",
        "/password/reset",
        "reset_password",
        "Ask for a reset with `username`; or set a new password with `token` and `new_password`, ending all sessions.",
        status=204,
        answers="the password is set",
        also={202: "asked for, whether there is such a user or not"},
        send={
            "username": text(),
            "token": text("of `login-function users reset`, or from the mailer"),
            "new_password": _SECRET,
        },
        optional=("username", "token", "new_password"),
        refusals=(422, 429, 503),
    ),
    Operation(
        "POST",
        "/password/reset/exchange",
        "exchange_reset",
        "For a mailer: the `reference` of the event `password.reset_requested` for a reset token, once.",
        schema=members(
            {
                "token": text("for POST /password/reset"),
                "expires_in": {"type": "integer", "minimum": 1, "description": "seconds"},
                "sub": text(),
                "preferred_username": text(),
            }
        ),
        send={"reference": text(), "client_id": text(), "client_secret": _SECRET},
        optional=("client_id", "client_secret"),
        media=(FORM_TYPE,),
        refusals=(503,),
        oauth=True,
        security=("client",),
    ),
    Operation(
        "GET",
        "/userinfo",
        "userinfo",
        "Who the bearer is.",
        schema=_USER,
        refusals=(503,),
        oauth=True,
        security=("access_token",),
    ),
    Operation(
        "GET",
        "/.well-known/jwks.json",
        "jwks",
        "The public keys (RFC 7517), those that will sign next included.",
        schema=_JWKS,
        refusals=(503,),
    ),
    Operation(
        "GET",
        "/.well-known/oauth-authorization-server",
        "metadata",
        "What this server offers to OAuth clients (RFC 8414).",
        schema=members({"issuer": text(), "token_endpoint": text(), "jwks_uri": text()}),
    ),
    Operation("GET", "/livez", "livez", "Whether this process answers; waits for nothing.", schema=_STATUS),
    Operation("GET", "/readyz", "readyz", "Whether a login could be taken now.", schema=_STATUS, refusals=(503,)),
    Operation("GET", "/metrics", "metrics", "Prometheus text.", schema=text(), answer_types=("text/plain",)),
    Operation(
        "GET",
        "/openapi.json",
        "openapi",
        "This document.",
        schema=members({"openapi": text(), "paths": {"type": "object"}}),
    ),
    Operation(
        "POST",
        "/",
        "event",
        "A CloudEvent, in structured or binary mode; see events.md.",
        schema={},
        answers="the reply, an event",
        send=dict(_CLOUDEVENT["properties"]),
        optional=("datacontenttype", "data"),
        media=(STRUCTURED_TYPE,),
        refusals=(404, 409, 422, 429, 503),
        security=("events_token",),
        answer_types=(STRUCTURED_TYPE, JSON_TYPE),
    ),
)
