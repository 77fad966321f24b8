"""The parts of one instance, put together: settings, lanes, store, hashing, sessions, tokens."""

import importlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from function import quota
from function.admission import Admission
from function.hashing import HashLane
from function.lanes import Lane, ThreadLane
from function.metrics import Metrics
from function.passwords import Passwords
from function.sessions import Sessions
from function.settings import Settings
from function.store import keys
from function.store.base import Database
from function.store.locate import locate
from function.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from function.tokens import Tokens


class Service:
    """One instance of the login service.

    Attributes:
        instance: a random name. It tells instances apart without telling anybody about hosts or pods.
        draining: set when the instance is about to stop; readiness says so.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        hash_lane: Callable[[int], Lane] = ThreadLane,
        store_lane: Callable[[int], Lane] = ThreadLane,
    ) -> None:
        self.settings = settings
        self.instance = secrets.token_hex(4)
        self.draining = False
        self.metrics = Metrics()
        self.passwords = Passwords(settings.hash_cost, settings.pepper)
        threads = settings.hash_threads or quota.detect()
        self._hash_lane = hash_lane(threads)
        self._store_lane = store_lane(1)
        self.hashing = HashLane(self._hash_lane, Admission(threads, settings.hash_cost, settings.login_queue))
        self.location = locate(settings.database_url, environ)
        self.about = {
            "instance": self.instance,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "revision": environ.get("K_REVISION", ""),
        }

    # Opened at their first use. Where two requests are the first at once, both open and one of the two stays: the
    # same keys either way. Our own server opens them before it listens.
    @cached_property
    def database(self) -> Database:
        return SqliteDatabase(self.location.path, self._store_lane)

    @cached_property
    def sessions(self) -> Sessions:
        key = keys.shared(self.database, "refresh-mac", lambda: secrets.token_hex(32), self.now())
        return Sessions(
            self.database,
            bytes.fromhex(key),
            lifetime=self.settings.session_lifetime,
            grace=self.settings.refresh_grace,
        )

    @cached_property
    def tokens(self) -> "Tokens":
        # PyJWT and cryptography cost as much as Flask does, and no probe needs them. Imported on a native thread, so
        # that probes are answered meanwhile.
        self._hash_lane.run(lambda: importlib.import_module("function.tokens"))
        from function.tokens import Tokens, make_key  # noqa: PLC0415

        return Tokens(
            keys.shared(self.database, "sign-es256", make_key, self.now()),
            issuer=self.settings.issuer,
            audience=self.settings.audience,
            client_id=self.settings.client_id,
            ttl=self.settings.access_token_ttl,
        )

    def warm(self) -> None:
        """Make ready what the first login needs and readiness does not."""
        _ = self.sessions, self.tokens

    def now(self) -> int:
        """Unix seconds, the unit of the store and of tokens."""
        return int(time.time())
