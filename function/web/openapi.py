"""GET /openapi.json: the HTTP surface as OpenAPI 3.1. docs/api.md has its table from here too.

One row an operation, in operations.py. What many have in common (how a body, a token or the moment is refused) is said
once, here, and a row says what is its own.
"""

import functools
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from function.service import Service
from function.web.answers import JSON_TYPE
from function.web.call import Call
from function.web.operations import OPERATIONS, SCHEMES, Operation

PROBLEM_TYPE = "application/problem+json"
#: What a refusal means where the operation has nothing special to say.
REFUSALS: Mapping[int, str] = {
    400: "The request is malformed.",
    401: "The credential is missing or not valid.",
    403: "The current password is wrong, or the second factor is wrong or missing.",
    404: "Switched off.",
    409: "Somebody else was faster.",
    413: "The body is longer than MAX_BODY.",
    414: "The request line is longer than MAX_HEAD.",
    415: "The body is of another media type.",
    422: "Against the rules for names or passwords; `detail` says which.",
    429: "Too many failed attempts; Retry-After says when to come back.",
    431: "The headers are longer than MAX_HEAD.",
    503: "Not at this moment; Retry-After says when to come back.",
}
#: The server refuses these before anybody asks what they were for.
_ANYWHERE = (400, 413, 414, 431)
_RETRY = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_OAUTH_ERROR = {
    "type": "object",
    "description": "RFC 6749 section 5.2",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    "required": ["error", "error_description"],
}


def serve(service: Service, _call: Call) -> Response:
    """GET /openapi.json."""
    return Response(_text(service.settings.issuer), content_type=JSON_TYPE)


@functools.cache
def document(issuer: str) -> Mapping[str, Any]:
    """The document, for an instance whose ISSUER is that."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Login function",
            "version": "1",
            "description": "Passwords for tokens. Refusals are problem details, or RFC 6749's on OAuth endpoints.",
        },
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM, "OAuthError": _OAUTH_ERROR}, "securitySchemes": SCHEMES},
    }


def markdown() -> str:
    """The operations as the table of docs/api.md."""
    lines = ["| Method and path | What it does | Send | Get |", "|---|---|---|---|"]
    for operation in OPERATIONS:
        statuses = [str(status) for status in sorted({*operation.refusals, *([401] if operation.security else [])})]
        successes = {operation.status: operation.answers, **operation.also}
        answers = [f"{status}{f' ({means})' if means else ''}" for status, means in successes.items()]
        lines.append(
            f"| `{operation.method} {operation.path}` | {operation.summary} | {_sent(operation)} "
            f"| {', '.join([*answers, *statuses])} |"
        )
    return "\n".join(lines) + "\n"


def _sent(operation: Operation) -> str:
    names = [f"`{name}`" + (" (optional)" if name in operation.optional else "") for name in operation.send]
    body = ", ".join(names)
    if body and JSON_TYPE not in operation.media:
        body = f"{body}, as {' or '.join(f'`{media}`' for media in operation.media)}"
    credentials = " or ".join(SCHEMES[name]["description"] for name in operation.security)
    return "; ".join(filter(None, [body, credentials]))


@functools.cache
def _text(issuer: str) -> str:
    return json.dumps(document(issuer))


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": dict(_responses(operation)),
    }
    if operation.parameters:
        made["parameters"] = list(operation.parameters)
    if operation.security:
        made["security"] = [{name: []} for name in operation.security]
    if operation.send:
        made["requestBody"] = {
            "required": len(operation.optional) < len(operation.send),
            "content": {media: {"schema": operation.body} for media in operation.media},
        }
    return made


def _responses(operation: Operation) -> Iterator[tuple[str, Any]]:
    good: dict[str, Any] = {"description": operation.answers or operation.summary}
    if operation.schema is not None:
        good["content"] = {media: {"schema": operation.schema} for media in operation.answer_types}
    yield str(operation.status), good
    for status, means in operation.also.items():
        yield str(status), {"description": means}
    statuses = {*_ANYWHERE, *operation.refusals}
    if operation.send:
        statuses.add(415)
    if operation.security:
        statuses.add(401)
    error = "OAuthError" if operation.oauth else "Problem"
    for status in sorted(statuses):
        # What the server refuses before it has looked at the path is a problem, whatever the path.
        media, schema = (JSON_TYPE, error) if operation.oauth else (PROBLEM_TYPE, error)
        content = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
        if operation.oauth and status in _ANYWHERE:
            content[PROBLEM_TYPE] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        refusal: dict[str, Any] = {"description": REFUSALS.get(status, HTTPStatus(status).phrase), "content": content}
        if status in {429, 503}:
            refusal["headers"] = _RETRY
        yield str(status), refusal
