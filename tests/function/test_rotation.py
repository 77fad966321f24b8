"""Rotation of the signing keys (T3), on a clock of the test's own."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jwt
import pytest

from function.access import rotation, signing
from function.access.keyring import SEEK_INTERVAL, Keyring
from function.access.rotation import AFTERLIFE, LEEWAY
from function.access.sealing import Sealer
from function.access.tokens import Tokens
from function.errors import InputError, StoreError
from function.pool.lanes import ThreadLane
from function.store import keys
from function.store.base import Connection, Database
from function.store.sqlite import SqliteDatabase

MAX_AGE, RELOAD = 300, 60
DAY = 86_400
POLICY = rotation.policy(DAY, MAX_AGE, RELOAD)
LEAD = POLICY.lead
NOW = 1_700_000_000


class Key(NamedTuple):
    """All that a decision needs."""

    signs_from: int


def ring(database: Database, make: Callable[[], str] = lambda: signing.make("ES256")) -> Keyring:
    return Keyring(database, Sealer([]), make, POLICY, reload=RELOAD)


def tokens(database: Database) -> Tokens:
    return Tokens(ring(database), issuer="i", audience="a", client_id="c", ttl=600)


@pytest.mark.parametrize(
    ("times", "due"),
    [
        ([], NOW),
        ([NOW], None),
        ([NOW - DAY + LEAD + 1], None),
        ([NOW - DAY + LEAD], NOW + LEAD),
        ([NOW - 100 * DAY], NOW + LEAD),
        ([NOW - 100 * DAY, NOW + 1], None),
        ([NOW - 100 * DAY, NOW - 1], None),
    ],
)
def test_t3_the_next_key_is_made_a_lead_before_it_signs(times: list[int], due: int | None) -> None:
    assert rotation.due([Key(time) for time in times], NOW, POLICY) == due


def test_t3_without_an_interval_only_a_person_rotates() -> None:
    assert rotation.due([Key(0)], NOW, POLICY._replace(interval=0)) is None
    assert rotation.due([], NOW, POLICY._replace(interval=0)) == NOW


@pytest.mark.parametrize(
    ("times", "signs", "gone"),
    [
        ([NOW], 0, []),
        ([NOW + 30], 0, []),  # made by an instance whose clock is ahead of ours
        ([NOW - DAY, NOW + 1], 0, []),
        ([NOW - DAY, NOW], 1, []),
        ([NOW - DAY, NOW - AFTERLIFE + 1], 1, []),
        ([NOW - DAY, NOW - AFTERLIFE], 1, [0]),
        ([NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY, NOW + 1], 2, [0, 1]),
    ],
)
def test_t3_the_latest_key_whose_time_has_come_signs_and_the_others_go_after_it(
    times: list[int], signs: int, gone: list[int]
) -> None:
    made = [Key(time) for time in times]
    assert rotation.signer(made, NOW) == made[signs]
    assert rotation.over(made, NOW) == [made[at] for at in gone]


def test_t3_the_lead_is_longer_than_anybody_can_be_behind() -> None:
    assert MAX_AGE + RELOAD + LEEWAY < LEAD


class RelyingParty:
    """Somebody who verifies with the public keys, and keeps them for as long as the header allows."""

    def __init__(self, sources: list[Tokens], chance: random.Random) -> None:
        self._sources, self._chance = sources, chance
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = -MAX_AGE

    def verifies(self, token: str, now: int) -> bool:
        if now - self._fetched >= MAX_AGE:
            jwks = self._chance.choice(self._sources).keyring.current(now).jwks
            self._keys = {key["kid"]: jwt.PyJWK(key) for key in jwks["keys"]}
            self._fetched = now
        return jwt.get_unverified_header(token)["kid"] in self._keys


@pytest.mark.parametrize("seed", range(2))
def test_t3_100_instances_roll_through_rotations_and_nobody_sees_a_401(tmp_path: Path, seed: int) -> None:
    """Over three days with a new key a day, and most closely around the moments at which another key begins to sign.

    Clocks differ by up to half the leeway, each instance reads at moments of its own, some sleep for hours and wake up
    to sign at once, and each token is checked when it is fresh and when it is about to expire.
    """
    chance = random.Random(seed)
    database = SqliteDatabase(tmp_path / "login.db", ThreadLane(1))
    instances = [tokens(database) for _ in range(100)]
    skews = [chance.randint(-LEEWAY // 2, LEEWAY // 2) for _ in instances]
    parties = [RelyingParty(instances, chance) for _ in range(5)]
    aging: list[tuple[int, str]] = []
    kids: set[str] = set()
    now, published = NOW, instances[0].keyring.current(NOW).keys
    while now < NOW + 3 * DAY:
        rolling = any(abs(now - key.signs_from) < LEAD for key in published)
        now += chance.randint(0, 5 if rolling else 240)
        issuer, checker = chance.randrange(100), chance.randrange(100)
        token = instances[issuer].issue("u", "s", now + skews[issuer])
        kids.add(jwt.get_unverified_header(token)["kid"])
        aging.append((now + 400, token))
        while aging and aging[0][0] <= now:
            assert instances[checker].check(aging.pop(0)[1], now - LEEWAY // 2)
        assert instances[checker].check(token, now + skews[checker])
        assert chance.choice(parties).verifies(token, now)
        published = instances[checker].keyring.current(now + skews[checker]).keys
        assert len(published) <= 3
    assert len(kids) == 3
    assert len(database.read(lambda connection: keys.of(connection, "sign"))) <= 2
    database.close()


def test_t3_a_key_is_read_once_in_a_while_and_an_unknown_name_makes_it_look_once_in_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    of = keys.of

    def counted(connection: Connection, purpose: str) -> object:
        reads.append(purpose)
        return of(connection, purpose)

    mine, other = ring(database), ring(database)
    mine.current(NOW)
    monkeypatch.setattr(keys, "of", counted)
    for second in range(RELOAD):
        mine.current(NOW + second)
    assert reads == []
    for _ in range(100):
        assert mine.find("unknown", NOW + 1) is None
    assert len(reads) == 1
    assert mine.find("unknown", NOW + 1 + SEEK_INTERVAL) is None
    assert len(reads) == 2
    later = NOW + 1 + 2 * SEEK_INTERVAL
    assert mine.find(other.rotate(later).kid, later) is not None


def test_t3_of_two_who_find_a_key_due_one_makes_it(database: Database) -> None:
    ring(database).current(NOW)
    due = NOW + DAY

    def late() -> str:
        # Another instance comes first, between this one's decision and its writing.
        ring(database).current(due)
        return signing.make("ES256")

    assert len(ring(database, late).current(due).keys) == 2


def test_t3_rotating_by_hand_publishes_one_key_ahead_and_not_two(database: Database) -> None:
    mine = ring(database)
    first = mine.current(NOW).signer(NOW)
    following = mine.rotate(NOW)
    assert mine.current(NOW).signer(NOW).kid == first.kid
    assert {key["kid"] for key in mine.current(NOW).jwks["keys"]} == {first.kid, following.kid}
    with pytest.raises(InputError, match="published already"):
        mine.rotate(NOW + LEAD - 1)
    assert mine.current(NOW + LEAD).signer(NOW + LEAD).kid == following.kid
    mine.rotate(NOW + LEAD)


def test_t3_a_retired_key_is_gone_at_once_and_somebody_signs(database: Database) -> None:
    mine, other = tokens(database), tokens(database)
    leaked = mine.keyring.current(NOW).signer(NOW)
    token = other.issue("u", "s", NOW)
    heir = mine.keyring.retire(leaked.kid, NOW + 1)
    assert heir.kid != leaked.kid
    assert mine.keyring.find(leaked.kid, NOW + 1) is None
    # Others follow within the reload interval, and take the new key's tokens before that.
    assert other.check(token, NOW + 2)
    assert other.check(mine.issue("u", "s", NOW + 2), NOW + 2)
    assert other.keyring.find(leaked.kid, NOW + 2) is None
    with pytest.raises(InputError, match="no key"):
        mine.keyring.retire(leaked.kid, NOW + 2)


def test_t3_when_the_next_or_the_present_key_is_retired_one_that_all_know_signs_on(database: Database) -> None:
    mine = ring(database)
    first, second = mine.current(NOW).signer(NOW), mine.rotate(NOW)
    assert mine.retire(second.kid, NOW).kid == first.kid
    third = mine.rotate(NOW)
    later = NOW + LEAD
    assert mine.current(later).signer(later).kid == third.kid
    assert mine.retire(third.kid, later).kid == first.kid


def test_t3_while_the_store_is_lost_the_keys_at_hand_are_published(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ring(database)
    before = mine.current(NOW).jwks

    def lost(_work: object) -> None:
        raise StoreError("It is gone.")

    monkeypatch.setattr(database, "read", lost)
    assert mine.current(NOW + RELOAD).jwks == before
    assert "It is gone." in capsys.readouterr().out
    with pytest.raises(StoreError):
        ring(database).current(NOW)


def test_t4_an_instance_that_cannot_read_a_new_key_goes_on_with_those_it_has(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = ring(database)
    before = mine.current(NOW).keys
    keys.reseal(database, Sealer([b"k" * 32]))
    assert mine.current(NOW + RELOAD).keys == before
    assert "KEY_ENCRYPTION_KEY" in capsys.readouterr().out
    with pytest.raises(StoreError, match="KEY_ENCRYPTION_KEY"):
        ring(database).current(NOW)
