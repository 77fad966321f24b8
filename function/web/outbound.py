"""One HTTP request to somewhere else, with the standard library: bounded in time and size, redirects not followed.

It blocks, so it runs on a native thread (see lanes.py). Imported when it is needed.
"""

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """An HTTP response, and no more of its body than was asked for."""

    status: int
    body: bytes


class _Direct(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Nowhere: a credential that is sent with it is for that address alone."""


def exchange(
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    seconds: float,
    most: int,
    trusted: ssl.SSLContext | None = None,
) -> Answer:
    """POST `body`, or GET where there is none; through the proxy of `http_proxy`, if that is set.

    Args:
        url: http or https.
        headers: of the request.
        body: of the request.
        seconds: longest wait for a connection, and for each piece of the answer.
        most: bytes of the answer's body that are read.
        trusted: whom to believe under https; by default the system's authorities.

    Raises:
        OSError: there was no answer.
    """
    opener = urllib.request.build_opener(_Direct, urllib.request.HTTPSHandler(context=trusted))
    request = urllib.request.Request(url, body, dict(headers))  # noqa: S310 - a setting, of which the scheme is checked
    try:
        with opener.open(request, timeout=seconds) as response:
            return Answer(response.status, response.read(most))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, b"")
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def authorities(pem: str = "", file: str = "") -> ssl.SSLContext | None:
    """Those of a PEM text or file beside the system's; None where neither is given.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    if not pem and not file:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=file or None, cadata=pem or None)
    return context
