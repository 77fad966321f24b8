"""The parts of one instance, put together: settings, lanes, store, hashing, sessions, tokens."""

import contextlib
import functools
import importlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from function.access.sealing import Sealer
from function.access.sessions import Sessions
from function.credentials.engine import choose
from function.credentials.passwords import Claim, Passwords, Verdict
from function.credentials.policy import Policy
from function.credentials.resets import Resets
from function.errors import StoreUnavailableError
from function.eventing.delivery import Delivery
from function.eventing.outbox import Outbox
from function.eventing.sink import HttpSink
from function.guard.devices import Devices
from function.guard.gate import Gate
from function.guard.throttle import Limits
from function.metrics import Metrics
from function.pool import quota
from function.pool.admission import Admission
from function.pool.hashing import HashLane, LoginLane
from function.pool.lanes import Lane, Share, ThreadLane
from function.settings import Settings
from function.store import keys
from function.store.base import Database
from function.store.locate import locate, opened

if TYPE_CHECKING:
    from function.access.tokens import Tokens
    from function.eventing.oidc import Senders
    from function.otp.second_factor import SecondFactor


class Service:
    """One instance of the login service.

    Attributes:
        instance: a random name. It tells instances apart without telling anybody about hosts or pods.
        hashing: where logins are hashed.
        setting: where passwords that are set are hashed.
        outbox: what is told to K_SINK.
        delivery: tells it.
        draining: set when the instance is about to stop; readiness says so.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        hash_lane: Callable[[int], ThreadLane] = ThreadLane,
        store_lane: Callable[[int], Lane] = ThreadLane,
    ) -> None:
        self.settings = settings
        self.instance = secrets.token_hex(4)
        self.draining = False
        self.metrics = Metrics()
        engine = choose(settings.hash_engine)
        self.passwords = Passwords(settings.hash_cost, settings.pepper, engine)
        threads = settings.hash_threads or quota.detect()
        self._hash_lane = hash_lane(threads)
        self._store_lane = functools.cache(store_lane)  # one, however often opening is tried
        admission = Admission(threads, settings.hash_cost, settings.login_queue, engine.width)
        self.hashing = LoginLane[Claim, Verdict](self._hash_lane, admission, self.passwords.verify)
        self._sealer = Sealer(settings.key_encryption_key)
        # Passwords that are set wait in a line of their own, so that a crowd that signs up keeps no login waiting.
        self.setting = HashLane(Share(self._hash_lane), Admission(threads, settings.hash_cost, settings.login_queue))
        self.policy = Policy(settings)
        self._location = locate(settings.database_url, environ)
        # A lane for what goes out: it waits for others, and nobody waits for it.
        self._lane = store_lane
        outside = store_lane(1)
        self.delivery = Delivery(
            lambda: self.database,
            HttpSink(settings, outside).send,
            outside.signal,
            self.metrics,
            self.instance,
            limit=settings.outbox_limit,
            attempts=settings.outbox_attempts,
            lease=settings.outbox_lease,
            poll=settings.outbox_poll,
        )
        self.outbox = Outbox(on=bool(settings.sink), wake=self.delivery.wake)
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
        database = opened(self._location, self.settings.database_connections, self._store_lane)
        keys.check(database, self._sealer)
        return database

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(
            self.database,
            self._random_key("refresh-mac"),
            lifetime=self.settings.session_lifetime,
            grace=self.settings.refresh_grace,
            outbox=self.outbox,
        )

    @cached_property
    def resets(self) -> Resets:
        return Resets(self.database, self.settings.reset_ttl, self.outbox)

    @cached_property
    def devices(self) -> Devices:
        return Devices(self._random_key("device-mac"), self.settings.device_lifetime)

    @cached_property
    def gate(self) -> Gate:
        return Gate(self.database, self._limits(), self._hash_lane.signal)

    @cached_property
    def second_factor(self) -> "SecondFactor":
        # Nobody who has none waits for this.
        self._load("cryptography.hazmat.primitives.ciphers.aead")
        from function.otp.second_factor import SecondFactor  # noqa: PLC0415

        return SecondFactor(
            self.database,
            self._random_key("second-factor"),
            self._limits()._replace(per_account=self.settings.mfa_limit),
            enrolment_ttl=self.settings.mfa_enrolment_ttl,
            challenge_ttl=self.settings.mfa_challenge_ttl,
        )

    def _limits(self) -> Limits:
        settings = self.settings
        return Limits(
            per_origin=settings.throttle_limit,
            per_account=settings.throttle_account_limit,
            per_network=settings.throttle_network_limit,
            cap=settings.throttle_cap,
            delay=round(settings.throttle_delay * 1000),
            window=settings.throttle_window * 1000,
        )

    @cached_property
    def tokens(self) -> "Tokens":
        # PyJWT and cryptography cost as much as Flask does, and no probe needs them.
        self._load("function.access.tokens")
        from function.access.keyring import keyring  # noqa: PLC0415
        from function.access.tokens import Tokens  # noqa: PLC0415

        keys.reseal(self.database, self._sealer)
        return Tokens(
            keyring(self.settings, self.database, self._sealer),
            issuer=self.settings.issuer,
            audience=self.settings.audience,
            client_id=self.settings.client_id,
            ttl=self.settings.access_token_ttl,
        )

    @cached_property
    def senders(self) -> "Senders":
        self._load("function.eventing.oidc")
        from function.eventing.oidc import Senders  # noqa: PLC0415

        return Senders(self.settings, self._lane(1))

    def deliver(self, spawn: Callable[[Callable[[], None]], object]) -> None:
        """Begin to deliver events where there is a sink; `spawn` runs a function beside all else."""
        if self.settings.sink:
            spawn(self.delivery.run)

    def stop_delivery(self, seconds: float) -> int | None:
        """Deliver what is left within so many seconds; how many are left after that, None where there is no sink."""
        return self.delivery.drain(seconds).waiting if self.settings.sink else None

    def warm(self) -> None:
        """Make ready what the first login needs and readiness does not."""
        # Where the database is lost at this moment, the first login does it.
        with contextlib.suppress(StoreUnavailableError):
            _ = self.sessions, self.devices, self.gate
            self.tokens.keyring.current(self.now())

    def _random_key(self, purpose: str) -> bytes:
        if self.settings.key_encryption_key:
            self._load("cryptography.hazmat.primitives.ciphers.aead")
        key = keys.shared(self.database, self._sealer, purpose, lambda: secrets.token_hex(32), self.now())
        return bytes.fromhex(key)

    def _load(self, module: str) -> None:
        # On a native thread, so that probes are answered meanwhile.
        self._hash_lane.run(lambda: importlib.import_module(module))

    def wait(self, seconds: float) -> None:
        """Let this request wait, and no other."""
        self._hash_lane.signal().wait(max(0.0, seconds))

    def now(self) -> int:
        """Unix seconds, the unit of the store and of tokens."""
        return int(time.time())
