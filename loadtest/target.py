"""Where the load goes, whether it may go there, and as whom."""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


class TargetError(ValueError):
    """It can't or must not be loaded so; one sentence that says what to do."""


class Target(NamedTuple):
    """A deployment as a client dials it.

    Attributes:
        url: scheme, address and port.
        host: the request's `Host`.
    """

    url: str
    host: str


class Account(NamedTuple):
    """Who logs in."""

    name: str
    password: str


class Ask(NamedTuple):
    """A request without a body, which anybody may send.

    Attributes:
        method: as GET.
        path: without a query.
    """

    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


#: A login, but for its body.
LOGIN = Ask("POST", "/login")


def target(url: str, *, owned: bool) -> Target:
    """Read an address.

    Names below `localhost` are dialled as 127.0.0.1: browsers resolve them, Python's resolver does not.

    Args:
        url: scheme and host, without a path.
        owned: the user says that the host is theirs.

    Raises:
        TargetError: it is not such an address, or not this machine and not said to be theirs. A name that merely
            resolves to this machine is foreign too: it may resolve to another one a moment later.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not name or parts.path not in {"", "/"} or parts.query:
        raise TargetError(f"{url!r} is not the address of a service: give scheme and host, like http://localhost:8080")
    if name == "localhost" or name.endswith(".localhost"):
        port = f":{parts.port}" if parts.port else ""
        return Target(f"{parts.scheme}://127.0.0.1{port}", parts.netloc)
    if not owned and not _is_loopback(name):
        raise TargetError(f"{name} is not this machine: add --i-own-this-host if you may bring it down")
    return Target(f"{parts.scheme}://{parts.netloc}", parts.netloc)


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def accounts(file: Path, count: int) -> list[Account]:
    """The first `count` accounts of a file with a JSON object, `name` and `password`, on each line.

    Raises:
        TargetError: there are fewer, or they can't be read. Nobody logs in twice: it would be throttled, rightly.
    """
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        found = [Account(row["name"], row["password"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(
            f'{file} can\'t be read ({error}): give a file of lines like {{"name": "ann", "password": "..."}}'
        ) from error
    if len(found) < count:
        raise TargetError(f"{file} has {len(found)} accounts: add some, or ask for --users {len(found)}")
    return found[:count]
