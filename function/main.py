"""The function targets.

`functions-framework --target login --source function/main.py` runs the service, and so does our own server.
`functions-framework --target on_event --signature-type cloudevent` takes events alone, and answers them with a status
but never with an event: the framework drops what such a target returns, and answers 500 to a batch.
"""

import flask
from cloudevents.http import CloudEvent

from function import app

app.configure()


def login(request: flask.Request) -> flask.Response:
    """The whole service as one http target."""
    return app.answer(request)


def on_event(_event: CloudEvent) -> None:
    """Events by the rules of `POST /`, fire and forget; read anew, for the rules begin with the request itself."""
    if flask.request.path != "/":
        flask.abort(404)
    response = app.answer(flask.request)
    if response.status_code >= 400:
        flask.abort(response)
