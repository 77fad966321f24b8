"""The signing keys of the store, as an instance has them at hand, and the steps of their rotation (see rotation.py).

There is no clock of its own that steps: whoever needs a key when its set has grown old reads it anew, and does what is
due. So an instance that has slept for a week, or has just started, never signs with what it knew before.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from function import logs
from function.access import rotation, signing
from function.access.rotation import Policy
from function.access.sealing import Sealer
from function.access.signing import SigningKey
from function.errors import InputError, StoreError
from function.settings import Settings
from function.store import keys
from function.store.base import Connection, Database
from function.store.keys import KEYS, Key

PURPOSE = "sign"
#: Seconds between two looks into the store for a key that a token names and we have not: anybody can make up a name.
#: In a rotation none is needed; it is for a key that was retired by hand, when another had to take over at once.
SEEK_INTERVAL = 5


class KeySet(NamedTuple):
    """The keys of one moment, in the order of their times, and their rows."""

    rows: Sequence[Key]
    keys: Sequence[SigningKey]
    by_kid: Mapping[str, SigningKey]

    def signer(self, now: int) -> SigningKey:
        return rotation.signer(self.keys, now)

    @property
    def jwks(self) -> Mapping[str, Any]:
        """The public halves (RFC 7517 section 5), the next one's included."""
        return {"keys": [key.jwk for key in self.keys]}


def keyring(settings: Settings, database: Database, sealer: Sealer) -> "Keyring":
    """The keyring as the settings want it. A key is made on the spot: RSA's 0.2 s come once in an interval."""
    return Keyring(
        database,
        sealer,
        lambda: signing.make(settings.signing_algorithm),
        rotation.policy(settings.key_rotation, settings.jwks_max_age, settings.key_reload),
        reload=settings.key_reload,
    )


class Keyring:
    """The signing keys. Times are Unix seconds.

    Several requests may find the set too old at the same moment; then each reads it, which is a millisecond, and none
    goes on with a key that may be gone.
    """

    def __init__(
        self, database: Database, sealer: Sealer, make: Callable[[], str], policy: Policy, *, reload: int
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._make = make
        self._policy = policy
        self._reload = reload
        self._set = KeySet([], [], {})
        self._read_at = self._sought_at = -SEEK_INTERVAL

    def current(self, now: int) -> KeySet:
        """All keys that sign, will sign or verify; read at most `reload` seconds ago."""
        if not self._set.keys or not 0 <= now - self._read_at < self._reload:
            self._read(now)
        return self._set

    def find(self, kid: str, now: int) -> SigningKey | None:
        """The key of that name, looked for in the store where it is new to us."""
        found = self.current(now).by_kid.get(kid)
        if found is None and not 0 <= now - self._sought_at < SEEK_INTERVAL:
            self._sought_at = now
            self._read(now)
            found = self._set.by_kid.get(kid)
        return found

    def rotate(self, now: int) -> SigningKey:
        """Make the next key now, to sign after the lead.

        Raises:
            InputError: there is a next one already.
        """
        pem = self._make()

        def work(connection: Connection) -> Sequence[Key]:
            rows = keys.of(connection, PURPOSE)
            if rows and rows[-1].signs_from > now:
                raise InputError("The next key is published already: see `login-function keys list`.")
            self._add(connection, rows, pem, now, now + self._policy.lead if rows else now)
            return keys.of(connection, PURPOSE)

        self._use(self._database.write(KEYS, work), now)
        return self._set.keys[-1]

    def retire(self, kid: str, now: int) -> SigningKey:
        """Take a key away at once, and every token that it has signed with it; returns the one that signs now.

        Raises:
            InputError: there is no such key.
        """
        pem = self._make()

        def work(connection: Connection) -> Sequence[Key]:
            rows = keys.of(connection, PURPOSE)
            left = [row for row in rows if self._load(row).kid != kid]
            if len(left) == len(rows):
                raise InputError(f"There is no key {kid!r}: see `login-function keys list`.")
            for row in rows:
                if row not in left:
                    keys.remove(connection, row)
            # An earlier key is known to everybody, so it may sign again. Only where there is none, a new one must.
            if not any(row.signs_from <= now for row in left):
                self._add(connection, rows, pem, now, now)
            return keys.of(connection, PURPOSE)

        self._use(self._database.write(KEYS, work), now)
        return self._set.signer(now)

    def _read(self, now: int) -> None:
        try:
            rows = self._database.read(lambda connection: keys.of(connection, PURPOSE))
            if rotation.due(rows, now, self._policy) is not None or rotation.over(rows, now):
                rows = self._step(now)
            self._use(rows, now)
        except StoreError as error:
            # The database is lost, or other instances have sealed the keys with a KEY_ENCRYPTION_KEY that this one does
            # not have, in the middle of a rollout. What is at hand is good for a while yet.
            if not self._set.keys:
                raise
            logs.line("ERROR", f"Going on with the signing keys read before. {error}")
            self._read_at = now

    def _step(self, now: int) -> Sequence[Key]:
        """Make what is due and let go what is over, unless another instance has done it by now."""
        pem = self._make()

        def work(connection: Connection) -> Sequence[Key]:
            rows = keys.of(connection, PURPOSE)
            signs_from = rotation.due(rows, now, self._policy)
            if signs_from is not None:
                self._add(connection, rows, pem, now, signs_from)
            for key in rotation.over(rows, now):
                keys.remove(connection, key)
            return keys.of(connection, PURPOSE)

        return self._database.write(KEYS, work)

    def _add(self, connection: Connection, rows: Sequence[Key], pem: str, now: int, signs_from: int) -> None:
        number = 1 + max((row.number for row in rows), default=0)
        sealed = self._sealer.seal(pem, keys.name_of(PURPOSE, number))
        keys.add(connection, Key(PURPOSE, number, sealed, now, signs_from))

    def _use(self, rows: Sequence[Key], now: int) -> None:
        if rows != self._set.rows:
            loaded = [self._load(row) for row in rows]
            self._set = KeySet(rows, loaded, {key.kid: key for key in loaded})
        self._read_at = now

    def _load(self, row: Key) -> SigningKey:
        return signing.load(self._sealer.open(row.secret, row.name), row.signs_from)
