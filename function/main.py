"""The function target.

`functions-framework --target login --source function/main.py` runs it, and so does our own server.
"""

import flask

from function import app

app.configure()


def login(request: flask.Request) -> flask.Response:
    """The whole service as one http target."""
    return app.answer(request)
