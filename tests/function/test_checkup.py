import base64
import sqlite3
from pathlib import Path

import pytest

from function.administration.checkup import run
from tests.function.conftest import PASSWORD, command

KEK = base64.b64encode(bytes(range(32))).decode()
PEPPER = "a pepper that is long enough to be one"


def test_a_sound_set_up_is_ok(tmp_path: Path) -> None:
    command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD, PEPPER=PEPPER)
    checked = command(tmp_path, "check", PEPPER=PEPPER, KEY_ENCRYPTION_KEY=KEK)
    assert (checked.returncode, checked.stdout) == (0, "ok: nothing to complain about\n")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"HASH_COSTS": "12"}, "warning: HASH_COSTS is no setting: is HASH_COST meant?"),
        ({"HASH_COST": "9"}, "error: HASH_COST must be"),
        ({"DATABASE_URL": "mysql://x"}, "error: DATABASE_URL must be"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/login.db"}, "error: The database"),
        ({"ISSUER": "http://login.example"}, "warning: ISSUER is not https"),
        ({"K_SERVICE": "login", "DATABASE_URL": "sqlite:///x.db?shared=true"}, "warning: ISSUER is http://localhost"),
        ({"K_SERVICE": "login", "DATABASE_URL": "sqlite:///x.db?shared=true"}, "warning: TRUSTED_PROXIES is 0"),
        ({"GRACE_PERIOD": "5"}, "warning: GRACE_PERIOD is shorter"),
        ({"SESSION_LIFETIME": "60", "REFRESH_GRACE": "60"}, "warning: REFRESH_GRACE is as long"),
        ({"HASH_THREADS": "256"}, "warning: HASH_THREADS is 256 on"),
        ({"EVENTS_ISSUER": "https://a", "EVENTS_KEYS": "https://a/keys"}, "warning: EVENTS_ISSUER needs"),
        ({"K_SINK": "http://sink", "OUTBOX_LEASE": "20"}, "warning: OUTBOX_LEASE is shorter"),
        ({}, "note: PEPPER is empty"),
        ({}, "note: KEY_ENCRYPTION_KEY is empty"),
        ({}, "note: There are no users"),
    ],
    ids=str,
)
def test_each_finding_is_one_line_that_says_what_to_do(tmp_path: Path, settings: dict[str, str], line: str) -> None:
    checked = command(tmp_path, "check", **settings)
    assert any(found.startswith(line) for found in checked.stdout.splitlines()), checked.stdout + checked.stderr
    assert checked.returncode == int("error: " in checked.stdout)
    assert checked.stderr == ""


def test_users_whose_hash_nobody_can_read_are_an_error(tmp_path: Path) -> None:
    command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD, PEPPER=PEPPER)
    assert "error: 1 of 1 users cannot log in" in command(tmp_path, "check").stdout
    assert "error" not in command(tmp_path, "check", PEPPER=f"{'x' * 40},{PEPPER}").stdout
    with sqlite3.connect(tmp_path / "login.db") as connection:
        connection.execute("UPDATE users SET password_hash = 'garbage'")
    connection.close()
    assert "error: 1 of 1 users cannot log in" in command(tmp_path, "check", PEPPER=PEPPER).stdout


def test_a_database_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    command(tmp_path, "check")
    (tmp_path / "login.db").chmod(0o644)
    assert "warning: " in (checked := command(tmp_path, "check").stdout)
    assert "chmod 600" in checked


def test_few_open_files_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("function.administration.checkup.resource.getrlimit", lambda _: (1024, 1024))
    monkeypatch.chdir(tmp_path)
    assert any("1024 open files" in finding.text for finding in run({}))
