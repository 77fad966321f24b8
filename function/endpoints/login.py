"""POST /login, and the one way in which a name and a password are checked, whoever asks."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

from flask import Response

from function import logs
from function.access.sessions import Grant
from function.credentials import names
from function.credentials.passwords import Claim
from function.errors import Refusal, SecondFactorNeededError
from function.eventing.outbox import Failure
from function.guard import devices
from function.guard.networks import network
from function.guard.throttle import BROKER, DEVICE, Guess, Via
from function.pool.hashing import Patience, Timing
from function.service import Service
from function.store import throttle, users
from function.store.base import Connection
from function.store.users import User
from function.web.answers import document
from function.web.call import Call

_UNHASHED = {"throttled": "login_throttled_total", "shed": "login_hashes_shed_total"}


class Attempt(NamedTuple):
    """How a login ended.

    Attributes:
        user: who it is, with the hash that the password was checked against; None when it was refused.
        user_id: the account that was tried, where there is one; for the log only.
        reason: why it was refused; for the log only (A1).
        timing: what it cost.
        guess: whom it was on, and from where.
        headers: RateLimit fields for the answer.
    """

    user: User | None
    user_id: str
    reason: str
    timing: Timing
    guess: Guess
    headers: Mapping[str, str]


def login(service: Service, call: Call) -> Response:
    """POST /login: a name and a password for an access and a refresh token (RFC 6749 section 5.1)."""
    fields = call.fields(("username", "password", "otp", "recovery_code"))
    if not fields.keys() >= {"username", "password"}:
        raise Refusal(400, "Send username and password.")
    attempt, grant = _begun(service, call, fields)
    if grant is None:
        raise Refusal(
            401,
            "The user name or the password is wrong.",
            code="invalid_grant",
            headers={"WWW-Authenticate": 'Bearer realm="login"', **attempt.headers},
            reason=attempt.reason or "the account changed meanwhile",
        )
    response = granted(service, grant)
    response.headers.extend(attempt.headers)
    remember(service, response, attempt.guess)
    # Only where it succeeded: on a refusal it would tell to the microsecond what A1 keeps level.
    queued, hashed = attempt.timing.queued * 1000, attempt.timing.hashed * 1000
    response.headers["Server-Timing"] = f"queue;dur={queued:.1f}, hash;dur={hashed:.1f}"
    return response


def remember(service: Service, response: Response, guess: Guess) -> None:
    """Give the client its device token, or a fresh one."""
    device = guess.origin.removeprefix(DEVICE) if guess.via is Via.DEVICE else ""
    response.set_cookie(
        devices.COOKIE,
        service.devices.token(guess.account, device, service.now()),
        max_age=service.devices.lifetime,
        path="/",  # whatever takes a password is throttled alike: /password and /mfa, too
        secure=service.settings.issuer.startswith("https:"),
        httponly=True,
        samesite="Strict",
    )


def granted(service: Service, grant: Grant) -> Response:
    """The token response of RFC 6749 section 5.1."""
    return document(
        {
            "access_token": service.tokens.issue(grant.user.id, grant.session_id, service.now(), grant.amr),
            "token_type": "Bearer",
            "expires_in": service.tokens.ttl,
            "refresh_token": grant.token,
        },
        headers={"Cache-Control": "no-store"},
    )


def _begun(service: Service, call: Call, fields: Mapping[str, str]) -> tuple[Attempt, Grant | None]:
    attempt = attempted(service, call, fields["username"], fields["password"])
    grant = _session(service, call, attempt, fields)
    if attempt.user and grant is None:
        # The user's row has changed while the password was hashed. It may be no more than a new hash of the same
        # password, made by another login at the same time, so it is judged once more.
        attempt = attempted(service, call, fields["username"], fields["password"])
        grant = _session(service, call, attempt, fields)
    return attempt, grant


def _session(service: Service, call: Call, attempt: Attempt, fields: Mapping[str, str]) -> Grant | None:
    if attempt.user is None:
        return None
    try:
        return service.sessions.begin(attempt.user, service.now(), client=call.client)
    except SecondFactorNeededError:
        from function.endpoints.second_step import beside_password  # noqa: PLC0415 - a cold start is for whoever has none

        amr = beside_password(service, call, attempt.user, fields)
        return service.sessions.begin(attempt.user, service.now(), amr, client=call.client)


def attempted(
    service: Service,
    call: Call,
    name: str,
    password: str,
    *,
    brokered: bool = False,
    refused: Callable[[Connection], None] = lambda _: None,
) -> Attempt:
    """Check a name and a password: throttled, counted, told of, and noted for the log.

    Args:
        service: that checks.
        call: that asks.
        name: as it was typed.
        password: as it was typed.
        brokered: the caller hands on what others have sent, so that its address and cookies say nothing about them.
        refused: what else to write in the transaction that counts a wrong one.

    Raises:
        Refusal: 429 when there were too many wrong ones before, 503 when there is no time to hash it, 499 when the
            client has gone.
    """
    metrics = service.metrics
    metrics.add("login_hashes_submitted_total")
    wanted, account = _account(name)
    guess = Guess(account, BROKER, Via.BROKER) if brokered else guess_of(service, call, wanted, account)

    def tell(connection: Connection, failure: Failure) -> None:
        if failure.user_id:
            service.outbox.login_failed(connection, failure, "" if brokered else call.client, service.now())
        else:
            service.outbox.nothing(connection)
        refused(connection)

    try:
        patience = call.patience(service.settings.login_deadline)
        attempt = check(service, guess, wanted, password, patience=patience, tell=tell)
    except Refusal as refusal:
        _unhashed(service, call, refusal)
        raise
    outcome = "refused" if attempt.user is None else "ok"
    call.notes |= {"outcome": outcome, "user": attempt.user_id, "reason": attempt.reason}
    metrics.add("login_attempts_total", outcome=outcome)
    metrics.add("login_hashes_completed_total", algorithm="bcrypt", cost=service.settings.hash_cost, outcome=outcome)
    metrics.add("login_hash_seconds_total", attempt.timing.hashed / attempt.timing.width)
    metrics.add("login_queue_seconds_total", attempt.timing.queued)
    return attempt


def turned_away(service: Service, call: Call, refusal: Refusal) -> NoReturn:
    """POST /login where it was found beforehand that there is no room (see web/overload.py)."""
    service.metrics.add("login_hashes_submitted_total")
    _unhashed(service, call, refusal)
    raise refusal


def _unhashed(service: Service, call: Call, refusal: Refusal) -> None:
    outcome = "throttled" if refusal.status == 429 else "shed"
    call.notes |= {"outcome": outcome}
    service.metrics.add("login_attempts_total", outcome=outcome)
    service.metrics.add(_UNHASHED[outcome], reason=refusal.reason)


def _account(name: str) -> tuple[str, str]:
    """The name to look up, and its key in the throttle. What cannot be a name is nobody's, and is throttled as one."""
    try:
        wanted = names.normalise(name)
    except ValueError:
        return "", throttle.account(f" {name}")  # apart from all names: none begins with a space
    return wanted, throttle.account(wanted)


def guess_of(service: Service, call: Call, name: str, account: str) -> Guess:
    """An attempt on the account, which is that of the (normalised) name, from where the call came."""
    token = call.request.cookies.get(devices.COOKIE, "")
    device = service.devices.device(account, token, service.now()) if token else None
    if device:
        known_from = service.database.read(lambda connection: users.devices_from(connection, name))
        if known_from is not None and device.issued_at >= known_from:
            return Guess(account, DEVICE + device.id, Via.DEVICE)
    return Guess(account, network(call.client), Via.NETWORK)


def check(
    service: Service,
    guess: Guess,
    wanted: str,
    password: str,
    *,
    patience: Patience,
    tell: Callable[[Connection, Failure], None],
) -> Attempt:
    """Look up, hash, decide. Whatever the reason to refuse, one hash's time is spent on it (A1).

    Raises:
        Refusal: as `HashLane` and `Gate`.
    """
    with (
        service.hashing.place(patience),
        service.gate.evaluation(guess, patience, lambda connection: users.by_name(connection, wanted)) as evaluation,
    ):
        user = evaluation.found
        usable = user is not None and user.disabled_at is None
        stored = user.password_hash if user is not None and usable else None
        cost = service.passwords.cost_of(stored)
        verdict, timing = service.hashing.verify(Claim(password, stored), cost, patience)
        user_id = user.id if user else ""
        reason = "unusable hash" if verdict.unusable else _reason(user)
        settled = evaluation.settle(
            ok=verdict.ok,
            exists=user is not None,
            refused=lambda connection, locked: tell(connection, Failure(user_id, reason, locked)),
        )
    if settled.locked:
        service.metrics.add("login_locked_total")
        logs.line("WARNING", "too many wrong passwords in a row: locked", user=user_id, account=guess.account)
    if verdict.unusable:
        logs.line("ERROR", f"A stored hash cannot be used: {verdict.unusable}.", user=user_id)
    if user is None or not verdict.ok:
        return Attempt(None, user_id, reason, timing, guess, settled.headers)
    if verdict.stale and stored is not None:
        found, fresh = user, service.hashing.afterwards(lambda: service.passwords.hash(password))
        if service.database.write(found.name, lambda connection: users.swap_hash(connection, found.id, stored, fresh)):
            user = found._replace(password_hash=fresh)
    return Attempt(user, user_id, "", timing, guess, settled.headers)


def _reason(user: User | None) -> str:
    if user is None:
        return "unknown user"
    if user.disabled_at is not None:
        return "disabled user"
    return "wrong password" if user.password_hash else "no password set"
