"""What `kc.sh export` writes: a realm with its users, or a file of users alone (UserRepresentation).

A password is {"type": "password", "credentialData": JSON as a string with "algorithm", "secretData": one with "value"}.
Of bcrypt, which Keycloak has from extensions with the algorithm "bcrypt", `value` is the whole hash. Keycloak's own
PBKDF2 and Argon2 cannot be taken over.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from function.administration.accounts import normal
from function.administration.imports.records import Candidate, LeftOut, Numbered, Record, candidate, objects, parsed
from function.errors import InputError
from function.store.users import User


def read(text: str) -> Iterator[Numbered]:
    """The users of the file.

    Raises:
        InputError: it is not such a file.
    """
    realm = parsed(text)
    if not isinstance(realm, dict) or not isinstance(realm.get("users"), list):
        raise InputError("There are no users in the file: export one realm with `kc.sh export --users same_file`.")
    return objects(realm["users"])


def user(record: Record, now: int) -> Candidate | LeftOut:
    """A user, with the id that Keycloak's tokens had for `sub`.

    Raises:
        InputError: it has no name that can be one here.
    """
    if record.get("serviceAccountClientId"):
        return LeftOut("the service account of a client")
    created = record.get("createdTimestamp")
    made = User(
        str(record.get("id") or uuid.uuid4()),
        normal(str(record.get("username") or "")),
        None,
        None if record.get("enabled", True) else now,
        created // 1000 if isinstance(created, int) else now,
    )
    for credential in record.get("credentials") or ():
        if isinstance(credential, dict) and credential.get("type") == "password":
            return _with_password(made, credential)
    return candidate(made)


def _with_password(made: User, credential: Record) -> Candidate:
    algorithm = _member(credential, "credentialData", "algorithm")
    value = _member(credential, "secretData", "value")
    if algorithm == "bcrypt" and isinstance(value, str):
        return candidate(made._replace(password_hash=value))
    return Candidate(made, f"Keycloak's {algorithm or 'unnamed'} hashes cannot be taken over, only bcrypt's")


def _member(credential: Record, field: str, name: str) -> Any:
    try:
        data = json.loads(credential.get(field) or "null")
    except (TypeError, ValueError):  # masked with asterisks, as the Admin API does
        return None
    return data.get(name) if isinstance(data, dict) else None
