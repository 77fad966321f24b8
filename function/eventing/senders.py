"""Who may send events (C0): whoever has EVENTS_TOKEN, and those of EVENTS_SENDERS, by their OIDC tokens."""

import hmac

from function.errors import Refusal, invalid_token
from function.service import Service
from function.web.call import Call


def authenticate(service: Service, call: Call) -> str:
    """Who has sent a request, for the log; nothing but its Authorization header is looked at.

    Raises:
        Refusal: 404 while events are off, 401 without a good token, 503 where the keys to check one cannot be had.
    """
    settings = service.settings
    if not settings.events_token and not settings.events_issuer:
        raise Refusal(404, "Events are off: set EVENTS_TOKEN or EVENTS_ISSUER to turn them on.")
    token = call.bearer()
    if settings.events_token and hmac.compare_digest(token.encode(), settings.events_token.encode()):
        return "EVENTS_TOKEN"
    if not settings.events_issuer:
        raise invalid_token("token")
    return service.senders.check(token)
