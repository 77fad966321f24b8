"""What the API answers: documents, failures as Kubernetes' Status, streams of lines."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from flask import Response

from emulator.errors import EmulatorError

encode = msgspec.json.encode


class Stream(Response):
    """An answer whose head goes out at once: a client that waits for the first event knows that it is heard."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(*head: Any) -> Any:
            write = start_response(*head)
            write(b"")
            return write

        return super().__call__(environ, start)


def answer(
    document: Mapping[str, Any],
    *,
    status: int = 200,
    warnings: tuple[str, ...] = (),
    media_type: str = "application/json",
) -> Response:
    """A JSON answer; each warning goes out as the Warning header that kubectl prints (RFC 7234 code 299)."""
    response = Response(encode(document), status=status, content_type=media_type)
    for warning in warnings:
        response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
    return response


def lines(documents: Iterator[Mapping[str, Any]]) -> Response:
    """One document a line, each as soon as it is there."""
    return Stream((encode(document) + b"\n" for document in documents), mimetype="application/json")


def failure(error: EmulatorError) -> dict[str, Any]:
    """A Kubernetes Status of a failed request."""
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": str(error),
        "reason": error.reason,
        "details": dict(error.details),
        "code": error.status,
    }


def refusal(error: EmulatorError) -> Response:
    return answer(failure(error), status=error.status, warnings=error.warnings)


def success(details: Mapping[str, Any]) -> Response:
    """A Kubernetes Status of a request that leaves nothing to show."""
    return answer({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success", "details": details})


def _quoted(text: str) -> str:
    """Text as a quoted-string: header lines are Latin-1 and one line."""
    plain = "".join(letter if letter.isprintable() and letter.isascii() else " " for letter in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')
