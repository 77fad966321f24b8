"""Clients that can keep a secret, and how they show it (RFC 6749 section 2.3.1).

A secret is 256 random bits, and the store keeps its SHA-256. That is enough: a slow hash makes guessing dear where a
person chose the secret, and nobody guesses 256 bits. It would only make each introspection cost as much as a login.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from urllib.parse import unquote_plus

from function.errors import Refusal
from function.store import clients
from function.store.base import Database
from function.web.call import Call

#: What an id may be: what form encoding, which Basic asks for here, leaves as it is.
ID = r"[A-Za-z0-9._-]{1,64}"
_PREFIX = "lfc1_"
_SECRET_BYTES = 32


def make_secret() -> str:
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def authenticate(database: Database, call: Call, fields: Mapping[str, str]) -> str:
    """The id of the client that sent a request, by HTTP Basic or by client_id and client_secret in the form.

    Raises:
        Refusal: 401 invalid_client; 400 where it sent both.
    """
    header = call.request.headers.get("Authorization")
    if header is not None and "client_secret" in fields:
        raise Refusal(400, "Send the client's secret in one way.")
    client_id, secret = (
        (fields.get("client_id", ""), fields.get("client_secret", "")) if header is None else _basic(header)
    )
    known = re.fullmatch(ID, client_id) is not None
    client = database.read(lambda connection: clients.by_id(connection, client_id)) if known else None
    if client is None or not hmac.compare_digest(client.secret_hash, digest(secret)):
        raise Refusal(
            401,
            "The client's id or secret is wrong.",
            code="invalid_client",
            headers={"WWW-Authenticate": 'Basic realm="login", charset="UTF-8"'},
            reason="unknown client" if client is None else "wrong client secret",
        )
    return client.id


def _basic(header: str) -> tuple[str, str]:
    # What cannot be read is the credential of nobody.
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        text = ""
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
