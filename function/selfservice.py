"""What people do about their own accounts: sign up, change the password."""

import uuid

from flask import Response

from function import names
from function.answers import document, empty
from function.call import Call
from function.errors import PolicyError, Refusal
from function.login import attempted
from function.oauth import bearer
from function.service import Service
from function.store import sessions, users
from function.store.base import Connection
from function.store.users import User


def sign_up(service: Service, call: Call) -> Response:
    """POST /users: a name and a password for a new account.

    409 tells that a name is taken, and nothing that is asked here could hide that (docs/api.md): so it is said before
    anything is hashed.
    """
    if not service.settings.sign_up:
        raise Refusal(404, "Sign-up is off: set SIGN_UP=on to turn it on.")
    fields = call.fields(("username", "password"))
    if fields.keys() != {"username", "password"}:
        raise Refusal(400, "Send username and password.")
    try:
        name = names.normalise(fields["username"])
    except ValueError as error:
        raise Refusal(422, f"This cannot be a user name: {error}.", reason="name") from None
    _check(service, fields["password"], name)
    if service.database.read(lambda connection: users.by_name(connection, name)):
        raise _taken()
    user = User(str(uuid.uuid4()), name, _hash(service, call, fields["password"]), None, service.now())
    if not service.database.write(name, lambda connection: users.add(connection, user)):
        raise _taken()
    call.notes |= {"user": user.id}
    return document({"sub": user.id, "preferred_username": name}, 201)


def change_password(service: Service, call: Call) -> Response:
    """POST /password: the bearer's current password and a new one. The user's other sessions end (T6).

    The current one is tried as at /login, so that whoever has found a token guesses no faster here.
    """
    user, session_id = bearer(service, call)
    fields = call.fields(("password", "new_password"))
    if fields.keys() != {"password", "new_password"}:
        raise Refusal(400, "Send password and new_password.")
    _check(service, fields["new_password"], user.name)
    attempt = attempted(service, call, user.name, fields["password"])
    # Not 401: the token is right, and a client that renews it and tries again would be guessing.
    if attempt.user is None or attempt.user.id != user.id or attempt.user.password_hash is None:
        raise Refusal(403, "The current password is wrong.", reason=attempt.reason)
    verified, fresh = attempt.user.password_hash, _hash(service, call, fields["new_password"])

    def work(connection: Connection) -> bool:
        changed = users.swap_hash(connection, user.id, verified, fresh)
        if changed:
            sessions.end_others(connection, user.id, session_id)
        return changed

    if not service.database.write(user.name, work):
        raise Refusal(409, "The password was changed by somebody else meanwhile: log in with that one.")
    return empty()


def _check(service: Service, password: str, name: str) -> None:
    try:
        service.policy.check(password, name)
    except PolicyError as error:
        raise Refusal(422, f"{str(error).capitalize()}.", reason="policy") from None


def _hash(service: Service, call: Call, password: str) -> str:
    patience = call.patience(service.settings.login_deadline)
    with service.setting.place(patience):
        stored, _ = service.setting.run(lambda: service.passwords.hash(password), patience)
    return stored


def _taken() -> Refusal:
    return Refusal(409, "This name is taken: choose another.", reason="taken")
