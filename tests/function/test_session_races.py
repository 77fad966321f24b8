"""Sessions under races between processes (T5, T6): each process is an instance with connections of its own."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from function.access.sessions import Sessions
from function.store import users
from function.store.base import Database
from function.store.users import User

KEY = b"k" * 32
USER = User("user-1", "alice", "hash", None, 0)
PROCESSES = 6

PRELUDE = """
import sys
from pathlib import Path
from function.errors import Refusal
from function.pool.lanes import ThreadLane
from function.access.sessions import Sessions
from function.store import sessions as rows, users
from function.store.locate import locate, opened
from function.store.users import User
import function.store.postgres, function.store.sqlite
database = opened(locate(sys.argv[1], {}), 1, ThreadLane)
sessions = Sessions(database, b"k" * 32, lifetime=1000, grace=30)
user = User("user-1", "alice", "hash", None, 0)
def refreshed(token, now=1):
    try:
        return sessions.refresh(token, now).token
    except Refusal as refusal:
        return refusal.reason
import atexit
atexit.register(database.close)
sys.stdin.readline()
"""


@pytest.fixture
def sessions(database: Database) -> Sessions:
    database.write(USER.name, lambda connection: users.add(connection, USER))
    return Sessions(database, KEY, lifetime=1000, grace=30)


def begin(sessions: Sessions) -> str:
    grant = sessions.begin(USER, 0)
    assert grant is not None
    return grant.token


def race(url: str, *scripts: str, token: str = "") -> list[list[str]]:
    """Run the scripts in processes of their own, let go all at once; the lines that each has printed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(script), url, token],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for script in scripts
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [output.splitlines() for output in outputs]


def test_t5_whoever_refreshes_at_once_anywhere_gets_the_same_token(sessions: Sessions, database_url: str) -> None:
    token = begin(sessions)
    outputs = race(database_url, *["print(refreshed(sys.argv[2]))"] * PROCESSES, token=token)
    [current] = {line for output in outputs for line in output}
    assert current.startswith("lfr1_")
    assert sessions.refresh(current, 2).token != current


def test_t5_a_chain_that_all_follow_stays_one_chain(sessions: Sessions, database_url: str, tmp_path: Path) -> None:
    """Each process refreshes what it got last; nobody gets so far ahead that the others' tokens are old."""
    follow = """
        import time
        token, folder = sys.argv[2], Path("FOLDER")
        for step in range(20):
            token = refreshed(token)
            print(token)
            (folder / f"{step}-{id(database)}-{__import__('os').getpid()}").touch()
            while len(list(folder.glob(f"{step}-*"))) < 6:
                time.sleep(0.001)
    """
    follow = follow.replace("FOLDER", str(tmp_path))
    outputs = race(database_url, *[follow] * PROCESSES, token=begin(sessions))
    assert len({tuple(output) for output in outputs}) == 1
    assert len(set(outputs[0])) == 20
    assert all(token.startswith("lfr1_") for token in outputs[0])


def test_t5_of_a_thief_and_its_victim_nobody_goes_on(sessions: Sessions, database_url: str) -> None:
    first = begin(sessions)
    second = sessions.refresh(first, 1).token
    third = sessions.refresh(second, 1).token
    race(database_url, *["refreshed(sys.argv[2], 100)"] * PROCESSES, token=first)
    outputs = race(database_url, *["print(refreshed(sys.argv[2], 100))"] * PROCESSES, token=third)
    assert {line for output in outputs for line in output} == {"unknown session"}


@pytest.mark.parametrize(
    "ending",
    [
        "database.write('alice', lambda connection: users.set_disabled(connection, 'alice', 1))",
        "database.write('alice', lambda connection: users.set_hash(connection, 'alice', 'another', 0))",
    ],
    ids=["disabled", "another password"],
)
def test_t6_no_session_that_began_meanwhile_outlives_a_disable_or_a_password_change(
    sessions: Sessions, database: Database, database_url: str, ending: str
) -> None:
    login = """
        begun = [sessions.begin(user, 0) for _ in range(40)]
        print(sum(grant is not None for grant in begun))
    """
    outputs = race(database_url, *[login] * (PROCESSES - 1), ending)
    assert all(int(output[0]) <= 40 for output in outputs[:-1])
    assert database.read(lambda connection: connection.rows("SELECT COUNT(*) FROM sessions")) == [(0,)]


def test_m6_no_session_that_began_meanwhile_outlives_a_second_factor_that_was_turned_on(
    sessions: Sessions, database: Database, database_url: str
) -> None:
    prelude = """
        from function.errors import SecondFactorNeededError
        from function.otp.second_factor import SecondFactor
        from function.guard.throttle import Limits
        factor = SecondFactor(database, b"k" * 32, Limits(5, 5, 5, 100, 1, 1000), enrolment_ttl=60, challenge_ttl=60)
    """
    login = """
        begun = 0
        while begun < 200:
            try:
                begun += sessions.begin(user, 0) is not None
            except SecondFactorNeededError:
                break
        print(begun)
    """
    confirm = """
        from function.otp import totp
        secret = factor.enrol(user, 0)
        while not database.read(lambda connection: connection.rows("SELECT 1 FROM sessions")):
            pass
        factor.confirm(user, "the session that is kept", totp.code_at(secret, 0), 0)
    """
    outputs = race(database_url, *[prelude + login] * (PROCESSES - 1), prelude + confirm)
    assert any(int(output[0]) for output in outputs[:-1])
    assert database.read(lambda connection: connection.rows("SELECT COUNT(*) FROM sessions")) == [(0,)]


def test_t6_a_logout_everywhere_leaves_nothing_that_a_refresh_could_bring_back(
    sessions: Sessions, database: Database, database_url: str
) -> None:
    follow = """
        token, following = "", sys.argv[2]
        while following.startswith("lfr1_"):
            token, following = following, refreshed(following)
        print(following, refreshed(token))
    """
    end = """
        def generation(connection):
            return connection.rows("SELECT generation FROM sessions")[0][0]
        while database.read(generation) < 20:
            pass
        sessions.end_all(user.id)
    """
    outputs = race(database_url, follow, end, token=begin(sessions))
    assert outputs[0] == ["unknown session unknown session"]
    assert database.read(lambda connection: connection.rows("SELECT COUNT(*) FROM sessions")) == [(0,)]
