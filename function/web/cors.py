"""Cross-origin requests, for the origins of CORS_ORIGINS alone (Fetch standard, section 3.2).

Without credentials in its sense: nothing here is decided by a cookie, so no page can use somebody's session unseen.
"""

from collections.abc import Collection, Iterable, Mapping

import flask

#: Request headers that a page may send.
ALLOWED = "Authorization, Content-Type"
#: Response headers that a page may read, beside those that it always may.
EXPOSED = "RateLimit, RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate"
#: Seconds for which a browser may remember an answer to its asking; the longest that all of them honour is 7200.
MAX_AGE = 600


def headers(request: flask.Request, origins: Collection[str]) -> Mapping[str, str]:
    """What any response says: nothing while no origin is allowed."""
    if not origins:
        return {}
    origin = request.headers.get("Origin", "")
    if origin not in origins:
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}


def asking(request: flask.Request, origins: Collection[str]) -> bool:
    """Whether this is a browser that asks beforehand, for an origin that is allowed."""
    return (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and request.headers.get("Origin", "") in origins
    )


def preflight(methods: Iterable[str]) -> flask.Response:
    """The answer to that; `headers` come on top."""
    response = flask.Response(status=204)
    del response.headers["Content-Type"]
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    response.headers["Access-Control-Allow-Headers"] = ALLOWED
    response.headers["Access-Control-Max-Age"] = str(MAX_AGE)
    return response
