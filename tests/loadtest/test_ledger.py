import pytest

from loadtest.ledger import Outcome, reconcile

SESSIONS = {f"session-{number}": f"person-{number}" for number in range(10)}


def logged_in(number: int, **changed: object) -> Outcome:
    ok = Outcome(f"person-{number}", 1.0, 1.0, 2.0, 200, session=f"session-{number}", served_by="instance")
    return ok._replace(**changed)


def test_a_run_without_loss_balances() -> None:
    found = reconcile(10, [logged_in(number) for number in range(10)], SESSIONS, served=10)
    assert (found.lost, found.seen, found.balanced) == (0, 10, True)


@pytest.mark.parametrize(
    "planted",
    [
        {"status": 0, "error": "ConnectionResetError", "session": "", "served_by": ""},
        {"session": "nobody-knows-it"},
        {"session": "session-4"},  # another person's
        {"session": ""},
    ],
    ids=["no status", "session absent", "session of another", "no session"],
)
def test_one_planted_loss_is_found(planted: dict[str, object]) -> None:
    outcomes = [logged_in(number) for number in range(9)] + [logged_in(9, **planted)]
    assert reconcile(10, outcomes, SESSIONS, served=10).lost == 1


def test_who_has_no_outcome_is_lost() -> None:
    found = reconcile(10, [logged_in(number) for number in range(8)], SESSIONS, served=8)
    assert (found.silent, found.lost) == (2, 2)


@pytest.mark.parametrize("status", [401, 429, 503, 504])
def test_an_honest_no_is_not_lost(status: int) -> None:
    refused = logged_in(0, status=status, session="", served_by="")
    assert reconcile(1, [refused], {}, served=0).lost == 0


@pytest.mark.parametrize("served", [9, 11])
def test_a_count_of_the_server_that_differs_is_told(served: int) -> None:
    found = reconcile(10, [logged_in(number) for number in range(10)], SESSIONS, served)
    assert found.lost == 0
    assert not found.balanced


def test_without_a_database_a_readable_session_has_to_do() -> None:
    found = reconcile(2, [logged_in(0), logged_in(1, session="")], None, None)
    assert (found.lost, found.balanced) == (1, True)


def test_latency_counts_from_the_moment_that_was_meant() -> None:
    assert logged_in(0, intended=1.0, sent=4.0, ended=5.0).latency == 4.0
