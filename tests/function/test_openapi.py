"""What the OpenAPI document says is what is answered: schemathesis makes requests from it, good ones and bad ones."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.function.conftest import PASSWORD, PATIENCE, Served

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EVENTS_TOKEN = "a token for events, at least 32 long".replace(" ", "-")
#: Requests made up for each operation, beside those that cover each keyword of the schemas.
EXAMPLES = 15
#: Of schemathesis' checks, all but those on what is sent in good faith: a made-up password is rightly refused.
CHECKS = ("--checks", "all", "--exclude-checks", "positive_data_acceptance")


@pytest.mark.parametrize("credential", ["none", "access token", "events token"])
def test_each_operation_answers_as_documented(serve: Callable[..., Served], tmp_path: Path, credential: str) -> None:
    served = serve(EVENTS_TOKEN=EVENTS_TOKEN, SIGN_UP="on", HASH_THREADS="2")
    login = {"username": "alice", "password": PASSWORD}
    token = requests.post(f"{served.url}/login", json=login, timeout=PATIENCE).json()["access_token"]
    options = {
        "none": [],
        # To log out everywhere would end the token.
        "access token": ["-H", f"Authorization: Bearer {token}", "--exclude-path", "/", "--exclude-path", "/logout"],
        "events token": ["-H", f"Authorization: Bearer {EVENTS_TOKEN}", "--include-path", "/"],
    }[credential]
    phases = ["--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1"]
    command = [SCHEMATHESIS, "run", f"{served.url}/openapi.json", "--url", served.url, *CHECKS, *phases, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert served.stop() == 0
    assert not [line for line in served.lines() if line["severity"] == "ERROR"]
