"""What clients can find out about this server: its metadata (RFC 8414) and its public keys (RFC 7517)."""

from flask import Response

from function.service import Service
from function.web.answers import document
from function.web.call import Call


def metadata(service: Service, _call: Call) -> Response:
    """GET /.well-known/oauth-authorization-server. Every URL begins with ISSUER, and none is taken from the request.

    `response_types_supported` is empty, for there is no authorization endpoint. RFC 8414 wants the member in section 2
    and empty ones left out in section 3.2; clients stumble over the former only.
    """
    issuer = service.settings.issuer
    base = issuer.removesuffix("/")
    endpoints = {
        "token_endpoint": "/token",
        "revocation_endpoint": "/revoke",
        "introspection_endpoint": "/introspect",
        "userinfo_endpoint": "/userinfo",
        "jwks_uri": "/.well-known/jwks.json",
    }
    return document(
        {
            "issuer": issuer,
            **{name: base + path for name, path in endpoints.items()},
            "response_types_supported": [],
            "grant_types_supported": ["refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        },
        headers=_cached(service),
    )


def jwks(service: Service, _call: Call) -> Response:
    """GET /.well-known/jwks.json: the public keys."""
    return document(service.tokens.keyring.current(service.now()).jwks, headers=_cached(service))


def _cached(service: Service) -> dict[str, str]:
    return {"Cache-Control": f"public, max-age={service.settings.jwks_max_age}"}
