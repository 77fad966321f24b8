"""The API of an emulator without anything behind it, in this process, as a client with its token sees it."""

import json
from typing import TYPE_CHECKING, Any

from werkzeug.test import TestResponse

from emulator.api.admission import Admission
from emulator.api.server import make_app
from emulator.api.store import Store
from emulator.core.clock import SimClock
from emulator.logs import Logs

if TYPE_CHECKING:
    from flask.testing import FlaskClient

KSVC = "/apis/serving.knative.dev/v1/namespaces/default/services"
HELLO = f"{KSVC}/hello"
SECRETS = "/api/v1/namespaces/default/secrets"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"


class Api:
    """The API as a client with its token sees it."""

    def __init__(self) -> None:
        self.clock = SimClock(1_700_000_000)
        self.store = Store(self.clock)
        nobody = {"running": lambda *_: None, "describe": dict, "history": bytes}
        app = make_app(self.store, Admission(self.store, {}), Logs(), token="t", **nobody)
        self.client: FlaskClient = app.test_client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        response = self.raw(method, path, body, **headers)
        return response.status_code, json.loads(response.data)

    def raw(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"Host": "localhost", "Authorization": "Bearer t"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.open(path, method=method, data=data, headers=sent)

    def patch(self, path: str, body: Any, media_type: str = MERGE) -> tuple[int, dict[str, Any]]:
        return self("PATCH", path, body, Content_Type=media_type)


def error(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str]:
    code, status = answer
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", code)
    return code, status["reason"], status["message"]
