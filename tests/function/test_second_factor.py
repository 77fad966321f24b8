"""The second factor as time goes by, in the store, and with several processes at once."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from function import settings
from function.access.sessions import Sessions
from function.administration import accounts
from function.errors import InputError, Refusal, SecondFactorNeededError
from function.guard.throttle import Limits
from function.otp import recovery, totp
from function.otp.challenges import Challenges
from function.otp.second_factor import Proof, SecondFactor, State
from function.service import Service
from function.store import users
from function.store.base import Database
from function.store.users import User

KEY = b"k" * 32
ALICE = User("user-1", "alice", "a hash", None, 0)
BOB = User("user-2", "bob", "a hash", None, 0)
NOW = 1_700_000_000
DAY = 86_400
#: The defaults.
LIMITS = Limits(per_origin=5, per_account=5, per_network=1000, cap=100, delay=1000, window=DAY * 1000)


def opened(database: Database) -> SecondFactor:
    return SecondFactor(database, KEY, LIMITS, enrolment_ttl=900, challenge_ttl=300)


@pytest.fixture
def factor(database: Database) -> SecondFactor:
    for user in (ALICE, BOB):
        database.write(user.name, lambda connection, user=user: users.add(connection, user))  # type: ignore[misc]
    return opened(database)


def code(secret: str, now: int = NOW) -> str:
    return totp.code_at(secret, now // 30)


def wrong(secret: str, now: int) -> str:
    near = {totp.code_at(secret, now // 30 + step) for step in (-1, 0, 1)}
    return next(f"{number:06}" for number in range(4) if f"{number:06}" not in near)


def enrolled(factor: SecondFactor, user: User = ALICE, now: int = NOW) -> tuple[str, list[str]]:
    """The secret and the recovery codes; confirmed with the code of a minute ago."""
    secret = factor.enrol(user, now - 60)
    return secret, list(factor.confirm(user, "session-1", code(secret, now - 60), now - 60))


def refused(work: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refusal) as refusal:
        work()
    return refusal.value.status, refusal.value.reason


def test_m1_an_authenticator_waits_for_its_first_code_until_it_expires(factor: SecondFactor) -> None:
    secret = factor.enrol(ALICE, NOW)
    last, over = NOW + 899, NOW + 900
    assert factor.state(ALICE, last) == State("pending", 0)
    assert factor.state(ALICE, over) == State("off", 0)
    assert refused(lambda: factor.confirm(ALICE, "s", code(secret, over), over))[0] == 409
    assert len(factor.confirm(ALICE, "s", code(secret, last), last)) == recovery.COUNT
    assert factor.state(ALICE, NOW + 10 * DAY) == State("on", recovery.COUNT)


def test_m1_no_session_begins_without_it_once_it_is_on(factor: SecondFactor, database: Database) -> None:
    sessions = Sessions(database, KEY, lifetime=1000, grace=30)
    secret = factor.enrol(ALICE, NOW)
    assert sessions.begin(ALICE, NOW)
    factor.confirm(ALICE, "s", code(secret), NOW)
    with pytest.raises(SecondFactorNeededError):
        sessions.begin(ALICE, NOW)
    grant = sessions.begin(ALICE, NOW, ("pwd", "mfa"))
    assert grant is not None
    assert sessions.refresh(grant.token, NOW + 1).amr == ["pwd", "mfa"]
    assert sessions.begin(BOB, NOW)


def test_m1_what_was_replaced_while_it_was_confirmed_is_not_turned_on(
    factor: SecondFactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = factor.enrol(ALICE, NOW)
    fresh = recovery.new_codes

    def meanwhile() -> object:
        factor.enrol(ALICE, NOW)
        return fresh()

    monkeypatch.setattr(recovery, "new_codes", meanwhile)
    assert refused(lambda: factor.confirm(ALICE, "s", code(secret), NOW))[0] == 409
    assert factor.state(ALICE, NOW) == State("pending", 0)


def test_m2_a_step_is_accepted_once_and_none_before_it_after_it(factor: SecondFactor) -> None:
    secret, _ = enrolled(factor)
    assert factor.verify(ALICE, Proof(code(secret, NOW)), NOW) == ("pwd", "otp", "mfa")
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret, NOW)), NOW)) == (403, "used code")
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret, NOW - 30)), NOW)) == (403, "used code")
    assert factor.verify(ALICE, Proof(code(secret, NOW + 30)), NOW)
    # Of now, and used up by the one after it.
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret, NOW)), NOW + 29)) == (403, "used code")


def test_m2_the_code_that_confirms_opens_nothing_else(factor: SecondFactor) -> None:
    secret = factor.enrol(ALICE, NOW)
    factor.confirm(ALICE, "s", code(secret), NOW)
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret)), NOW)) == (403, "used code")


def test_m2_who_has_none_has_no_right_code(factor: SecondFactor) -> None:
    secret = factor.enrol(ALICE, NOW)
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret)), NOW)) == (403, "no second factor")
    assert refused(lambda: factor.verify(BOB, Proof("123456"), NOW)) == (403, "no second factor")
    assert refused(lambda: factor.renew_codes(ALICE))[0] == 409


def test_m3_a_challenge_is_good_for_its_time_and_under_its_key(factor: SecondFactor) -> None:
    challenge = factor.challenges.issue(ALICE, NOW)
    read = factor.challenges.read(challenge, NOW + 299)
    assert (read.user_id, read.expires_at) == (ALICE.id, NOW + 300)
    assert refused(lambda: factor.challenges.read(challenge, NOW + 300)) == (401, "expired challenge")
    assert refused(lambda: Challenges(b"x" * 32, 300).read(challenge, NOW)) == (401, "forged challenge")
    assert read.fits(ALICE)
    assert not read.fits(ALICE._replace(password_hash="another"))
    assert not read.fits(ALICE._replace(disabled_at=NOW))


def test_m3_a_used_challenge_uses_up_no_code(factor: SecondFactor, database: Database) -> None:
    secret, codes = enrolled(factor)
    challenge = factor.challenges.read(factor.challenges.issue(ALICE, NOW), NOW)
    assert factor.verify(ALICE, Proof(code(secret)), NOW, challenge)
    later = NOW + 30
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret, later)), later, challenge))[0] == 401
    assert refused(lambda: factor.verify(ALICE, Proof("", codes[0]), later, challenge))[0] == 401
    assert factor.verify(ALICE, Proof(code(secret, later)), later)
    assert factor.verify(ALICE, Proof("", codes[0]), later)
    # It is remembered for as long as it could be used, and no longer.
    other = factor.challenges.read(factor.challenges.issue(ALICE, NOW + 299), NOW + 299)
    assert factor.verify(ALICE, Proof("", codes[1]), NOW + 300, other)
    kept = database.read(lambda connection: connection.rows("SELECT id FROM spent_challenges"))
    assert kept == [(other.id,)]


def test_m4_neither_secret_nor_recovery_code_can_be_read_in_the_store(factor: SecondFactor, database: Database) -> None:
    secret, codes = enrolled(factor)
    selects = ("SELECT * FROM totp", "SELECT * FROM recovery_codes", "SELECT * FROM keys")
    stored = database.read(lambda connection: repr([connection.rows(select) for select in selects]))
    assert "aes256gcm$" in stored
    for text in (secret, *codes, *(one.replace("-", "") for one in codes)):
        assert text not in stored


def test_m4_a_secret_that_was_moved_is_none_and_recovery_codes_still_open(
    factor: SecondFactor, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (secret, _), (_, codes) = enrolled(factor), enrolled(factor, BOB)
    move = "UPDATE totp SET secret = (SELECT secret FROM totp WHERE user_id = ?) WHERE user_id = ?"
    database.write("test", lambda connection: connection.change(move, ALICE.id, BOB.id))
    assert refused(lambda: factor.verify(BOB, Proof(code(secret)), NOW)) == (403, "unusable secret")
    assert "The secret of an authenticator cannot be opened" in capsys.readouterr().out
    assert factor.verify(BOB, Proof("", codes[0]), NOW) == ("pwd", "mfa")


def test_m4_the_key_of_the_secrets_is_sealed_where_there_is_a_key_encryption_key(tmp_path: Path) -> None:
    def stored(**more: str) -> str:
        environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/{len(more)}.db", **more}
        service = Service(settings.load(environ), environ)
        assert service.second_factor.challenges.ttl == 300
        select = "SELECT secret FROM keys WHERE purpose = 'second-factor'"
        [(secret,)] = service.database.read(lambda connection: connection.rows(select))
        service.database.close()
        return str(secret)

    assert stored(KEY_ENCRYPTION_KEY="A" * 43 + "=").startswith("aes256gcm$")
    assert len(bytes.fromhex(stored())) == 32


def guessed(factor: SecondFactor, secret: str, start: int, seconds: int) -> tuple[int, str]:
    """How many wrong codes somebody gets judged who tries whenever it is allowed, and why it ends."""
    now, judged = start, 0
    while now < start + seconds:
        try:
            factor.verify(ALICE, Proof(wrong(secret, now)), now)
        except Refusal as refusal:
            if refusal.status == 403:
                judged += 1
                assert judged <= 100
                continue
            if refusal.reason == "locked":
                return judged, refusal.reason
            now += int(refusal.headers["Retry-After"])
    return judged, "time"


def test_m5_the_chances_of_a_guesser_are_those_that_the_documentation_tells(factor: SecondFactor) -> None:
    secret, codes = enrolled(factor)
    first, _ = guessed(factor, secret, NOW, DAY)
    assert first <= 23
    for day in range(1, 4):
        assert guessed(factor, secret, NOW + day * DAY, DAY)[0] <= 5
    page = (Path(__file__).parents[2] / "docs/second-factor.md").read_text()
    assert f"at most {first} wrong codes" in page
    assert f"{round(first * 3 / 10)} in 100,000" in page
    # And then it goes on until the cap, which holds for recovery codes too, and never drains.
    total = first + 3 * 5
    assert guessed(factor, secret, NOW + 4 * DAY, 60 * DAY) == (100 - total, "locked")
    later = NOW + 400 * DAY
    assert refused(lambda: factor.verify(ALICE, Proof(code(secret, later)), later)) == (429, "locked")
    assert refused(lambda: factor.verify(ALICE, Proof("", codes[0]), later)) == (429, "locked")


def test_m5_the_cap_is_logged_when_it_is_reached(factor: SecondFactor, capsys: pytest.CaptureFixture[str]) -> None:
    secret, _ = enrolled(factor)
    guessed(factor, secret, NOW, 60 * DAY)
    assert capsys.readouterr().out.count("too many wrong codes in a row") == 1


def test_m5_success_resets_and_only_an_administrator_does_beside(factor: SecondFactor, database: Database) -> None:
    secret, codes = enrolled(factor)
    for _ in range(4):
        refused(lambda: factor.verify(ALICE, Proof(wrong(secret, NOW)), NOW))
    assert factor.verify(ALICE, Proof(code(secret)), NOW)
    for _ in range(5):
        assert refused(lambda: factor.verify(ALICE, Proof(wrong(secret, NOW)), NOW))[0] == 403
    throttled = (429, "second factor")
    assert refused(lambda: factor.verify(ALICE, Proof("", codes[0]), NOW)) == throttled
    # Whoever can have a password reset, say by mail, gets no more guesses from it.
    accounts.set_hash(database, ALICE.name, "new")
    assert refused(lambda: factor.verify(ALICE, Proof("", codes[0]), NOW)) == throttled
    accounts.unlock(database, ALICE.name)
    assert factor.verify(ALICE, Proof("", codes[0]), NOW)


def test_m5_nobody_else_is_throttled(factor: SecondFactor) -> None:
    secret, _ = enrolled(factor)
    _, codes = enrolled(factor, BOB)
    assert guessed(factor, secret, NOW, 1)[0] == 5
    assert factor.verify(BOB, Proof("", codes[0]), NOW)


def test_m6_an_administrators_reset_leaves_nothing(factor: SecondFactor, database: Database) -> None:
    secret, _ = enrolled(factor)
    guessed(factor, secret, NOW, 1)
    sessions = Sessions(database, KEY, lifetime=1000, grace=30)
    grant = sessions.begin(ALICE, NOW, ("pwd", "otp", "mfa"))
    assert grant is not None
    accounts.reset_second_factor(database, ALICE.name)
    assert factor.state(ALICE, NOW) == State("off", 0)
    assert sessions.holder(grant.session_id, NOW) is None
    assert sessions.begin(ALICE, NOW)
    again = factor.enrol(ALICE, NOW)
    assert factor.confirm(ALICE, "s", code(again), NOW)


def test_m6_resetting_nobody_says_so(database: Database) -> None:
    with pytest.raises(InputError, match="no user 'nobody'"):
        accounts.reset_second_factor(database, "nobody")


def test_a_deleted_user_leaves_nothing(factor: SecondFactor, database: Database) -> None:
    secret, _ = enrolled(factor)
    guessed(factor, secret, NOW, 1)
    accounts.delete(database, ALICE.name)
    for table in ("totp", "recovery_codes", "throttle"):
        select = f"SELECT * FROM {table}"
        assert not database.read(lambda connection, select=select: connection.rows(select)), table  # type: ignore[misc]


#: One of several instances that judge the same at once; prints what became of it.
INSTANCE = f"""
import sys
from function.errors import Refusal
from function.pool.lanes import ThreadLane
from function.otp.second_factor import Proof, SecondFactor
from function.store.locate import locate, opened
from function.store.users import User
from function.guard.throttle import Limits
database = opened(locate(sys.argv[1], {{}}), 1, ThreadLane)
factor = SecondFactor(database, {KEY!r}, {LIMITS!r}, enrolment_ttl=900, challenge_ttl=300)
challenge = factor.challenges.read(sys.argv[4], {NOW}) if sys.argv[4] else None
print("ready", flush=True)
sys.stdin.readline()
try:
    factor.verify({ALICE!r}, Proof(sys.argv[2], sys.argv[3]), {NOW}, challenge)
    print(200)
except Refusal as refusal:
    print(refusal.status)
"""
INSTANCES = 5


def raced(url: str, proofs: list[Proof], challenge: str = "") -> Counter[int]:
    """What processes that all try at the same moment get, one for each proof."""
    instances = [
        subprocess.Popen(
            [sys.executable, "-c", INSTANCE, url, *proof, challenge],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for proof in proofs
    ]
    for instance in instances:
        assert instance.stdout is not None
        assert instance.stdout.readline() == "ready\n"
    for instance in instances:
        assert instance.stdin is not None
        instance.stdin.write("\n")
        instance.stdin.flush()
    return Counter(int(instance.communicate(timeout=60)[0]) for instance in instances)


def test_m2_of_several_instances_that_get_one_code_one_accepts_it(factor: SecondFactor, database_url: str) -> None:
    secret, _ = enrolled(factor)
    assert raced(database_url, [Proof(code(secret))] * INSTANCES) == {200: 1, 403: INSTANCES - 1}


def test_m4_of_several_instances_that_get_one_recovery_code_one_accepts_it(
    factor: SecondFactor, database_url: str
) -> None:
    _, codes = enrolled(factor)
    assert raced(database_url, [Proof("", codes[0])] * INSTANCES) == {200: 1, 403: INSTANCES - 1}


def test_m3_of_several_instances_that_get_one_challenge_one_accepts_it(factor: SecondFactor, database_url: str) -> None:
    _, codes = enrolled(factor)
    challenge = factor.challenges.issue(ALICE, NOW)
    outcome = raced(database_url, [Proof("", one) for one in codes[:INSTANCES]], challenge)
    assert outcome == {200: 1, 401: INSTANCES - 1}
    assert factor.state(ALICE, NOW).recovery_codes == recovery.COUNT - 1


def test_m5_several_instances_judge_no_more_than_the_limit(factor: SecondFactor, database_url: str) -> None:
    secret, _ = enrolled(factor)
    for _ in range(3):
        refused(lambda: factor.verify(ALICE, Proof(wrong(secret, NOW)), NOW))
    assert raced(database_url, [Proof(wrong(secret, NOW))] * INSTANCES) == {403: 2, 429: INSTANCES - 2}
