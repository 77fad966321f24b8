import csv
import io
import json
import re
from collections import Counter
from typing import Any

import pytest

from function.administration import accounts
from function.administration.imports import ours
from function.administration.imports.batch import BadImportError, Imported, import_users
from function.errors import InputError
from function.store import users
from function.store.base import Database
from function.store.users import User

HASH = "$2b$10$" + "." * 53


#: Unix seconds at which everything here is imported.
NOW = 1_700_000_000


def taken(database: Database, text: str, kind: str, *, drop_hashes: bool = False) -> Imported:
    return import_users(database, text, kind, NOW, drop_hashes=drop_hashes)


def names(database: Database) -> list[str]:
    return [user.name for user in database.read(users.every)]


def test_json_lines_are_imported(database: Database) -> None:
    text = "\n".join(json.dumps({"name": name, "password_hash": HASH}) for name in ("Bob", "alice")) + "\n\n"
    assert taken(database, text, "json").added == 2
    assert names(database) == ["alice", "bob"]
    assert database.read(users.every)[0].password_hash == HASH


def test_csv_is_imported(database: Database) -> None:
    text = f'name,password_hash,disabled_at\nalice,{HASH},\nbob,,\n"c,d",{HASH},123\n'
    assert taken(database, text, "csv")[:2] == (3, 1)
    by_name = {user.name: user for user in database.read(users.every)}
    assert by_name["alice"].disabled_at is None
    assert by_name["bob"].password_hash is None
    assert by_name["c,d"].disabled_at == 123


def test_an_export_is_imported_as_it_was(database: Database) -> None:
    accounts.add(database, "alice", HASH)
    accounts.add(database, "\N{LATIN SMALL LETTER E WITH ACUTE}va", HASH)
    accounts.set_disabled(database, "alice", disabled=True)
    before, exported = database.read(users.every), "\n".join(ours.export(database))
    database.write("test", lambda connection: connection.change("DELETE FROM users"))
    assert taken(database, exported, "json").added == 2
    assert database.read(users.every) == before


def test_bad_lines_are_reported_by_number_and_nothing_is_half_imported(database: Database) -> None:
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
        taken(database, "\n".join(lines), "json")
    reported = [line.partition(":")[0] for line in str(error.value).splitlines()[:-1]]
    assert reported == [f"line {number}" for number in range(2, 13)]
    assert "correct 11 line(s)" in str(error.value)
    assert "$1$" not in str(error.value)
    assert names(database) == ["taken"]


def test_csv_lines_with_too_few_or_too_many_fields_are_bad(database: Database) -> None:
    text = f"name,password_hash\nalice,{HASH}\nbob\ncarol,{HASH},more\n"
    with pytest.raises(BadImportError) as error:
        taken(database, text, "csv")
    assert [line.partition(":")[0] for line in str(error.value).splitlines()[:-1]] == ["line 3", "line 4"]
    assert names(database) == []


def test_hashes_that_cannot_be_used_may_be_dropped(database: Database) -> None:
    lines = [
        json.dumps({"name": "old", "password_hash": "$1$salt$abc"}),
        json.dumps({"name": "new", "password_hash": HASH}),
    ]
    assert taken(database, "\n".join(lines), "json", drop_hashes=True)[:2] == (2, 1)
    assert [(user.name, user.password_hash) for user in database.read(users.every)] == [("new", HASH), ("old", None)]


def by_name(database: Database) -> dict[str, User]:
    return {user.name: user for user in database.read(users.every)}


BCRYPT = "$2y$12$" + "e" * 53


def keycloak_user(name: str, secret: Any = None, algorithm: str = "bcrypt", **more: Any) -> dict[str, Any]:
    """A UserRepresentation as `kc.sh export` writes it; `secret` is the password credential's secretData."""
    credential = {
        "id": "d2f3a7f0-7c2c-4ba0-a8c3-8a3b5d4a9f10",
        "type": "password",
        "createdDate": 1609459200123,
        "secretData": json.dumps(secret),
        "credentialData": json.dumps({"hashIterations": 12, "algorithm": algorithm, "additionalParameters": {}}),
    }
    return {
        "id": f"id-of-{name}",
        "createdTimestamp": 1609459200123,
        "username": name,
        "enabled": True,
        "totp": False,
        "emailVerified": True,
        "firstName": "F",
        "lastName": "L",
        "email": f"{name}@example.com",
        "attributes": {"locale": ["de"]},
        "credentials": [{"type": "otp", "secretData": "{}", "credentialData": "{}"}, credential] if secret else [],
        "disableableCredentialTypes": [],
        "requiredActions": [],
        "realmRoles": ["default-roles-shop"],
        "notBefore": 0,
        "groups": [],
        **more,
    }


PBKDF2 = {
    "value": "rnGBHjCYsSjKgvzEK4Yqr3fEoZV9Y7Z0bT0D8L2mGsE=",
    "salt": "QnGfPm2K0k5b9l0p7sQ3bA==",
    "additionalParameters": {},
}


def realm(*people: dict[str, Any]) -> str:
    """A realm as `kc.sh export --users same_file` writes it."""
    return json.dumps({"id": "1", "realm": "shop", "enabled": True, "users": people, "clients": []}, indent=2)


def test_a_realm_of_keycloak_is_imported(database: Database) -> None:
    file = realm(
        keycloak_user("Alice", {"value": BCRYPT, "salt": "", "additionalParameters": {}}),
        keycloak_user("bob", {"value": BCRYPT, "salt": ""}, enabled=False),
        keycloak_user("federated", federationLink="ldap"),
        keycloak_user("service-account-shop", serviceAccountClientId="shop"),
    )
    assert taken(database, file, "keycloak") == (3, 1, Counter({"the service account of a client": 1}))
    found = by_name(database)
    assert found["alice"] == User("id-of-Alice", "alice", BCRYPT, None, 1609459200)
    assert found["bob"].disabled_at == NOW
    assert found["federated"].password_hash is None


def test_hashes_of_keycloaks_own_are_reported_by_number_or_dropped(database: Database) -> None:
    file = realm(
        keycloak_user("alice", {"value": BCRYPT, "salt": ""}),
        keycloak_user("bob", PBKDF2, "pbkdf2-sha512"),
        keycloak_user("carol", {"value": "x", "salt": ""}, "argon2"),
        keycloak_user("dave", "**********"),
    )
    with pytest.raises(BadImportError) as error:
        taken(database, file, "keycloak")
    assert [line.partition(":")[0] for line in str(error.value).splitlines()[:-1]] == ["user 2", "user 3", "user 4"]
    assert "pbkdf2-sha512" in str(error.value)
    assert PBKDF2["value"] not in str(error.value)
    assert names(database) == []
    assert taken(database, file, "keycloak", drop_hashes=True)[:2] == (4, 3)
    assert [user.name for user in by_name(database).values() if user.password_hash] == ["alice"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"users": {}}', "null"])
def test_what_is_no_realm_says_how_to_export_one(database: Database, text: str) -> None:
    with pytest.raises(InputError):
        taken(database, text, "keycloak")


@pytest.mark.parametrize(
    "record", [None, "x", {}, {"username": "a b"}, {"username": "a", "credentials": [None, {"type": "password"}]}]
)
def test_a_realm_with_something_else_among_its_users_is_reported(database: Database, record: Any) -> None:
    with pytest.raises(BadImportError, match="user 2: "):
        taken(database, json.dumps({"users": [keycloak_user("alice"), record]}), "keycloak")


def supabase_row(email: str | None, password: str | None, **more: Any) -> dict[str, Any]:
    """A row of auth.users as PostgreSQL's row_to_json writes it, with some of the columns that don't matter here."""
    return {
        "instance_id": "00000000-0000-0000-0000-000000000000",
        "id": f"id-of-{email}",
        "aud": "authenticated",
        "role": "authenticated",
        "email": email,
        "encrypted_password": password,
        "email_confirmed_at": "2021-01-01T00:00:00+00:00",
        "confirmation_token": "",
        "raw_app_meta_data": {"provider": "email", "providers": ["email"]},
        "raw_user_meta_data": {},
        "is_super_admin": None,
        "created_at": "2021-01-01T00:00:00.123456+00:00",
        "phone": None,
        "banned_until": None,
        "is_sso_user": False,
        "deleted_at": None,
        "is_anonymous": False,
        **more,
    }


GOTRUE = "$2a$10$" + "e" * 53
SUPABASE = [
    supabase_row("Alice@Example.com", GOTRUE),
    supabase_row("banned@example.com", GOTRUE, banned_until="2124-01-01T00:00:00+00:00"),
    supabase_row("served@example.com", GOTRUE, banned_until="2022-01-01T00:00:00+00:00"),
    supabase_row("oauth@example.com", ""),
    supabase_row(None, GOTRUE, phone="15550100"),
    supabase_row("gone@example.com", GOTRUE, deleted_at="2023-01-01T00:00:00+00:00"),
    supabase_row("", None, is_anonymous=True),
]


def psql_csv(rows: list[dict[str, Any]]) -> str:
    """As `psql -c "\\copy (select * from auth.users) to 'users.csv' csv header"` writes it."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        cells = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
        cells = [{True: "t", False: "f"}[cell] if isinstance(cell, bool) else cell for cell in cells]
        # 2021-01-01T00:00:00.123456+00:00 is 2021-01-01 00:00:00.123456+00 in a CSV.
        writer.writerow([re.sub(r"^(\d{4}-\d\d-\d\d)T(.*\+00):00$", r"\1 \2", cell or "") for cell in cells])
    return written.getvalue()


@pytest.mark.parametrize(
    "text",
    [psql_csv(SUPABASE), json.dumps(SUPABASE), "\n".join(map(json.dumps, SUPABASE)) + "\n"],
    ids=["csv", "array", "lines"],
)
def test_the_users_of_supabase_are_imported(database: Database, text: str) -> None:
    assert taken(database, text, "supabase") == (5, 1, Counter(deleted=1, anonymous=1))
    found = by_name(database)
    assert found["alice@example.com"] == User("id-of-Alice@Example.com", "alice@example.com", GOTRUE, None, 1609459200)
    assert found["banned@example.com"].disabled_at == NOW
    assert found["served@example.com"].disabled_at is None
    assert found["oauth@example.com"].password_hash is None
    assert found["15550100"].password_hash == GOTRUE


def test_somebody_banned_for_ever_is_disabled(database: Database) -> None:
    taken(database, json.dumps([supabase_row("a@b.c", GOTRUE, banned_until="infinity")]), "supabase")
    assert by_name(database)["a@b.c"].disabled_at == NOW


def test_rows_of_supabase_that_cannot_be_taken_are_reported_by_number(database: Database) -> None:
    rows = [
        supabase_row("alice@example.com", GOTRUE),
        supabase_row("argon@example.com", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"),
        supabase_row("ALICE@example.com", GOTRUE, is_sso_user=True),
        supabase_row(None, GOTRUE),
        supabase_row("late@example.com", GOTRUE, created_at="soon"),
        {"id": "1", "email": "view@example.com"},
        "x",
    ]
    with pytest.raises(BadImportError) as error:
        taken(database, json.dumps(rows), "supabase")
    reported = [line.partition(":")[0] for line in str(error.value).splitlines()[:-1]]
    assert reported == [f"record {number}" for number in range(2, 8)]
    assert "argon2id" not in str(error.value)


@pytest.mark.parametrize("text", ["[", "[1, 2", "{", "name\nalice"])
def test_a_file_that_is_not_supabases_is_refused(database: Database, text: str) -> None:
    with pytest.raises(InputError):
        taken(database, text, "supabase")
    assert names(database) == []
