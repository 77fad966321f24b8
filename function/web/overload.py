"""The 503 of a full hash queue, ahead of the framework: what a storm is told most has to be the cheapest answer.

It is what the login's own handler would come to, with the same words, headers, counts and log line. The body has been
read by then, so one that is too long or badly framed is refused as ever and the connection goes on behind it; nobody
looks into it, so what is wrong with it is told when there is room.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import flask

from function import routes
from function.endpoints.login import turned_away
from function.service import Service

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def ahead(service: Service, application: Application) -> Application:
    """A WSGI application that answers logins for which there is no room, and asks `application` for everything else."""
    limit, patience = service.settings.max_body, service.settings.login_deadline

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if (
            environ["PATH_INFO"] == "/login"
            and environ["REQUEST_METHOD"] == "POST"
            and int(environ["CONTENT_LENGTH"]) <= limit
            and (refusal := service.hashing.admission.refusal(patience))
        ):
            handler = partial(turned_away, refusal=refusal)
            return routes.answer(service, flask.Request(environ), handler)(environ, start_response)
        return application(environ, start_response)

    return answer
