"""Sessions and their refresh tokens (T5).

    token = "lfr1_" base64url( session id (16) | generation (4) | client secret (16) | MAC (16) )
    MAC   = HMAC-SHA-256(key of the store, all that comes before), cut to 128 bits

The store keeps the generation and a hash of the client secret; the secret is in the client's hands only, so a copy of
the database makes no token. Whoever brings a token brings the secret, and with it the server derives the next token,
or the current one once more: two tabs that refresh at once, or a client whose answer was lost, get the same. Measured
against the generation in the store:

    brought == current          the next generation
    brought == current - 1      within the grace interval: the current one again; later: reuse
    brought <  current - 1      reuse: somebody else has it. The session ends for both (RFC 9700 section 4.14.2)
    brought >  current          ours, by its MAC: the database forgot (a restored backup). On from there
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from function.errors import Refusal, SecondFactorNeededError
from function.eventing.outbox import SILENT, Outbox
from function.store import sessions as rows
from function.store import users
from function.store.base import Connection, Database
from function.store.sessions import Session
from function.store.users import User

#: What refresh tokens start with: a name for secret scanners, and what tells them from access tokens.
PREFIX = "lfr1_"
_MAC_BYTES = 16
_BODY_BYTES = 16 + 4 + 16


class Presented(NamedTuple):
    """What a refresh token says, once its MAC holds."""

    session_id: str
    generation: int
    secret: bytes


class Judgement(Enum):
    """What to do about a token of some generation."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSED = "reused"
    EXPIRED = "expired"


class Grant(NamedTuple):
    """What a login or a refresh gives.

    Attributes:
        user: whose it is.
        session_id: of which session.
        amr: how the user proved to be the user (RFC 8176).
        token: the refresh token that is current now.
    """

    user: User
    session_id: str
    amr: Sequence[str]
    token: str


def judge(session: Session, generation: int, now: int, grace: int) -> Judgement:
    """Decide by the table on top of this file."""
    if session.expires_at <= now:
        return Judgement.EXPIRED
    if generation >= session.generation:
        return Judgement.ROTATE
    if generation == session.generation - 1 and now - session.rotated_at <= grace:
        return Judgement.REPEAT
    return Judgement.REUSED


class Sessions:
    """Begin, refresh and end sessions. Times are whole Unix seconds."""

    def __init__(self, database: Database, key: bytes, *, lifetime: int, grace: int, outbox: Outbox = SILENT) -> None:
        self._database = database
        self._key = key
        self._lifetime = lifetime
        self._grace = grace
        self._outbox = outbox

    def begin(self, user: User, now: int, amr: Sequence[str] = ("pwd",), *, client: str = "") -> Grant | None:
        """Start a session of `user`, the row with the hash that the password was checked against.

        None where that row has changed since then: the user was disabled or has another hash. Hashing takes long
        enough for that, and no session may outlive it (T6). Disabling and setting a password write under the name of
        the user, as this does, so one comes before the other. So does turning a second factor on.

        Raises:
            SecondFactorNeededError: the user has one, and `amr` is of a login without it.
        """
        presented = Presented(uuid.uuid4().hex, 1, secrets.token_bytes(16))
        digest, expires_at = _digest(presented.secret), now + self._lifetime
        session = Session(presented.session_id, user.id, digest, 1, now, now, expires_at, " ".join(amr))

        def work(connection: Connection) -> Grant | None:
            if not users.unchanged(connection, user):
                return None
            if "mfa" not in amr and users.has_second_factor(connection, user.id):
                raise SecondFactorNeededError
            rows.add(connection, session)
            data = {"sid": session.id, "client": client, "amr": list(amr)}
            self._outbox.add(connection, "login.succeeded", user.id, data, now)
            return self._grant(user, session, presented)

        return self._database.write(user.name, work)

    def refresh(self, token: str, now: int) -> Grant:
        """Give the current token for one that was current.

        Raises:
            Refusal: 400 invalid_grant, whatever is wrong with the token; the reason is for the log.
        """
        presented = self._read(token)
        outcome = self._database.write(
            presented.session_id, lambda connection: self._rotate(connection, presented, now)
        )
        if isinstance(outcome, str):
            raise _invalid_grant(outcome)
        return outcome

    def end(self, token: str) -> None:
        """End the session of a refresh token of any generation; a token that is not ours ends nothing."""
        try:
            presented = self._read(token)
        except Refusal:
            return

        def work(connection: Connection) -> None:
            if self._session(connection, presented):
                rows.end(connection, presented.session_id)

        self._database.write(presented.session_id, work)

    def end_one(self, session_id: str) -> None:
        self._database.write(session_id, lambda connection: rows.end(connection, session_id))

    def end_all(self, user_id: str) -> None:
        self._database.write(user_id, lambda connection: rows.end_all(connection, user_id))

    def holder(self, session_id: str, now: int) -> User | None:
        """Whose session it is; None where it has ended or expired, or the user is disabled."""

        def work(connection: Connection) -> User | None:
            session = rows.by_id(connection, session_id)
            if session is None or session.expires_at <= now:
                return None
            user = users.by_id(connection, session.user_id)
            return None if user is None or user.disabled_at is not None else user

        return self._database.read(work)

    def _rotate(self, connection: Connection, presented: Presented, now: int) -> Grant | str:
        # Returns the reason rather than raising it: what was written on the way (an ended session) has to stay.
        session = self._session(connection, presented)
        if session is None:
            return "unknown session"
        judgement = judge(session, presented.generation, now, self._grace)
        user = users.by_id(connection, session.user_id)
        if judgement in {Judgement.REUSED, Judgement.EXPIRED} or user is None or user.disabled_at is not None:
            rows.end(connection, session.id)
            if judgement is Judgement.REUSED:
                self._outbox.add(connection, "token.reuse_detected", session.user_id, {"sid": session.id}, now)
            return judgement.value if judgement in {Judgement.REUSED, Judgement.EXPIRED} else "disabled user"
        current = session.generation
        if judgement is Judgement.ROTATE:
            current = presented.generation + 1
            # Those who end all of a user's sessions do not wait for this one's turn.
            if not rows.rotate(connection, session, current, now):
                return "unknown session"
        return self._grant(user, session, presented._replace(generation=current))

    def _session(self, connection: Connection, presented: Presented) -> Session | None:
        session = rows.by_id(connection, presented.session_id)
        if session is None or not hmac.compare_digest(session.secret_hash, _digest(presented.secret)):
            return None
        return session

    def _grant(self, user: User, session: Session, presented: Presented) -> Grant:
        return Grant(user, session.id, session.amr.split(), self._token(presented))

    def _token(self, presented: Presented) -> str:
        body = bytes.fromhex(presented.session_id) + presented.generation.to_bytes(4, "big") + presented.secret
        return PREFIX + base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def _read(self, token: str) -> Presented:
        encoded = token.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid_grant("malformed token") from None
        body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        presented = Presented(body[:16].hex(), int.from_bytes(body[16:20], "big"), body[20:])
        # Writing it anew settles that the text is the one way to write these bytes.
        if not hmac.compare_digest(mac, self._mac(body)) or self._token(presented) != token:
            raise _invalid_grant("forged token")
        return presented

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:_MAC_BYTES]


def _digest(secret: bytes) -> str:
    # Of 128 random bits a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(secret).hexdigest()


def _invalid_grant(reason: str) -> Refusal:
    return Refusal(400, "The refresh token is not valid.", code="invalid_grant", reason=reason)
