"""The guides in docs/, typed in by a machine: every command that is not for another system's machine, in order."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
import requests

from tests.function.conftest import BIN, PATIENCE, Served, environment
from tests.function.test_imports_of_users import PBKDF2, keycloak_user, psql_csv, realm, supabase_row

DOCS = Path(__file__).parents[2] / "docs"
PASSWORD = "kept by who moved"
NEW_PASSWORD = "chosen after the move"


def commands(guide: str) -> list[str]:
    blocks = re.findall(r"(<!-- elsewhere -->\n)?```sh\n(.*?)```", (DOCS / guide).read_text(), re.DOTALL)
    return [line for elsewhere, block in blocks if not elsewhere for line in block.splitlines()]


def type_in(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    env = {**environment(folder, {}), "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=env,
        text=True,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def bcrypt_hash(prefix: str) -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", prefix)


FILES = {
    "from-keycloak.md": (
        "shop-realm.json",
        "alice",
        realm(
            keycloak_user("alice", {"value": bcrypt_hash("$2y$"), "salt": "", "additionalParameters": {}}),
            keycloak_user("bob", PBKDF2, "pbkdf2-sha512"),
        ),
    ),
    "from-supabase.md": (
        "users.csv",
        "alice@example.com",
        psql_csv(
            [
                supabase_row("alice@example.com", bcrypt_hash("$2a$")),
                supabase_row("bob@example.com", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"),
            ]
        ),
    ),
}


@pytest.mark.parametrize("guide", FILES)
def test_what_a_guide_says_to_type_works(guide: str, tmp_path: Path, serve_here: Callable[[], Served]) -> None:
    file, name, text = FILES[guide]
    (tmp_path / file).write_text(text)
    first, second, listed, reset = commands(guide)
    refused = type_in(tmp_path, first)
    assert refused.returncode == 1
    assert "Nothing was imported" in refused.stderr
    assert type_in(tmp_path, second).stdout == "2 imported, 1 of them without a password\n"
    assert type_in(tmp_path, listed).stdout.startswith("bob")
    token = type_in(tmp_path, reset).stdout.strip()
    served = serve_here()
    chosen = {"token": token, "new_password": NEW_PASSWORD}
    assert requests.post(f"{served.url}/password/reset", json=chosen, timeout=PATIENCE).status_code == 204
    for user, password in ((name, PASSWORD), (name.replace("alice", "bob"), NEW_PASSWORD)):
        credentials = {"username": user, "password": password}
        assert requests.post(f"{served.url}/login", json=credentials, timeout=PATIENCE).status_code == 200
    assert served.stop() == 0
    export = type_in(tmp_path, "login-function users export").stdout
    assert all(json.loads(line)["password_hash"].startswith("$hs384v1$") for line in export.splitlines())


@pytest.mark.parametrize("guide", FILES)
def test_where_every_hash_can_be_used_the_first_command_is_enough(guide: str, tmp_path: Path) -> None:
    file, _, text = FILES[guide]
    csv_of_one = "\n".join(text.splitlines()[:2])
    (tmp_path / file).write_text(
        json.dumps({"users": json.loads(text)["users"][:1]}) if file.endswith("json") else csv_of_one
    )
    assert type_in(tmp_path, commands(guide)[0]).stdout == "1 imported\n"
