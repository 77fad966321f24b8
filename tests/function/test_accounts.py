import json

import pytest

from function import accounts
from function.accounts import BadImportError
from function.errors import InputError
from function.store import users
from function.store.sqlite import SqliteDatabase

HASH = "$2b$10$" + "." * 53


def names(database: SqliteDatabase) -> list[str]:
    return [user.name for user in database.read(users.every)]


def test_json_lines_are_imported(database: SqliteDatabase) -> None:
    text = "\n".join(json.dumps({"name": name, "password_hash": HASH}) for name in ("Bob", "alice")) + "\n\n"
    assert accounts.import_users(database, text, "json") == 2
    assert names(database) == ["alice", "bob"]
    assert database.read(users.every)[0].password_hash == HASH


def test_csv_is_imported(database: SqliteDatabase) -> None:
    text = f'name,password_hash,disabled_at\nalice,{HASH},\nbob,,\n"c,d",{HASH},123\n'
    assert accounts.import_users(database, text, "csv") == 3
    by_name = {user.name: user for user in database.read(users.every)}
    assert by_name["alice"].disabled_at is None
    assert by_name["bob"].password_hash is None
    assert by_name["c,d"].disabled_at == 123


def test_an_export_is_imported_as_it_was(database: SqliteDatabase) -> None:
    accounts.add(database, "alice", HASH)
    accounts.add(database, "\N{LATIN SMALL LETTER E WITH ACUTE}va", HASH)
    accounts.set_disabled(database, "alice", disabled=True)
    before, exported = database.read(users.every), "\n".join(accounts.export(database))
    database.write("test", lambda connection: connection.change("DELETE FROM users"))
    assert accounts.import_users(database, exported, "json") == 2
    assert database.read(users.every) == before


def test_bad_lines_are_reported_by_number_and_nothing_is_half_imported(database: SqliteDatabase) -> None:
    accounts.add(database, "taken", HASH)
    lines = [
        json.dumps({"name": "good", "password_hash": HASH}),
        "{",
        json.dumps({"name": "GOOD", "password_hash": HASH}),
        json.dumps({"name": "md5", "password_hash": "$1$salt$abc"}),
        json.dumps({"name": "cheap", "password_hash": "$2b$03$" + "." * 53}),
        json.dumps({"name": "dear", "password_hash": "$2b$16$" + "." * 53}),
        json.dumps({"password_hash": HASH}),
        json.dumps({"name": "two words", "password_hash": HASH}),
        json.dumps({"name": "taken", "password_hash": HASH}),
        json.dumps({"name": "more", "password_hash": HASH, "role": "admin"}),
        json.dumps({"name": "late", "password_hash": HASH, "disabled_at": "soon"}),
        "[]",
    ]
    with pytest.raises(BadImportError) as error:
        accounts.import_users(database, "\n".join(lines), "json")
    reported = [line.partition(":")[0] for line in str(error.value).splitlines()[:-1]]
    assert reported == [f"line {number}" for number in range(2, 13)]
    assert "correct 11 line(s)" in str(error.value)
    assert "$1$" not in str(error.value)
    assert names(database) == ["taken"]


def test_csv_lines_with_too_few_or_too_many_fields_are_bad(database: SqliteDatabase) -> None:
    text = f"name,password_hash\nalice,{HASH}\nbob\ncarol,{HASH},more\n"
    with pytest.raises(BadImportError) as error:
        accounts.import_users(database, text, "csv")
    assert [line.partition(":")[0] for line in str(error.value).splitlines()[:-1]] == ["line 3", "line 4"]
    assert names(database) == []


def test_disabling_somebody_who_is_not_there_says_so(database: SqliteDatabase) -> None:
    with pytest.raises(InputError, match="no user 'nobody'"):
        accounts.set_disabled(database, "nobody", disabled=True)
