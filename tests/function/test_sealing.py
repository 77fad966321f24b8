"""Keys at rest (T4)."""

import base64
from pathlib import Path

import pytest

from function.access import signing
from function.access.sealing import Sealer
from function.errors import StoreError
from function.store import keys
from function.store.base import Database
from tests.function.conftest import command

ONE, TWO = b"1" * 32, b"2" * 32


def setting(*keks: bytes) -> str:
    return ",".join(base64.b64encode(kek).decode() for kek in keks)


def stored(database: Database) -> list[str]:
    return [str(secret) for (secret,) in database.read(lambda connection: connection.rows("SELECT secret FROM keys"))]


def test_t4_what_is_sealed_opens_under_its_own_name_and_key_only() -> None:
    sealed = Sealer([ONE]).seal("secret", "sign/1")
    assert "secret" not in sealed
    assert Sealer([ONE]).open(sealed, "sign/1") == "secret"
    assert Sealer([TWO, ONE]).open(sealed, "sign/1") == "secret"
    with pytest.raises(StoreError, match="changed or moved"):
        Sealer([ONE]).open(sealed, "sign/2")
    with pytest.raises(StoreError, match="changed or moved"):
        Sealer([ONE]).open(sealed[:-4] + ("AAAA" if sealed[-4:] != "AAAA" else "BBBB"), "sign/1")
    with pytest.raises(StoreError, match="lists others"):
        Sealer([TWO]).open(sealed, "sign/1")
    with pytest.raises(StoreError, match="not set"):
        Sealer([]).open(sealed, "sign/1")


def test_t4_no_two_seals_are_alike() -> None:
    assert Sealer([ONE]).seal("secret", "sign/1") != Sealer([ONE]).seal("secret", "sign/1")


def test_t4_what_was_there_is_sealed_and_later_sealed_anew(database: Database) -> None:
    made = [keys.shared(database, Sealer([]), purpose, lambda: "secret", 0) for purpose in ("a", "b")]
    for keks in ([ONE], [TWO, ONE]):
        sealer = Sealer(keks)
        assert keys.reseal(database, sealer) == 2
        assert keys.reseal(database, sealer) == 0
        assert not any("secret" in secret for secret in stored(database))
        assert [keys.shared(database, sealer, purpose, lambda: "new", 0) for purpose in ("a", "b")] == made
    keys.check(database, Sealer([TWO]))
    with pytest.raises(StoreError, match="KEY_ENCRYPTION_KEY"):
        keys.check(database, Sealer([ONE]))


def test_t4_the_command_seals_what_was_there_and_a_wrong_key_is_one_sentence(tmp_path: Path) -> None:
    plain = command(tmp_path, "keys", "list").stdout
    sealed = command(tmp_path, "keys", "list", KEY_ENCRYPTION_KEY=setting(ONE)).stdout
    assert sealed == plain
    assert b"PRIVATE KEY" not in (tmp_path / "login.db").read_bytes()
    for settings in ({}, {"KEY_ENCRYPTION_KEY": setting(TWO)}):
        for arguments in (["serve"], ["keys", "rotate"]):
            ended = command(tmp_path, *arguments, **settings)
            assert ended.returncode == 1
            assert ended.stderr.startswith("login-function: KEY_ENCRYPTION_KEY must list the key")
            assert ended.stderr.count("\n") == 1
        assert "error: KEY_ENCRYPTION_KEY" in command(tmp_path, "check", **settings).stdout


@pytest.mark.parametrize("text", ["x", base64.b64encode(b"short").decode(), setting(ONE) + ",", "=" * 44])
def test_t4_a_key_that_is_none_is_one_sentence_that_does_not_repeat_it(tmp_path: Path, text: str) -> None:
    ended = command(tmp_path, "keys", "list", KEY_ENCRYPTION_KEY=text)
    assert ended.returncode == 1
    assert "KEY_ENCRYPTION_KEY must be one or more keys of 32 bytes in base64" in ended.stderr
    assert text not in ended.stderr


def test_t1_a_key_for_no_algorithm_of_the_list_is_refused() -> None:
    with pytest.raises(StoreError, match="ES256, EdDSA, RS256"):
        signing.load("garbage", 0)
