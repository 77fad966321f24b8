"""What people do about their own accounts: sign up, change the password, reset it."""

import contextlib
import time
import uuid

from flask import Response

from function.credentials import lifecycle, names
from function.endpoints.login import attempted, guess_of, remember
from function.endpoints.oauth import bearer
from function.errors import PolicyError, Refusal
from function.guard.networks import network
from function.guard.throttle import Guess, Via
from function.service import Service
from function.store import resets, sessions, throttle, users
from function.store.base import Connection
from function.store.users import User
from function.web.answers import document, empty
from function.web.call import Call

#: Seconds after which a request for a reset is answered: far more than it takes, so that its time tells nothing.
ASKED_SECONDS = 0.25


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
    check(service, fields["password"], name)
    _count(service, call, "sign-up")
    if service.database.read(lambda connection: users.by_name(connection, name)):
        raise _taken()
    user = User(str(uuid.uuid4()), name, hashed(service, call, fields["password"]), None, service.now())
    if not service.database.write(name, lambda connection: lifecycle.create(connection, service.outbox, user)):
        raise _taken()
    call.notes |= {"user": user.id}
    return document({"sub": user.id, "preferred_username": name}, 201)


def change_password(service: Service, call: Call) -> Response:
    """POST /password: the bearer's current password and a new one. The user's other sessions end (T6)."""
    user, session_id = bearer(service, call)
    fields = call.fields(("password", "new_password"))
    if fields.keys() != {"password", "new_password"}:
        raise Refusal(400, "Send password and new_password.")
    check(service, fields["new_password"], user.name)
    verified = current_hash(service, call, user, fields["password"])
    fresh = hashed(service, call, fields["new_password"])
    now = service.now()

    def work(connection: Connection) -> bool:
        changed = users.swap_hash(connection, user.id, verified, fresh)
        if changed:
            sessions.end_others(connection, user.id, session_id)
            resets.drop(connection, user.id)
            users.forget_devices(connection, user.name, now)
        return changed

    if not service.database.write(user.name, work):
        raise Refusal(409, "The password was changed by somebody else meanwhile: log in with that one.")
    return _known(service, call, user)


def current_hash(service: Service, call: Call, user: User, password: str) -> str:
    """The stored hash of the bearer's current password, which was sent beside the token.

    It is tried as at /login, so that whoever has found a token guesses no faster here.

    Raises:
        Refusal: 403 where it is wrong, and as `attempted`.
    """
    attempt = attempted(service, call, user.name, password)
    # Not 401: the token is right, and a client that renews it and tries again would be guessing.
    if attempt.user is None or attempt.user.id != user.id or attempt.user.password_hash is None:
        raise Refusal(403, "The current password is wrong.", reason=attempt.reason)
    return attempt.user.password_hash


def reset_password(service: Service, call: Call) -> Response:
    """POST /password/reset: with a name, ask for a token; with a token, set a new password.

    Who asks learns nothing: 202 after the same time whether there is such a user or not.
    """
    fields = call.fields(("username", "token", "new_password"))
    if fields.keys() == {"username"}:
        _count(service, call, "reset")
        # Without a sink there is nobody who would send it: then an operator has `users reset`.
        with contextlib.suppress(ValueError):
            if service.settings.sink:
                service.resets.request(names.normalise(fields["username"]), service.now())
        service.wait(call.started + ASKED_SECONDS - time.monotonic())
        return empty(202)
    if fields.keys() != {"token", "new_password"}:
        raise Refusal(400, "Send username to ask for a reset, or token and new_password.")
    token = fields["token"]
    user = service.resets.holder(token, service.now())
    if user is None:
        raise _no_token("unknown or expired")
    call.notes |= {"user": user.id}
    check(service, fields["new_password"], user.name)
    fresh = hashed(service, call, fields["new_password"])
    if not service.resets.redeem(token, user, fresh, service.now()):
        raise _no_token("used meanwhile")
    return _known(service, call, user)


def _known(service: Service, call: Call, user: User) -> Response:
    """Nothing but a device token: a new password has made those of before void."""
    response = empty()
    remember(service, response, guess_of(service, call, user.name, throttle.account(user.name)))
    return response


def _count(service: Service, call: Call, what: str) -> None:
    """Let so many through from one network in a window as may mistype there.

    Raises:
        Refusal: 429, 503.
    """
    origin = network(call.client)
    guess = Guess(f"{what} {origin}", origin, Via.ASKED)
    with service.gate.evaluation(guess, call.patience(service.settings.login_deadline), lambda _: None) as evaluation:
        evaluation.settle(ok=False, exists=False)


def check(service: Service, password: str, name: str) -> None:
    """Let a password pass that the policy lets the user of this name set.

    Raises:
        Refusal: 422 with what is wrong with it.
    """
    try:
        service.policy.check(password, name)
    except PolicyError as error:
        raise Refusal(422, f"{str(error).capitalize()}.", reason="policy") from None


def hashed(service: Service, call: Call, password: str) -> str:
    """The hash to store of a password that may be set.

    Raises:
        Refusal: 503 when there is no time to make it.
    """
    patience = call.patience(service.settings.login_deadline)
    with service.setting.place(patience):
        return service.setting.run(lambda: service.passwords.hash(password), patience)


def _no_token(reason: str) -> Refusal:
    return Refusal(400, "The reset token is not valid, or no longer: ask for a new one.", reason=reason)


def _taken() -> Refusal:
    return Refusal(409, "This name is taken: choose another.", reason="taken")
