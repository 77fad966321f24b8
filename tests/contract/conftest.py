"""The contract, from outside: every test here runs against a `target` that was started in some way, and knows nothing
of how.

A way to start one is a *mode*: a file in modes/ with a `MODE` that has the shape of `Mode`. `pytest tests/contract`
runs all modes that can run here, `pytest tests/contract --mode process` one of them. Each mode starts one target a
session; each test makes its own users.
"""

import contextlib
import importlib.util
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import pytest
import requests
from docker_engine import missing
from sink import Sink, listening

#: Environment of every target: small enough limits that a test can reach them, at the lowest cost that is allowed.
SETTINGS: Mapping[str, str] = {
    "HASH_COST": "10",
    "LOGIN_DEADLINE": "3",
    "HEAD_TIMEOUT": "2",
    "BODY_TIMEOUT": "2",
    "EVENTS_TOKEN": "contract-suite-events-token-0123456789",
    "ISSUER": "https://login.example",
    "SIGN_UP": "on",
    "CORS_ORIGINS": "https://app.example,http://localhost:3000",
    # Longer than a test on a busy machine, which has to see that the second attempt comes too early.
    "THROTTLE_DELAY": "60",
}
#: Users that are made at once.
PEOPLE = 100
#: Nothing here takes this long; a test that waits for it fails.
PATIENCE = 30.0


class Target(Protocol):
    """A running login function.

    Attributes:
        url: scheme, host and port to connect to, without a slash at the end.
        headers: to send with every request, such as Host where a gateway routes by it.
    """

    url: str
    headers: Mapping[str, str]

    def users(self, *arguments: str, text: str = "") -> str:
        """As `command`, for users."""
        ...

    def command(self, *arguments: str, text: str = "") -> str:
        """Run `login-function ...` as an operator would, with `text` as its input; what it printed."""
        ...


class Mode(Protocol):
    """A way to start a target."""

    name: str

    def options(self, parser: pytest.Parser) -> None:
        """Add the command line options that it needs."""
        ...

    def missing(self, config: pytest.Config) -> str | None:
        """What it lacks to run here, in words; None where it can."""
        ...

    def this_machine(self, config: pytest.Config) -> str | None:
        """An address of this machine that its targets reach; None where they reach none."""
        ...

    def start(self, config: pytest.Config, folder: Path, settings: Mapping[str, str]) -> AbstractContextManager[Target]:
        """Start a target with `settings` as its environment and `folder` for its files; stop it at the end."""
        ...


def _modes() -> Mapping[str, Mode]:
    found: dict[str, Mode] = {}
    for file in sorted((Path(__file__).parent / "modes").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"contract_mode_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[module.MODE.name] = module.MODE
    return found


MODES = _modes()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mode", action="append", choices=sorted(MODES), help="start targets this way (default: all ways)"
    )
    for mode in MODES.values():
        mode.options(parser)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" not in metafunc.fixturenames:
        return
    chosen: list[str] | None = metafunc.config.getoption("--mode", default=None)
    for name in chosen or []:
        if why := MODES[name].missing(metafunc.config):
            raise pytest.UsageError(f"--mode {name}: {why}")
    names = chosen or [name for name, mode in MODES.items() if mode.missing(metafunc.config) is None]
    metafunc.parametrize("target", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def events_sink() -> Iterator[Sink]:
    """Where all targets send their events; on every address, for a container reaches this machine by its bridge."""
    with listening("0.0.0.0") as opened:
        yield opened


@pytest.fixture(scope="session")
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, events_sink: Sink
) -> Iterator[Target]:
    mode = MODES[request.param]
    here = mode.this_machine(request.config)
    settings = {**SETTINGS, "K_SINK": f"http://{here}:{events_sink.port}/"} if here else SETTINGS
    with mode.start(request.config, tmp_path_factory.mktemp(mode.name), settings) as started:
        yield started


@pytest.fixture
def sink(request: pytest.FixtureRequest, target: Target, events_sink: Sink) -> Sink:
    """The sink, where the target reaches it."""
    mode = MODES[request.node.callspec.params["target"]]
    if mode.this_machine(request.config) is None:
        missing(f"way from a target of mode {mode.name} to a sink of the test's", "run the other modes")
    return events_sink


class Account(NamedTuple):
    """A user that this test alone knows."""

    name: str
    password: str


class Api:
    """The target's HTTP surface, as a client sees it."""

    def __init__(self, target: Target, session: requests.Session) -> None:
        self.target = target
        self._session = session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.target.headers, **options.pop("headers", {})}
        return self._session.request(
            method, self.target.url + path, headers=headers, timeout=PATIENCE, allow_redirects=False, **options
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.call("POST", path, **options)

    def login(self, account: Account) -> Mapping[str, Any]:
        """Log in, which must succeed; the token response."""
        response = self.post("/login", json=account._asdict() | {"username": account.name})
        assert response.status_code == 200, response.text
        tokens: Mapping[str, Any] = response.json()
        return tokens

    def refresh(self, token: str) -> requests.Response:
        return self.post("/token", data={"grant_type": "refresh_token", "refresh_token": token})

    def userinfo(self, token: str) -> requests.Response:
        return self.get("/userinfo", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def api(target: Target) -> Iterator[Api]:
    with requests.Session() as session:
        yield Api(target, session)


@pytest.fixture(scope="session")
def people(target: Target) -> Iterator[Account]:
    """Users that no test has had yet.

    One is added, the others are imported with its hash, many at a time: a command for each of them would take more of
    the machine than all that the tests do with them.
    """

    def made() -> Iterator[Account]:
        first = Account(f"first-{uuid.uuid4().hex}", f"the password of {uuid.uuid4().hex}")
        add_user(target, *first)
        lines = map(json.loads, target.users("export").splitlines())
        stored = next(line["password_hash"] for line in lines if line["name"] == first.name)
        while True:
            names = [f"user-{uuid.uuid4().hex}" for _ in range(PEOPLE)]
            imported = (json.dumps({"name": name, "password_hash": stored}) + "\n" for name in names)
            target.users("import", "-", text="".join(imported))
            yield from (Account(name, first.password) for name in names)

    return made()


@pytest.fixture
def account(people: Iterator[Account]) -> Account:
    return next(people)


def add_user(target: Target, name: str, password: str) -> None:
    target.users("add", name, "--password-stdin", text=password + "\n")


class Wire:
    """One raw connection to the target, for what no HTTP client would send."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.url)
        assert parts.hostname is not None
        self.host = target.headers.get("Host", parts.netloc)
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=PATIENCE)

    def send(self, data: bytes) -> None:
        """Send; `{host}` stands for the Host that reaches the target. A connection that was closed on us is fine."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data.replace(b"{host}", self.host.encode()))

    def receive(self) -> bytes:
        """All that comes until the target closes."""
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                received += data
        return received

    def response(self) -> tuple[int, bytes]:
        """Status and body of one response with a Content-Length."""
        received = b""
        while b"\r\n\r\n" not in received:
            data = self.socket.recv(65536)
            assert data, f"closed before a response: {received!r}"
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields.get(b"content-length", b"0")):
            data = self.socket.recv(65536)
            assert data, "closed within a response"
            body += data
        return int(head.split(b" ")[1]), body

    def closed_within(self, seconds: float) -> bool:
        """Whether the target closes, reading what it may say before."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return True


@pytest.fixture
def wire(target: Target) -> Iterator[Callable[[], Wire]]:
    """Opens raw connections."""
    with contextlib.ExitStack() as stack:

        def connect() -> Wire:
            opened = Wire(target)
            stack.callback(opened.socket.close)
            return opened

        yield connect


def eventually(condition: Callable[[], bool], why: str) -> None:
    """Poll until `condition` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, why
        time.sleep(0.02)
