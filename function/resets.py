"""Password resets: a token that stands in for a password which was forgotten, once and for a short time.

    token = "lpr1_" base64url( 256 random bits )

The store keeps a hash of it. An operator makes one for whoever asks them (`users reset`), which voids those before. One
that is asked for at POST /password/reset goes to `requested`, never to who asked.
"""

import base64
import hashlib
import secrets

from function import logs
from function.store import resets as rows
from function.store import users
from function.store.base import Connection, Database
from function.store.users import User

_PREFIX = "lpr1_"
_BYTES = 32
#: Tokens of one user that live at a time. Those who ask for more get none: the first are with their owner, and nobody's
#: mailbox is flooded.
MOST = 3


def requested(_connection: Connection, user: User, _token: str) -> None:
    """A reset was asked for: what sends the token to its owner belongs here, in the transaction that makes it."""
    logs.line("INFO", "A password reset was asked for.", user=user.id)


class Resets:
    """Make and redeem reset tokens. Times are whole Unix seconds, and so is `ttl`, the life of a token."""

    def __init__(self, database: Database, ttl: int) -> None:
        self._database = database
        self._ttl = ttl

    def make(self, user: User, now: int) -> str:
        """A token that is the user's only one."""

        def work(connection: Connection) -> str:
            rows.drop(connection, user.id)
            return self._add(connection, user, now)

        return self._database.write(user.name, work)

    def request(self, name: str, now: int) -> None:
        """Make a token for the user of this (normalised) name and hand it to `requested`; nothing if there is none."""

        def work(connection: Connection) -> None:
            user = users.by_name(connection, name)
            if user and user.disabled_at is None and rows.alive(connection, user.id, now) < MOST:
                requested(connection, user, self._add(connection, user, now))

        self._database.write(name, work)

    def holder(self, token: str, now: int) -> User | None:
        """Whose token it is; None where it was used, has expired or never was one, or the user is disabled."""
        return self._database.read(lambda connection: _holder(connection, token, now))

    def redeem(self, token: str, user: User, password_hash: str, now: int) -> bool:
        """Set the password of the token's holder, which ends the sessions; False where the token is no longer good."""

        def work(connection: Connection) -> bool:
            good = _holder(connection, token, now) is not None and rows.take(connection, _digest(token))
            return good and users.set_hash(connection, user.name, password_hash)

        return self._database.write(user.name, work)

    def _add(self, connection: Connection, user: User, now: int) -> str:
        token = _PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode().rstrip("=")
        rows.add(connection, _digest(token), user.id, now + self._ttl)
        return token


def _holder(connection: Connection, token: str, now: int) -> User | None:
    user_id = rows.holder(connection, _digest(token), now)
    user = users.by_id(connection, user_id) if user_id else None
    return user if user and user.disabled_at is None else None


def _digest(token: str) -> str:
    # Of 256 random bits a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
