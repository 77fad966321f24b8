"""What stands between the framework's target, which is a bare function, and the one service of this process.

Nothing is built before the first request unless our own server has done it (`use`): gunicorn, which the plain framework
runs on, forks after it has loaded the target, and neither a database connection nor an instance's name survives a fork.
"""

import functools
import os
import sys
import threading
from collections.abc import Callable

import flask

from function import routes, settings
from function.errors import SettingsError
from function.service import Service
from function.settings import Settings

_lock = threading.Lock()
_current: dict[type[Service], Service] = {}


@functools.cache
def configure() -> Settings:
    """Read the settings from the environment; one sentence and exit 1 where one is bad."""
    try:
        return settings.load(os.environ)
    except SettingsError as error:
        sys.exit(f"login-function: {error}")


def use(service: Service) -> None:
    """Answer requests with this service."""
    _current[Service] = service


def _beside(work: Callable[[], None]) -> None:
    # Nothing here hears of an end: what is left then is delivered by the next instance.
    threading.Thread(target=work, name="delivery", daemon=True).start()


def answer(request: flask.Request) -> flask.Response:
    with _lock:
        if Service not in _current:
            use(Service(configure(), os.environ))
            _current[Service].deliver(_beside)
    return routes.answer(_current[Service], request)
