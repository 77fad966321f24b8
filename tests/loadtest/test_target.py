from pathlib import Path

import pytest

from loadtest.target import Account, TargetError, accounts, target


@pytest.mark.parametrize(
    ("url", "dialled", "host"),
    [
        ("http://localhost:8080", "http://127.0.0.1:8080", "localhost:8080"),
        ("http://login.default.localhost:81/", "http://127.0.0.1:81", "login.default.localhost:81"),
        ("http://127.9.9.9:8080", "http://127.9.9.9:8080", "127.9.9.9:8080"),
        ("https://[::1]:8443", "https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_this_machine_may_be_loaded(url: str, dialled: str, host: str) -> None:
    assert target(url, owned=False) == (dialled, host)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://192.0.2.1:8080",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://[2001:db8::1]",
        "http://0.0.0.0:8080",
        "http://notlocalhost",
    ],
)
def test_another_machine_only_where_it_is_said_to_be_mine(url: str) -> None:
    with pytest.raises(TargetError, match="--i-own-this-host"):
        target(url, owned=False)
    assert target(url, owned=True).url == url


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://localhost", "http://", "http://localhost/login", "http://l?x"]
)
def test_what_is_no_address_of_a_service_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match="scheme and host"):
        target(url, owned=True)


def test_accounts_are_read_and_never_used_twice(tmp_path: Path) -> None:
    file = tmp_path / "people"
    file.write_text('{"name": "ann", "password": "a"}\n\n{"name": "bob", "password": "b"}\n')
    assert accounts(file, 1) == [Account("ann", "a")]
    with pytest.raises(TargetError, match="2 accounts"):
        accounts(file, 3)


@pytest.mark.parametrize("text", ["ann", '{"name": "ann"}', '["ann"]'])
def test_accounts_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "people"
    file.write_text(text)
    with pytest.raises(TargetError, match="can't be read"):
        accounts(file, 1)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="No such file"):
        accounts(tmp_path / "people", 1)
