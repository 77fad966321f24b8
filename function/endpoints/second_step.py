"""The second step of a login: the code that a user with a second factor sends beside the password, or after it.

Nothing of it is seen before the password was right (A1). Then it is 403, "the credentials are insufficient" (RFC 9110
section 15.5.4), and not 401: a client takes that for a wrong password. A 200 without tokens would be worse.
"""

from collections.abc import Callable, Mapping, Sequence

from flask import Response

from function.endpoints.login import granted, guess_of, remember
from function.errors import Refusal
from function.eventing.outbox import Failure
from function.otp.challenges import Challenge, invalid
from function.otp.second_factor import Judgement, Proof
from function.service import Service
from function.store import throttle, users
from function.store.base import Connection
from function.store.users import User
from function.web.call import Call

#: Fields of a request in which a second factor comes.
FIELDS = ("otp", "recovery_code")
#: Writes what a judgement means beside: why the code was wrong, empty if it was right, and what it proves.
Judged = Callable[[Connection, str, Sequence[str]], None]
_OUTCOMES: Mapping[int, str] = {403: "wrong", 429: "throttled"}


def after_password(service: Service, call: Call) -> Response:
    """POST /login/mfa: a challenge and a second factor for what /login gives."""
    fields = call.fields(("challenge", *FIELDS))
    proof = proof_of(fields)
    if "challenge" not in fields or not any(proof):
        raise Refusal(400, "Send challenge, and otp or recovery_code.")
    challenge = service.second_factor.challenges.read(fields["challenge"], service.now())
    user = service.database.read(lambda connection: users.by_id(connection, challenge.user_id))
    if user is None or not challenge.fits(user):
        raise invalid("the account changed meanwhile")
    call.notes["user"] = user.id
    amr = verified(service, call, user, proof, challenge)
    grant = service.sessions.begin(user, service.now(), amr, client=call.client)
    if grant is None:
        raise invalid("the account changed meanwhile")
    response = granted(service, grant)
    remember(service, response, guess_of(service, call, user.name, throttle.account(user.name)))
    return response


def beside_password(
    service: Service, call: Call, user: User, fields: Mapping[str, str], judged: Judged | None = None
) -> Sequence[str]:
    """Judge what came beside a right password; returns how the user has proved to be the user (RFC 8176).

    `judged` writes what else the judgement means, in its transaction; the caller hands on what others have sent.

    Raises:
        Refusal: 403 with a challenge where nothing came, or what came was wrong; 429; 400.
    """
    proof = proof_of(fields)
    now, challenges = service.now(), service.second_factor.challenges
    members = {"challenge": challenges.issue(user, now), "expires_in": challenges.ttl}
    if not any(proof):
        _note(service, call, "required", "second factor required")
        raise Refusal(
            403,
            "A second factor is needed: send otp or recovery_code, with challenge to /login/mfa.",
            members={"error": "mfa_required", **members},
        )
    try:
        return verified(service, call, user, proof, judged=judged)
    except Refusal as refusal:
        if refusal.status == 403:
            refusal.members |= members
        raise


def proof_of(fields: Mapping[str, str]) -> Proof:
    """The second factor among the fields of a request.

    Raises:
        Refusal: 400 where there are two.
    """
    proof = Proof(fields.get("otp", ""), fields.get("recovery_code", ""))
    if all(proof):
        raise Refusal(400, "Send otp or recovery_code, not both.")
    return proof


def verified(
    service: Service,
    call: Call,
    user: User,
    proof: Proof,
    challenge: Challenge | None = None,
    *,
    judged: Judged | None = None,
) -> Sequence[str]:
    """As `SecondFactor.verify`: counted, told of, and noted for the log."""
    now = service.now()

    def tell(connection: Connection, judgement: Judgement) -> None:
        if judgement.reason:
            failure = Failure(user.id, judgement.reason, judgement.locked)
            service.outbox.login_failed(connection, failure, "" if judged else call.client, now)
        if judged:
            judged(connection, judgement.reason, judgement.amr)

    try:
        amr = service.second_factor.verify(user, proof, now, challenge, tell)
    except Refusal as refusal:
        _note(service, call, _OUTCOMES.get(refusal.status, "refused"), refusal.reason)
        raise
    _note(service, call, "ok", "")
    return amr


def _note(service: Service, call: Call, outcome: str, reason: str) -> None:
    call.notes |= {"second_factor": outcome, **({"reason": reason} if reason else {})}
    service.metrics.add("login_second_factors_total", outcome=outcome)
