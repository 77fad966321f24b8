import json
from pathlib import Path

import pytest

from tests.function.conftest import PASSWORD, command


def test_a_user_is_added_listed_disabled_and_enabled(tmp_path: Path) -> None:
    assert command(tmp_path, "users", "add", "Alice", "--password-stdin", text=PASSWORD + "\n").returncode == 0
    listed = command(tmp_path, "users", "list").stdout.split("\t")
    assert listed[:2] == ["alice", "enabled"]
    assert command(tmp_path, "users", "disable", "alice").returncode == 0
    assert command(tmp_path, "users", "list").stdout.split("\t")[:2] == ["alice", "disabled"]
    assert command(tmp_path, "users", "enable", "ALICE").returncode == 0
    assert command(tmp_path, "users", "list").stdout.split("\t")[:2] == ["alice", "enabled"]


def test_a_generated_password_is_printed_once_and_never_again(tmp_path: Path) -> None:
    first = command(tmp_path, "users", "add", "alice", "--generate", "--if-missing")
    assert len(first.stdout.strip()) >= 20
    again = command(tmp_path, "users", "add", "alice", "--generate", "--if-missing")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    refused = command(tmp_path, "users", "add", "alice", "--generate")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "already" in refused.stderr


@pytest.mark.parametrize("password", ["too short", "", "fifteen\tcharacters", "x" * 1025, "manchesterunited"])
@pytest.mark.parametrize("action", ["add", "passwd"])
def test_n6_a_password_against_the_policy_is_refused_with_the_reason(
    tmp_path: Path, action: str, password: str
) -> None:
    if action == "passwd":
        command(tmp_path, "users", "import", "-", text='{"name": "alice"}\n')
    refused = command(tmp_path, "users", action, "alice", "--password-stdin", text=password)
    assert refused.returncode == 1
    assert refused.stderr.startswith("login-function: Nothing was changed: the password ")
    assert "enabled" not in command(tmp_path, "users", "list").stdout


def test_a_password_is_set_and_a_user_deleted(tmp_path: Path) -> None:
    command(tmp_path, "users", "import", "-", text='{"name": "alice"}\n')
    assert command(tmp_path, "users", "list").stdout.split("\t")[1] == "no password"
    generated = command(tmp_path, "users", "passwd", "Alice", "--generate")
    assert len(generated.stdout.strip()) >= 20
    assert command(tmp_path, "users", "list").stdout.split("\t")[1] == "enabled"
    assert command(tmp_path, "users", "delete", "ALICE").returncode == 0
    assert command(tmp_path, "users", "list").stdout == ""
    for action in ("passwd", "delete"):
        gone = command(tmp_path, "users", action, "alice")
        assert (gone.returncode, gone.stdout) == (1, "")
        assert "There is no user 'alice'" in gone.stderr


def test_a_reset_token_is_for_somebody_who_may_log_in(tmp_path: Path) -> None:
    command(tmp_path, "users", "import", "-", text='{"name": "alice"}\n')
    assert command(tmp_path, "users", "reset", "Alice").stdout.startswith("lpr1_")
    command(tmp_path, "users", "disable", "alice")
    for name, why in (("alice", "alice is disabled"), ("bob", "There is no user 'bob'")):
        refused = command(tmp_path, "users", "reset", name)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert why in refused.stderr


def test_what_another_system_exports_is_imported(tmp_path: Path) -> None:
    rows = ({"email": "a@b.c", "encrypted_password": ""}, {"email": "d@b.c", "encrypted_password": "$1$x"})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    arguments = ("users", "import", "-", "--format", "supabase")
    refused = command(tmp_path, *arguments, text=lines)
    assert refused.returncode == 1
    assert refused.stderr.startswith("login-function: record 2: not a bcrypt hash")
    taken = command(tmp_path, *arguments, "--drop-hashes", text=lines + '{"email": "e@b.c", "deleted_at": "x"}\n')
    assert taken.stdout == "2 imported, 2 of them without a password\n1 left out: deleted\n"


def test_without_a_terminal_it_says_how_else_to_give_the_password(tmp_path: Path) -> None:
    added = command(tmp_path, "users", "add", "alice")
    assert added.returncode == 1
    assert "--password-stdin" in added.stderr


def test_export_and_import(tmp_path: Path) -> None:
    command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD)
    exported = command(tmp_path, "users", "export").stdout
    assert json.loads(exported)["name"] == "alice"
    other = tmp_path / "other"
    other.mkdir()
    (other / "users.jsonl").write_text(exported)
    assert command(other, "users", "import", "users.jsonl").stdout == "1 imported\n"
    again = command(other, "users", "import", "-", text=exported)
    assert again.returncode == 1
    assert "line 1: the name or id is taken" in again.stderr
    assert command(other, "users", "export").stdout == exported


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    missing = command(tmp_path, "users", "import", "nowhere.csv")
    assert missing.returncode == 1
    assert missing.stderr.startswith("login-function: nowhere.csv cannot be read")


def test_t3_a_key_is_listed_rotated_and_retired(tmp_path: Path) -> None:
    def states(*arguments: str) -> list[tuple[str, str]]:
        lines = command(tmp_path, "keys", *arguments).stdout.splitlines()
        return [(line.split("\t")[0], line.split("\t")[2]) for line in lines]

    [(first, signs)] = states("list")
    assert signs == "signs"
    [(_, signs), (following, waits)] = states("rotate")
    assert (signs, waits) == ("signs", "next")
    assert "published already" in command(tmp_path, "keys", "rotate").stderr
    [(heir, signs), _] = sorted(states("retire", first), key=lambda pair: pair[1], reverse=True)
    assert signs == "signs"
    assert heir not in {first, following}
    missing = command(tmp_path, "keys", "retire", first)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith(f"login-function: There is no key '{first}'")


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["users"], ["users", "add"], ["serve", "--bogus"]])
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str]) -> None:
    assert command(tmp_path, *arguments).returncode == 2


@pytest.mark.parametrize("arguments", [["serve"], ["users", "list"]])
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PORT": "http"}, "login-function: PORT must be a whole number from 0 to 65535, not 'http'.\n"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/login.db"}, "cannot be used"),
        ({"K_SERVICE": "login"}, "shared=true"),
    ],
)
def test_what_cannot_start_says_why_in_one_sentence_and_is_1(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], sentence: str
) -> None:
    ended = command(tmp_path, *arguments, **settings)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert ended.stderr.startswith("login-function: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""
