"""DATABASE_URL -> where the database is."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from function.errors import SettingsError

#: The image's volume; a writable folder of this name is taken before the working directory's.
DATA = Path("/data")


class Location(NamedTuple):
    """A SQLite file. `shared`: its folder is declared to be one that every instance sees."""

    path: Path
    shared: bool


def locate(url: str, environ: Mapping[str, str], data: Path = DATA) -> Location:
    """Read DATABASE_URL; empty means the file in `data` where that is a writable folder, else under ./.data.

    Raises:
        SettingsError: the URL is not one, or a platform runs this (`K_SERVICE`) and nothing says that instances share
        the folder.
    """
    location = _parse(url) if url else Location(_default(data), shared=False)
    if environ.get("K_SERVICE") and not location.shared:
        raise SettingsError(
            "DATABASE_URL must say ?shared=true (after sqlite:///...) where K_SERVICE is set: each instance would "
            "keep users and keys of its own, so mount one folder into all of them and declare it."
        )
    return location


def _default(data: Path) -> Path:
    folder = data if data.is_dir() and os.access(data, os.W_OK | os.X_OK) else Path(".data")
    return folder / "login.db"


def _parse(url: str) -> Location:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    path = unquote(parts.path)[1:]
    if parts.scheme != "sqlite" or parts.netloc or not path:
        raise SettingsError("DATABASE_URL must be sqlite:///relative/file.db or sqlite:////absolute/file.db.")
    if options.keys() - {"shared"} or options.get("shared", "true") not in {"true", "false"}:
        raise SettingsError("DATABASE_URL knows one option, ?shared=true or ?shared=false.")
    return Location(Path(path), options.get("shared") == "true")
