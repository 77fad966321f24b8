"""Users and sessions as other systems order them by events: user.provision, user.disable, session.revoke (C2)."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from function.credentials import lifecycle, names
from function.credentials.passwords import recipe
from function.endpoints import selfservice
from function.errors import BadHashError, Refusal
from function.eventing.once import Done, Once
from function.service import Service
from function.store import sessions, users
from function.store.base import Connection
from function.store.users import User
from function.web.call import Call


def provision(service: Service, call: Call, data: Mapping[str, Any], once: Once) -> None:
    """user.provision: create the user of this name, or change it.

    Raises:
        Refusal: 422 for a name, password or hash that may not be; 503 when there is no time to hash.
    """
    name = _name(data["name"])
    stored = _stored(service, call, data, name)

    def effect(connection: Connection) -> Done:
        now = service.now()
        made = User(str(uuid.uuid4()), name, stored, None, now)
        # An import may add the name at this very moment, under a subject of its own: who inserts it has created it.
        created = lifecycle.create(connection, service.outbox, made)
        user = users.by_name(connection, name) or made
        if not created and stored is not None:
            users.set_hash(connection, name, stored, now)
        if "disabled" in data:
            lifecycle.disable(connection, service.outbox, user, now, disabled=data["disabled"])
        call.notes["user"] = user.id
        return Done("user.provision.done", {"sub": user.id, "name": name, "created": created})

    once.write(name, effect)


def disable(service: Service, call: Call, data: Mapping[str, Any], once: Once) -> None:
    """user.disable: as `login-function users disable`.

    Raises:
        Refusal: 409 where there is no such user. Senders of Knative's try that again: the event that creates the user
            may still be on its way.
    """
    found = _found(service, data)
    if found is None:
        raise Refusal(409, "There is no such user.", reason="unknown user")

    def effect(connection: Connection) -> Done:
        user = users.by_id(connection, found.id)
        if user is None:
            raise Refusal(409, "There is no such user.", reason="unknown user")
        lifecycle.disable(connection, service.outbox, user, service.now(), disabled=True)
        return Done("user.disable.done", {"sub": user.id})

    call.notes["user"] = found.id
    once.write(found.name, effect)


def revoke(service: Service, call: Call, data: Mapping[str, Any], once: Once) -> None:
    """session.revoke: end one session, or all of a user; that there are none is as good."""
    end: Callable[[Connection, str], int] = sessions.end_all
    if "sid" in data:
        subject, end = data["sid"], sessions.end
    else:
        found = _found(service, data)
        subject = found.id if found else ""
        call.notes["user"] = subject
    once.write(subject, lambda connection: Done("session.revoke.done", {"ended": end(connection, subject)}))


def _found(service: Service, data: Mapping[str, Any]) -> User | None:
    if "sub" in data:
        return service.database.read(lambda connection: users.by_id(connection, data["sub"]))
    name = _name(data["name"])
    return service.database.read(lambda connection: users.by_name(connection, name))


def _name(text: str) -> str:
    try:
        return names.normalise(text)
    except ValueError as error:
        raise Refusal(422, f"This cannot be a user name: {error}.", reason="name") from None


def _stored(service: Service, call: Call, data: Mapping[str, Any], name: str) -> str | None:
    """The hash to store; None where none was given."""
    if "password" in data:
        selfservice.check(service, data["password"], name)
        return selfservice.hashed(service, call, data["password"])
    if "password_hash" in data:
        try:
            recipe(data["password_hash"])
        except BadHashError as error:
            raise Refusal(422, f"This cannot be a password hash: {error}.", reason="hash") from None
    return data.get("password_hash")
