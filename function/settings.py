"""Settings as rows: environment variable, default, range, help. docs/settings.md is made from them.

A row is a field of `Settings`; whatever is not in the environment, or is empty there, has its default.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from function.errors import SettingsError
from function.eventing.event_settings import EventSettings
from function.kinds import IDENTIFIER, KEKS, ORIGINS, SECRETS, SWITCH, integer, matching, row, seconds

#: Longest life of an access token in seconds. A signing key is kept for as long after it has signed for the last time.
MAX_ACCESS_TOKEN_TTL = 3600


@dataclass(frozen=True, slots=True)
class Settings(EventSettings):
    """The function's settings, parsed. Times are seconds, sizes are bytes."""

    host: str = row(
        "HOST",
        matching(r"[0-9A-Za-z.:_-]+", "an address to listen on"),
        "0.0.0.0",  # noqa: S104 - a container is reached from outside
        "Address to listen on.",
    )
    port: int = row("PORT", integer(0, 65535), "8080", "TCP port to listen on; 0 takes a free one and prints it.")
    database_url: str = row(
        "DATABASE_URL",
        matching(r"|[a-z+]+://.*", "a URL such as sqlite:///login.db or postgresql://user:password@host/name"),
        "",
        "Where users, sessions and keys live. `postgresql://user:password@host:5432/name` is PostgreSQL; options of "
        "libpq may follow (`?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem`, several hosts with "
        "`?target_session_attrs=read-write`). "
        "`sqlite:///relative.db` or `sqlite:////absolute.db` is a file; its `?shared=true` declares that every "
        "instance sees this folder, which is demanded where a platform runs several (`K_SERVICE` is set). "
        "Empty: `/data/login.db` where `/data` is a writable folder, else `./.data/login.db`.",
        secret=True,
    )
    database_connections: int = row(
        "DATABASE_CONNECTIONS",
        integer(1, 100),
        "4",
        "Connections to PostgreSQL that an instance opens at most, each with a thread. One is held for milliseconds, "
        "so 4 carry more logins than a core can hash, and 20 instances stay below PostgreSQL's default of 100.",
    )
    database_patience: float = row(
        "DATABASE_PATIENCE",
        seconds(0, 3600),
        "20",
        "How long `serve` waits at its start for a PostgreSQL that does not answer, before it ends with exit status 1; "
        "below the 30 s after which the manifest's liveness probe would end it.",
    )
    issuer: str = row(
        "ISSUER",
        matching(r"https?://[^\x00-\x20?#\x7f-\U0010ffff]+", "an http or https URL without query and fragment"),
        "http://localhost:8080",
        "`iss` of the tokens. Never taken from a request's `Host`.",
    )
    audience: str = row("AUDIENCE", IDENTIFIER, "login", "`aud` of the access tokens: who may take them.")
    client_id: str = row("CLIENT_ID", IDENTIFIER, "login", "`client_id` of the access tokens.")
    access_token_ttl: int = row(
        "ACCESS_TOKEN_TTL",
        integer(60, MAX_ACCESS_TOKEN_TTL),
        "600",
        "Life of an access token in seconds. Whoever verifies it by the public keys alone takes it until "
        "then, whatever has become of the session, so it is short.",
    )
    signing_algorithm: str = row(
        "SIGNING_ALGORITHM",
        matching("ES256|EdDSA|RS256", "ES256, EdDSA or RS256"),
        "ES256",
        "Algorithm of the signing keys that are made from now on: at the next rotation, or with "
        "`login-function keys rotate`.",
    )
    key_rotation: int = row(
        "KEY_ROTATION",
        integer(0, 31_536_000),
        "7776000",
        "Seconds for which a signing key signs (90 days); then another does. 0: until `login-function keys rotate`.",
    )
    key_reload: int = row(
        "KEY_RELOAD",
        integer(1, 3600),
        "60",
        "An instance that needs a key reads the keys anew when it has not for so many seconds.",
    )
    jwks_max_age: int = row(
        "JWKS_MAX_AGE",
        integer(1, 3600),
        "300",
        "Seconds for which a relying party may keep the public keys. A new key is published for twice this and "
        "KEY_RELOAD together before it signs.",
    )
    key_encryption_key: tuple[bytes, ...] = row(
        "KEY_ENCRYPTION_KEY",
        KEKS,
        "",
        "Key that encrypts the keys in the database (AES-256-GCM). To change it, first add the new one at the end, "
        "then, when every instance has it, put it first; the start after that encrypts anew.",
        secret=True,
    )
    session_lifetime: int = row(
        "SESSION_LIFETIME",
        integer(60, 31_536_000),
        "2592000",
        "Absolute life of a session in seconds, however often it is refreshed (30 days).",
    )
    refresh_grace: int = row(
        "REFRESH_GRACE",
        integer(0, 300),
        "30",
        "Seconds for which a refresh token that was just replaced still gets its successor: two tabs, or an answer "
        "that was lost. Later use of it ends the session.",
    )
    password_min_length: int = row(
        "PASSWORD_MIN_LENGTH",
        integer(8, 64),
        "15",
        "Fewest characters (code points) of a password that is set: 15 where the password is all there is "
        "(NIST SP 800-63B-4).",
    )
    reset_ttl: int = row(
        "RESET_TTL",
        integer(60, 86_400),
        "3600",
        "Life of a password reset token in seconds: an hour, for a mail that is slow; NIST SP 800-63B-4 allows a code "
        "that is sent by mail a day.",
    )
    password_blocklist: str = row(
        "PASSWORD_BLOCKLIST",
        matching(r"[^\0]*", "the path of a file"),
        "",
        "File of passwords that nobody may set, one a line, case aside; beside the list of 20,000 that the function "
        "brings along. `.gz` is unpacked.",
    )
    sign_up: bool = row(
        "SIGN_UP",
        SWITCH,
        "off",
        "Whether anybody may make an account at `POST /users`. It tells whoever asks which names are taken.",
    )
    hash_cost: int = row(
        "HASH_COST",
        integer(10, 15),
        "12",
        "bcrypt cost of new hashes. Each step doubles the time; a hash of another cost is made anew at its next login.",
    )
    hash_engine: str = row(
        "HASH_ENGINE",
        matching("auto|interleaved|bcrypt", "auto, interleaved or bcrypt"),
        "auto",
        "What compares passwords with hashes. `interleaved` takes up to 4 logins that wait, in the time of about one; "
        "it is there where a C compiler was at installation. `bcrypt` takes one at a time. `auto`: the first, where it "
        "is there.",
    )
    hash_threads: int = row(
        "HASH_THREADS",
        integer(0, 256),
        "0",
        "Threads that hash; 0 takes the CPU quota (cgroup v1 or v2, then affinity), rounded up.",
    )
    login_deadline: float = row(
        "LOGIN_DEADLINE",
        seconds(0.1, 300),
        "10",
        "A login that cannot be hashed within this time is answered 503 at once, with Retry-After.",
    )
    login_queue: int = row(
        "LOGIN_QUEUE",
        integer(1, 1_000_000),
        "10000",
        "Logins that may be waiting or hashed at a time, whatever their deadline: a bound on memory.",
    )
    throttle_limit: int = row(
        "THROTTLE_LIMIT",
        integer(1, 100),
        "5",
        "Wrong passwords for one account from one network, or one known device, in a window before each further one "
        "has to wait; also how many are checked at once. People mistype a few times.",
    )
    throttle_account_limit: int = row(
        "THROTTLE_ACCOUNT_LIMIT",
        integer(1, 100),
        "20",
        "The same from all networks together. More than one network can reach (see function/guard/throttle.py), so "
        "that a flood from one address shuts out nobody else.",
    )
    throttle_network_limit: int = row(
        "THROTTLE_NETWORK_LIMIT",
        integer(1, 1_000_000),
        "1000",
        "Wrong passwords from one network (an IPv4 address, an IPv6 /64) for whatever accounts. 20,000 people behind "
        "one address, of whom one in twenty mistypes; who logs in rightly never counts. Also how many accounts may be "
        "made from there, and resets asked for.",
    )
    throttle_window: int = row(
        "THROTTLE_WINDOW",
        integer(1, 604_800),
        "86400",
        "Seconds in which so many failures are forgotten, evenly: with 5 a day, one every 4.8 hours.",
    )
    throttle_delay: float = row(
        "THROTTLE_DELAY",
        seconds(0.1, 3600),
        "1",
        "The first wait of a throttled account or network; it doubles with each further failure.",
    )
    throttle_cap: int = row(
        "THROTTLE_CAP",
        integer(5, 100),
        "100",
        "Consecutive failures that lock an account for unknown devices, or a known device, until `login-function users "
        "unlock` or a password reset: 100 at most (NIST SP 800-63B-4 section 3.2.2).",
    )
    device_lifetime: int = row(
        "DEVICE_LIFETIME",
        integer(60, 63_072_000),
        "31536000",
        "Seconds since its last login for which a device is known, so that the failures of others do not shut it out "
        "(a year).",
    )
    mfa_limit: int = row(
        "MFA_LIMIT",
        integer(1, 20),
        "5",
        "Wrong codes of a second factor for one account in a THROTTLE_WINDOW before each further one has to wait. "
        "People mistype a few times; with 5 a guesser has 7 chances in 100,000 on the first day "
        "(docs/second-factor.md).",
    )
    mfa_challenge_ttl: int = row(
        "MFA_CHALLENGE_TTL",
        integer(30, 900),
        "300",
        "Seconds after a right password in which the code may come to `/login/mfa`: time to find the phone.",
    )
    mfa_enrolment_ttl: int = row(
        "MFA_ENROLMENT_TTL",
        integer(60, 3600),
        "900",
        "Seconds for which a new authenticator waits for its first code: time to install an app.",
    )
    pepper: tuple[str, ...] = row(
        "PEPPER",
        SECRETS,
        "",
        "Secret that is mixed into every hash and is not in the database. To change it, put the new one first; hashes "
        "follow at each login.",
        secret=True,
    )
    cors_origins: tuple[str, ...] = row(
        "CORS_ORIGINS",
        ORIGINS,
        "",
        "Origins whose pages may call this from a browser. Empty: none.",
    )
    trusted_proxies: int = row(
        "TRUSTED_PROXIES",
        integer(0, 16),
        "0",
        "Proxies in front that append to X-Forwarded-For; the client is the hop before them. Too few, and everybody is "
        "throttled as one network; too many, and clients can make addresses up.",
    )
    max_body: int = row(
        "MAX_BODY",
        integer(1024, 16_777_216),
        "65536",
        "Longest request body in bytes; 64 KiB is what a CloudEvent may have.",
    )
    max_head: int = row(
        "MAX_HEAD", integer(1024, 1_048_576), "16384", "Longest request line and headers together, in bytes."
    )
    head_timeout: float = row(
        "HEAD_TIMEOUT",
        seconds(0.1, 300),
        "10",
        "Time for a whole request head, from its first byte or a new connection.",
    )
    body_timeout: float = row("BODY_TIMEOUT", seconds(0.1, 300), "10", "Time for a whole request body.")
    keep_alive_timeout: float = row(
        "KEEP_ALIVE_TIMEOUT",
        seconds(0, 3600),
        "100",
        "How long a connection may idle between requests; longer than the 90 s of a Go client, so that it is the "
        "client who closes.",
    )
    shutdown_delay: float = row(
        "SHUTDOWN_DELAY",
        seconds(0, 300),
        "0",
        "After SIGTERM, go on accepting this long. Knative drains before it sends SIGTERM, so 0; a plain Kubernetes "
        "Service needs about 5.",
    )
    grace_period: float = row(
        "GRACE_PERIOD",
        seconds(0, 3600),
        "25",
        "After that, time to finish what was admitted; below Kubernetes' 30 s, and above LOGIN_DEADLINE.",
    )


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings out of `environ`.

    Raises:
        SettingsError: a value is out of its row's range; one sentence that names the variable. A secret is not
        repeated.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        env, kind = field.metadata["env"], field.metadata["kind"]
        text = environ.get(env) or field.metadata["default"]
        try:
            values[field.name] = kind.parse(text)
        except ValueError:
            found = f", not {text!r}" if field.repr else ""
            raise SettingsError(f"{env} must be {kind.range}{found}.") from None
    return Settings(**values)


def variables() -> tuple[str, ...]:
    """The names of the environment variables."""
    return tuple(field.metadata["env"] for field in dataclasses.fields(Settings))


def markdown() -> str:
    """The rows as the table of docs/settings.md."""
    lines = ["| Variable | Default | Range | What it does |", "|---|---|---|---|"]
    for field in sorted(dataclasses.fields(Settings), key=lambda field: field.name in EventSettings.__slots__):
        data = field.metadata
        default = f"`{data['default']}`" if data["default"] else "(empty)"
        lines.append(f"| `{data['env']}` | {default} | {data['kind'].range} | {data['help']} |")
    return "\n".join(lines) + "\n"
