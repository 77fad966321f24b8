"""kubectl at the API of an emulator whose time is simulated: its own words for what is stored there."""

import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from running import PATIENCE
from simulated import Simulated

from emulator.api.server import make_app
from emulator.logs import Logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


def printed(kubectl: str, simulated: Simulated, home: Path, *words: str) -> str:
    """What kubectl prints. Over plain HTTP it sends no token, so that one is put in here."""
    nobody = {"running": lambda _: None, "describe": dict, "history": bytes}
    app = make_app(simulated.store, simulated.admission, Logs(), token="t", **nobody)

    def with_token(environ: dict[str, Any], start: "Callable[..., Any]") -> "Iterable[bytes]":
        return app(environ | {"HTTP_AUTHORIZATION": "Bearer t"}, start)

    with make_server("127.0.0.1", 0, with_token, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            command = [kubectl, f"--server=http://127.0.0.1:{server.server_port}", *words]
            environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=True
            )
        finally:
            server.shutdown()
            thread.join()
    return done.stdout
