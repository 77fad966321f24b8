"""docs/events.md: what it says to type works, and its tables are the types that there are."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import requests
from sink import listening

from function.endpoints import events
from function.eventing import outbox, schema
from tests.function.conftest import BIN, PATIENCE, Served, command, environment

PAGE = (Path(__file__).parents[2] / "docs/events.md").read_text()
TOKEN = "t" * 32


def blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def type_in(text: str, folder: Path, **more: str) -> str:
    env = {**environment(folder, {}), "PATH": f"{BIN}:{os.environ['PATH']}", **more}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", text],
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout


def test_what_the_page_says_to_type_works(serve: Callable[..., Served], tmp_path: Path) -> None:
    send, manage, exchange = blocks()
    with listening() as sink:
        served = serve(EVENTS_TOKEN=TOKEN, K_SINK=sink.url)
        [provisioned, disabled] = type_in(
            send.replace("http://localhost:8080", served.url).replace("curl -s", "curl -s -w '\\n'"),
            tmp_path,
            EVENTS_TOKEN=TOKEN,
        ).splitlines()
        assert json.loads(provisioned)["created"] is True
        assert json.loads(disabled)["type"] == "user.disable.done"
        [created, _] = sink.until("user.created", "user.disabled", user=json.loads(provisioned)["sub"])
        assert created.data["name"] == "carol"
        assert "will be tried again" in type_in(manage, tmp_path)

        assert command(tmp_path, "users", "enable", "carol").returncode == 0
        secret = command(tmp_path, "clients", "add", "mailer").stdout.strip()
        requests.post(f"{served.url}/password/reset", json={"username": "carol"}, timeout=PATIENCE)
        [*_, asked] = sink.until(
            "user.created", "user.disabled", "password.reset_requested", user=json.loads(provisioned)["sub"]
        )
        exchange = exchange.replace("http://localhost:8080", served.url)
        answer = json.loads(type_in(exchange, tmp_path, SECRET=secret, REFERENCE=asked.data["reference"]))
        assert answer["preferred_username"] == "carol"
        assert set(answer) == {"token", "expires_in", "sub", "preferred_username"}


def test_the_tables_are_the_types_and_their_members() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.*?) \| (.*?) \|", PAGE, re.MULTILINE)
    assert {type_ for type_, *_ in rows} == set(events.TYPES) | set(outbox.TYPES)
    for type_, first, second in rows:
        members = set(schema.load(type_)["properties"]) - {"request"}
        told = set(re.findall(r"`([a-z_]+)`", first if type_ in events.TYPES else second)) & {*members, "sub"}
        assert told == members - ({"sub"} if type_ in outbox.TYPES else set()), type_
