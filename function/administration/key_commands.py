"""What `login-function keys ...` does. Each action yields the lines that it prints."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping

from function.access import rotation
from function.access.keyring import Keyring, keyring
from function.access.sealing import Sealer
from function.administration.commands import Action
from function.settings import Settings
from function.store import keys
from function.store.base import Database


def show(settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    yield from _lines(_opened(settings, database), int(time.time()))


def rotate(settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    ring, now = _opened(settings, database), int(time.time())
    ring.rotate(now)
    yield from _lines(ring, now)


def retire(settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    ring, now = _opened(settings, database), int(time.time())
    ring.retire(options.kid, now)
    yield from _lines(ring, now)
    # Beside what is printed, which scripts read.
    sys.stderr.write(
        f"Instances that run go on with it until they read the keys anew, within {settings.key_reload} s (KEY_RELOAD): "
        f"restart them not to wait. Who verifies by the public keys may keep it {settings.jwks_max_age} s more.\n"
    )


ACTIONS: Mapping[str, Action] = {"list": show, "rotate": rotate, "retire": retire}


def _opened(settings: Settings, database: Database) -> Keyring:
    sealer = Sealer(settings.key_encryption_key)
    keys.reseal(database, sealer)
    return keyring(settings, database, sealer)


def _lines(ring: Keyring, now: int) -> Iterator[str]:
    current = ring.current(now).keys
    for key in current:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(key.signs_from))
        yield f"{key.kid}\t{key.alg}\t{rotation.state(current, key, now)}\tsigns from {since}"
