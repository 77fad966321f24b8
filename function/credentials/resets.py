"""Password resets: a token that stands in for a password which was forgotten, once and for a short time.

    token = "lpr1_" base64url( 256 random bits )

The store keeps a hash of it. An operator makes one for whoever asks them (`users reset`), which voids those before. One
that is asked for at POST /password/reset goes to a mailer, never to who asked, and no event holds a token (C3): brokers
keep events, and show them to many. So the event password.reset_requested has a reference, which is worth nothing by
itself; the mailer, a client with a secret of its own, exchanges it once for the token at POST /password/reset/exchange.
"""

import base64
import hashlib
import secrets

from function.eventing.outbox import SILENT, Outbox
from function.store import resets as rows
from function.store import users
from function.store.base import Connection, Database
from function.store.users import User

_PREFIX = "lpr1_"
_BYTES = 32
#: Tokens and references of one user that live at a time. Those who ask for more get none: the first are with their
#: owner, and nobody's mailbox is flooded.
MOST = 3


class Resets:
    """Make and redeem reset tokens. Times are whole Unix seconds, and so is `ttl`, the life of a token."""

    def __init__(self, database: Database, ttl: int, outbox: Outbox = SILENT) -> None:
        self._database = database
        self._ttl = ttl
        self._outbox = outbox

    def make(self, user: User, now: int) -> str:
        """A token that is the user's only one."""

        def work(connection: Connection) -> str:
            rows.drop(connection, user.id)
            return self._add(connection, user, now)

        return self._database.write(user.name, work)

    def request(self, name: str, now: int) -> None:
        """Tell the mailer that the user of this (normalised) name has asked; nothing if there is none."""

        def work(connection: Connection) -> None:
            user = users.by_name(connection, name)
            if user and user.disabled_at is None and rows.alive(connection, user.id, now) < MOST:
                reference = secrets.token_urlsafe(_BYTES)
                rows.add(connection, _reference(reference), user.id, now + self._ttl)
                data = {"name": user.name, "reference": reference}
                self._outbox.add(connection, "password.reset_requested", user.id, data, now)

        self._database.write(name, work)

    def exchange(self, reference: str, now: int) -> tuple[User, str] | None:
        """Whose reference it is, and a token; None where it was exchanged before, has expired or never was one."""
        found = self._database.read(lambda connection: _holder(connection, _reference(reference), now))
        if found is None:
            return None

        def work(connection: Connection) -> tuple[User, str] | None:
            user = _holder(connection, _reference(reference), now)
            if user is None or not rows.take(connection, _reference(reference)):
                return None
            return user, self._add(connection, user, now)

        return self._database.write(found.name, work)

    def holder(self, token: str, now: int) -> User | None:
        """Whose token it is; None where it was used, has expired or never was one, or the user is disabled."""
        return self._database.read(lambda connection: _holder(connection, _digest(token), now))

    def redeem(self, token: str, user: User, password_hash: str, now: int) -> bool:
        """Set the password of the token's holder, which ends the sessions; False where the token is no longer good."""

        def work(connection: Connection) -> bool:
            good = _holder(connection, _digest(token), now) is not None and rows.take(connection, _digest(token))
            return good and users.set_hash(connection, user.name, password_hash, now)

        return self._database.write(user.name, work)

    def _add(self, connection: Connection, user: User, now: int) -> str:
        token = _PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode().rstrip("=")
        rows.add(connection, _digest(token), user.id, now + self._ttl)
        return token


def _holder(connection: Connection, token_hash: str, now: int) -> User | None:
    user_id = rows.holder(connection, token_hash, now)
    user = users.by_id(connection, user_id) if user_id else None
    return user if user and user.disabled_at is None else None


def _digest(token: str) -> str:
    # Of 256 random bits a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _reference(reference: str) -> str:
    # No hash of a token looks like this, so that a reference never passes as one.
    return f"reference {_digest(reference)}"
