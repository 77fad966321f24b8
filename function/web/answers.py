"""Responses: JSON documents, and refusals.

A refusal is problem details (RFC 9457) or, on OAuth endpoints, what RFC 6749 section 5.2 says.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from function.errors import Refusal

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
#: nginx's number for a client that has closed the connection: nobody reads it but the log.
CLIENT_GONE = 499


def document(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type=JSON_TYPE)


def empty(status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """Nothing, without the Content-Type that Flask would give to it."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def problem(refusal: Refusal) -> Response:
    """RFC 9457. `type` is about:blank, so `title` is the status's own phrase (section 4.2.1)."""
    body = {"type": "about:blank", "title": phrase(refusal.status), "status": refusal.status, "detail": refusal.detail}
    return Response(
        json.dumps(body | refusal.members), refusal.status, refusal.headers, content_type="application/problem+json"
    )


def oauth_error(refusal: Refusal) -> Response:
    """RFC 6749 section 5.2."""
    headers = {"Cache-Control": "no-store"} | refusal.headers
    return document({"error": refusal.code, "error_description": refusal.detail}, refusal.status, headers)


def phrase(status: int) -> str:
    return "Client Closed Request" if status == CLIENT_GONE else HTTPStatus(status).phrase
