"""`login-function check`: what the settings, this machine and the database say about each other.

An error is what `serve` would stumble over or what loses people's data or trust; a warning is what works and is
probably not meant; a note is what a person may want to know.
"""

import difflib
import resource
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from function import settings
from function.access.sealing import Sealer
from function.credentials.passwords import Passwords
from function.errors import LoginFunctionError
from function.eventing.sink import SEND_SECONDS
from function.pool import quota
from function.pool.lanes import ThreadLane
from function.settings import Settings
from function.store import keys, users
from function.store.base import Database
from function.store.locate import Location, SqliteFile, locate, opened

#: Files and connections at a time below which a storm ends in refused connections: each waiting login is one.
FEW_DESCRIPTORS = 4096
#: Likeness of a variable's name to a setting's from which it is taken for a slip of the pen.
LIKENESS = 0.85


class Finding(NamedTuple):
    """One line of the report. `severity` is "error", "warning", "note" or "ok"."""

    severity: str
    text: str


def run(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything; the last finding is "ok" where nothing else was found."""
    found = False
    for finding in _all(environ):
        found = True
        yield finding
    if not found:
        yield Finding("ok", "nothing to complain about")


def _all(environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from _slips(environ)
    try:
        loaded = settings.load(environ)
        location = locate(loaded.database_url, environ)
    except LoginFunctionError as error:
        yield Finding("error", str(error))
        return
    for rule in RULES:
        yield from rule(loaded, environ)
    try:
        database = opened(location, 1, ThreadLane)
    except LoginFunctionError as error:
        yield Finding("error", str(error))
        return
    try:
        yield from _exposed(location)
        yield from _accounts(loaded, database)
        keys.check(database, Sealer(loaded.key_encryption_key))
    except LoginFunctionError as error:
        yield Finding("error", str(error))
    finally:
        database.close()


def _slips(environ: Mapping[str, str]) -> Iterator[Finding]:
    known = settings.variables()
    for name in environ:
        near = difflib.get_close_matches(name, known, 1, LIKENESS)
        if near and name not in known:
            yield Finding("warning", f"{name} is no setting: is {near[0]} meant?")


def _issuer(loaded: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    issuer = urlsplit(loaded.issuer)
    local = issuer.hostname in {"localhost", "127.0.0.1", "::1"}
    if environ.get("K_SERVICE") and local:
        yield Finding("warning", f"ISSUER is {loaded.issuer} on a platform: set it to the URL that clients know.")
    elif issuer.scheme != "https" and not local:
        yield Finding("warning", "ISSUER is not https: tokens and passwords would travel in the clear.")


def _proxies(loaded: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    if environ.get("K_SERVICE") and not loaded.trusted_proxies:
        yield Finding(
            "warning",
            "TRUSTED_PROXIES is 0 behind Knative: every client has the activator's address. Set it to 3 where the "
            "ingress appends the client's, else to 2 (docs/operations.md).",
        )


def _times(loaded: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    if loaded.grace_period < loaded.login_deadline:
        yield Finding(
            "warning", "GRACE_PERIOD is shorter than LOGIN_DEADLINE: a stop may cut off logins that were admitted."
        )
    if loaded.refresh_grace >= loaded.session_lifetime:
        yield Finding("warning", "REFRESH_GRACE is as long as SESSION_LIFETIME: reuse of a token is never noticed.")


def _threads(loaded: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    found = quota.detect()
    if loaded.hash_threads > found:
        yield Finding(
            "warning", f"HASH_THREADS is {loaded.hash_threads} on {found} CPU(s): the threads take turns. Set it to 0."
        )


def _descriptors(_loaded: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FEW_DESCRIPTORS:
        yield Finding("warning", f"{hard} open files at most: raise the hard limit (ulimit -Hn) before a storm comes.")


def _secrets(loaded: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    if not loaded.pepper:
        yield Finding("note", "PEPPER is empty: a copy of the database is enough to guess passwords offline.")
    if not loaded.key_encryption_key:
        yield Finding("note", "KEY_ENCRYPTION_KEY is empty: with a copy of the database tokens can be forged.")


def _events(loaded: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    if loaded.events_issuer and not (loaded.events_keys and loaded.events_senders):
        yield Finding("warning", "EVENTS_ISSUER needs EVENTS_KEYS and EVENTS_SENDERS: without them nobody may send.")
    if loaded.sink and loaded.outbox_lease <= 2 * SEND_SECONDS:
        yield Finding(
            "warning", "OUTBOX_LEASE is shorter than a slow sink takes: events would be sent twice. Set it to 60."
        )


#: What can be said of settings and machine alone.
RULES: tuple[Callable[[Settings, Mapping[str, str]], Iterator[Finding]], ...] = (
    _issuer,
    _proxies,
    _times,
    _threads,
    _descriptors,
    _secrets,
    _events,
)


def _exposed(location: Location) -> Iterator[Finding]:
    if isinstance(location, SqliteFile) and stat.S_IMODE(location.path.stat().st_mode) & 0o077:
        yield Finding("warning", f"{location.path} can be read by others, and keys are in it: chmod 600.")


def _accounts(loaded: Settings, database: Database) -> Iterator[Finding]:
    passwords = Passwords(loaded.hash_cost, loaded.pepper)
    everybody = database.read(users.every)
    if not everybody:
        yield Finding("note", "There are no users: login-function users add NAME, or users import FILE.")
    hashes = [user.password_hash for user in everybody if user.password_hash is not None]
    if unusable := sum(not passwords.readable(stored) for stored in hashes):
        yield Finding(
            "error",
            f"{unusable} of {len(everybody)} users cannot log in: their hash is unreadable, or of a pepper that is not "
            "in PEPPER. Put the old pepper last in PEPPER, or have them reset.",
        )
