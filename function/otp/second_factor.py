"""The second factor: an authenticator app's codes (totp.py), and recovery codes for who has lost it.

What is tried is counted in a bucket of the throttle, one for each account and apart from that of its passwords:
MFA_LIMIT failures, then delays that double, and the same cap. Who has the password and guesses codes, of which three in
10^6 are right at any time, has with the default of 5 at most 23 tries in the first 24 hours and 5 in each 24 hours
after: 7 in 100,000 and then 1.5 in 100,000 a day. 100 failures in a row, which is 3 in 10,000, are the end. Each login
of the owner begins that anew. Recovery codes are counted with them, though nobody guesses 120 bits.

Each try is counted and judged in one transaction, so however many come at once, no more are judged than may be.

Secrets are sealed under a key of the store, which KEY_ENCRYPTION_KEY seals where it is set. Where it is not, whoever
has a copy of the database can compute codes.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import NamedTuple

from function import logs
from function.access.sealing import Sealer
from function.errors import Refusal, StoreError
from function.guard.throttle import Count, Guess, Limits, Verdict, Via, decide, fields, step
from function.otp import recovery, totp
from function.otp.challenges import Challenge, Challenges, invalid
from function.store import second_factor as rows
from function.store import sessions, throttle
from function.store.base import Connection, Database
from function.store.second_factor import Totp
from function.store.users import User

#: How a user proved to be the user (RFC 8176, which has no name for a recovery code).
WITH_OTP, WITH_RECOVERY_CODE = ("pwd", "otp", "mfa"), ("pwd", "mfa")


class Proof(NamedTuple):
    """What a client sent as the second factor: one of the two, or nothing."""

    otp: str = ""
    recovery_code: str = ""


class State(NamedTuple):
    """Of a user's second factor. `totp` is off, pending or on; `recovery_codes` are those that are left."""

    totp: str
    recovery_codes: int


class Judgement(NamedTuple):
    """Why a code was wrong, empty if it was right; whether that has locked; and what it proves (RFC 8176)."""

    reason: str
    locked: bool
    amr: Sequence[str]


class SecondFactor:
    """Enrols, checks and removes. Times are Unix seconds.

    Attributes:
        challenges: what a right password gets whose code is still to come.
        enrolment_ttl: seconds for which an authenticator waits for its first code.
    """

    def __init__(
        self, database: Database, key: bytes, limits: Limits, *, enrolment_ttl: int, challenge_ttl: int
    ) -> None:
        """`key` is of the store; `limits` are the throttle's with MFA_LIMIT as `per_account`."""
        self.challenges = Challenges(_derived(key, b"challenges"), challenge_ttl)
        self.enrolment_ttl = enrolment_ttl
        self._database = database
        self._sealer = Sealer([_derived(key, b"secrets")])
        self._limits = limits

    def state(self, user: User, now: int) -> State:
        def work(connection: Connection) -> State:
            held = rows.totp(connection, user.id)
            if held is not None and held.confirmed_at is not None:
                return State("on", rows.codes_left(connection, user.id))
            return State("pending" if self._pending(held, now) else "off", 0)

        return self._database.read(work)

    def enrol(self, user: User, now: int) -> str:
        """A new secret in base32, which is for nothing until `confirm`; one that was never confirmed is gone.

        Raises:
            Refusal: 409 where there is a confirmed one.
        """
        secret = totp.new_secret()
        sealed = self._sealer.seal(secret, _name(user.id))
        if not self._database.write(user.name, lambda connection: rows.enrol(connection, user.id, sealed, now)):
            raise Refusal(409, "There is an authenticator already: remove it before you enrol another.")
        return secret

    def confirm(self, user: User, session_id: str, otp: str, now: int) -> Sequence[str]:
        """Turn the second factor on with the first code, and return the recovery codes.

        The session has then proved both factors. The user's others have not, and end.

        Raises:
            Refusal: 409 where nothing waits for a code, 403 where it is wrong, 429.
        """
        pending = self._pending(self._database.read(lambda connection: rows.totp(connection, user.id)), now)
        if pending is None:
            raise _nothing_pending()
        self._try(user, lambda connection: self._accept(connection, pending, otp, now), now)
        codes = recovery.new_codes()

        def work(connection: Connection) -> bool:
            if not rows.confirm(connection, pending, now):
                return False
            rows.set_codes(connection, user.id, [recovery.digest(code) for code in codes])
            sessions.set_amr(connection, session_id, " ".join(WITH_OTP))
            sessions.end_others(connection, user.id, session_id)
            return True

        if not self._database.write(user.name, work):
            raise _nothing_pending()
        return codes

    def verify(
        self,
        user: User,
        proof: Proof,
        now: int,
        challenge: Challenge | None = None,
        tell: Callable[[Connection, Judgement], None] = lambda *_: None,
    ) -> Sequence[str]:
        """Judge a code, which is used up if it is right; returns how the user has proved to be the user.

        Args:
            user: whose password was right.
            proof: what was sent.
            now: Unix seconds.
            challenge: what the password got, if it came earlier; it is used up together with the code.
            tell: what else to write in the transaction of the judgement.

        Raises:
            Refusal: 403 where it is wrong or was used, 429 after too many of these, 401 where the challenge was used.
        """

        def judge(connection: Connection) -> str:
            reason = self._judged(connection, user, proof, now)
            if not reason and challenge and not rows.spend(connection, challenge.id, challenge.expires_at, now):
                raise invalid("used challenge")  # the code is not used up: the transaction is undone
            return reason

        amr = WITH_RECOVERY_CODE if proof.recovery_code else WITH_OTP
        self._try(user, judge, now, lambda connection, reason, locked: tell(connection, Judgement(reason, locked, amr)))
        return amr

    def remove(self, user: User, session_id: str) -> None:
        """Turn the second factor off, which ends the user's other sessions."""

        def work(connection: Connection) -> None:
            rows.remove(connection, user.id)
            sessions.end_others(connection, user.id, session_id)

        self._database.write(user.name, work)

    def renew_codes(self, user: User) -> Sequence[str]:
        """New recovery codes, in the place of those that are left.

        Raises:
            Refusal: 409 where there is no second factor (any more).
        """
        codes = recovery.new_codes()

        def work(connection: Connection) -> bool:
            held = rows.totp(connection, user.id)
            on = held is not None and held.confirmed_at is not None
            if on:
                rows.set_codes(connection, user.id, [recovery.digest(code) for code in codes])
            return on

        if not self._database.write(user.name, work):
            raise off()
        return codes

    def _pending(self, held: Totp | None, now: int) -> Totp | None:
        if held is None or held.confirmed_at is not None or held.created_at + self.enrolment_ttl <= now:
            return None
        return held

    def _judged(self, connection: Connection, user: User, proof: Proof, now: int) -> str:
        """Why it is wrong; empty where it is right."""
        if proof.recovery_code:
            used = rows.use_code(connection, user.id, recovery.digest(proof.recovery_code))
            return "" if used else "wrong recovery code"
        held = rows.totp(connection, user.id)
        if held is None or held.confirmed_at is None:
            return "no second factor"
        return self._accept(connection, held, proof.otp, now)

    def _accept(self, connection: Connection, held: Totp, otp: str, now: int) -> str:
        try:
            secret = self._sealer.open(held.secret, _name(held.user_id))
        except StoreError:
            # As with a stored hash (N9). The recovery codes still open the account.
            logs.line(
                "ERROR",
                "The secret of an authenticator cannot be opened, since it or `second-factor` in the table keys was "
                "changed: restore the database, or let its user enrol anew after `login-function users mfa-reset`.",
                user=held.user_id,
            )
            return "unusable secret"
        found = totp.matching_step(secret, otp, now)
        if found is None:
            return "wrong code"
        return "" if rows.accept(connection, held, found) else "used code"

    def _try(
        self,
        user: User,
        judge: Callable[[Connection], str],
        now: int,
        tell: Callable[[Connection, str, bool], None] = lambda *_: None,
    ) -> None:
        """Have something judged, unless it is too early for that; `judge` says why it is wrong.

        `tell` is told that as well, and whether it was the failure that has reached the cap.
        """
        limits, moment = self._limits, now * 1000
        guess = Guess(throttle.second_factor(user.name), "", Via.SECOND_FACTOR)
        [rule], [key] = guess.via.value, guess.keys()

        def work(connection: Connection) -> tuple[str, int]:
            buckets = guess.buckets(throttle.counts(connection, guess), {})
            decision = decide(limits, buckets, moment, moment)
            if decision.verdict is Verdict.REFUSE:
                raise Refusal(
                    429,
                    "Too many wrong codes; try again after the time in Retry-After.",
                    headers=fields(limits, rule, Count(), moment, decision),
                    reason=decision.reason,
                )
            reason = judge(connection)
            if reason:
                throttle.fail(connection, key, moment, step(limits, rule), limits.cap, keep=True)
            else:
                throttle.reset(connection, guess, limits.cap)
            failures = buckets[0].held.total + 1
            tell(connection, reason, bool(reason) and failures == limits.cap)
            return reason, failures

        reason, failures = self._database.write(guess.account, work)
        if not reason:
            return
        if failures == limits.cap:
            logs.line("WARNING", "too many wrong codes in a row: locked", user=user.id)
        raise Refusal(
            403,
            "The code is wrong, or was used already: send the next one that the authenticator shows.",
            reason=reason,
            members={"error": "invalid_code"},
        )


def off() -> Refusal:
    """What to say to somebody who has no second factor and wants to do something with it."""
    return Refusal(409, "There is no second factor: start with POST /mfa/totp.")


def _nothing_pending() -> Refusal:
    return Refusal(409, "No authenticator waits to be confirmed, or not any more: start with POST /mfa/totp.")


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, hashlib.sha256)


def _name(user_id: str) -> str:
    return f"second factor of {user_id}"
