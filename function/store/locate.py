"""DATABASE_URL -> where the database is, and opening it."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from function.errors import SettingsError
from function.pool.lanes import Lane
from function.store.base import Database

#: The image's volume; a writable folder of this name is taken before the working directory's.
DATA = Path("/data")

# RFC 3986 section 3.2.1. libpq takes a stray / or @ of a password for its end, and names the rest in its errors.
_USERINFO = r"(?:[\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*"
_POSTGRES = re.compile(rf"postgres(?:ql)?://(?:{_USERINFO}@)?[^@\s]+", re.ASCII)


class SqliteFile(NamedTuple):
    """A SQLite file. `shared`: its folder is declared to be one that every instance sees."""

    path: Path
    shared: bool


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A libpq URL (PostgreSQL's manual, section 34.1.1.2). It may hold a password, so it is never shown."""

    url: str = field(repr=False)


Location = SqliteFile | PostgresServer


def locate(url: str, environ: Mapping[str, str], data: Path = DATA) -> Location:
    """Read DATABASE_URL; empty means the file in `data` where that is a writable folder, else under ./.data.

    Raises:
        SettingsError: the URL is not one, or a platform runs this (`K_SERVICE`) and nothing says that instances share
        the folder.
    """
    if url.startswith(("postgresql:", "postgres:")):
        return _server(url)
    location = _file(url) if url else SqliteFile(_default(data), shared=False)
    if environ.get("K_SERVICE") and not location.shared:
        raise SettingsError(
            "DATABASE_URL must say ?shared=true (after sqlite:///...) where K_SERVICE is set: each instance would "
            "keep users and keys of its own, so mount one folder into all of them and declare it, or take PostgreSQL."
        )
    return location


def opened(location: Location, connections: int, lane: Callable[[int], Lane]) -> Database:
    """Open and migrate it, on a lane with a thread for each connection; SQLite has one, whatever `connections`.

    Raises:
        StoreError: it cannot be used; the message says what to do. Of this kind, StoreUnavailableError may pass.
    """
    # Imported here: psycopg costs as much as Flask does.
    if isinstance(location, PostgresServer):
        from function.store.postgres import PostgresDatabase  # noqa: PLC0415

        return PostgresDatabase(location.url, lane(connections))
    from function.store.sqlite import SqliteDatabase  # noqa: PLC0415

    return SqliteDatabase(location.path, lane(1))


def _default(data: Path) -> Path:
    folder = data if data.is_dir() and os.access(data, os.W_OK | os.X_OK) else Path(".data")
    return folder / "login.db"


def _server(url: str) -> PostgresServer:
    if not _POSTGRES.fullmatch(url):
        raise SettingsError(
            "DATABASE_URL must be postgresql://user:password@host:5432/name, with every special character of the "
            "password percent-encoded (@ is %40, / is %2F)."
        )
    return PostgresServer(url)


def _file(url: str) -> SqliteFile:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    path = unquote(parts.path)[1:]
    if parts.scheme != "sqlite" or parts.netloc or not path:
        raise SettingsError(
            "DATABASE_URL must be sqlite:///relative/file.db, sqlite:////absolute/file.db or "
            "postgresql://user:password@host/name."
        )
    if options.keys() - {"shared"} or options.get("shared", "true") not in {"true", "false"}:
        raise SettingsError("DATABASE_URL knows one option for SQLite, ?shared=true or ?shared=false.")
    return SqliteFile(Path(path), options.get("shared") == "true")
