import threading
import time
from collections.abc import Callable

import pytest

from function.errors import Refusal
from function.pool.admission import Admission
from function.pool.hashing import HashLane, Patience
from function.pool.lanes import ThreadLane


def lane(places: int = 10) -> HashLane:
    return HashLane(ThreadLane(1), Admission(1, 10, places))


def patience(seconds: float = 30.0, gone: Callable[[], bool] = lambda: False) -> Patience:
    return Patience(time.monotonic() + seconds, gone)


def never() -> None:
    raise AssertionError("hashed")


def test_s3_a_login_whose_client_has_gone_is_not_hashed() -> None:
    hashing = lane()
    waiting = patience(gone=lambda: True)
    with pytest.raises(Refusal) as refusal, hashing.place(waiting):
        hashing.run(never, waiting)
    assert refusal.value.status == 499
    assert hashing.admission.depth == 0


def test_s3_a_login_whose_deadline_has_passed_is_not_hashed() -> None:
    hashing = lane()
    started, release = threading.Event(), threading.Event()

    def occupy() -> None:
        hashing.run(lambda: (started.set(), release.wait(30)), patience())

    occupier = threading.Thread(target=occupy)
    occupier.start()
    started.wait(30)
    waiting = patience(0.05)
    with pytest.raises(Refusal) as refusal, hashing.place(waiting):
        hashing.run(never, waiting)
    release.set()
    occupier.join(30)
    assert refusal.value.status == 503
    assert int(refusal.value.headers["Retry-After"]) >= 1
    assert refusal.value.reason == "deadline passed"


def test_a_place_is_given_back_whatever_happens() -> None:
    hashing = lane(places=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), hashing.place(patience()):
            hashing.run(lambda: 1 // 0, patience())
    assert hashing.admission.depth == 0


def test_hashing_is_measured() -> None:
    hashing = lane()
    waiting = patience()
    with hashing.place(waiting):
        assert hashing.run(lambda: time.sleep(0.02) or "done", waiting) == "done"
    assert hashing.admission.seconds >= 0.02


def test_a_lane_is_stalled_when_logins_wait_and_none_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    hashing = lane()
    assert not hashing.stalled()
    with hashing.place(patience()):
        assert not hashing.stalled()
        later = time.monotonic() + 3600
        monkeypatch.setattr("function.pool.hashing.time.monotonic", lambda: later)
        assert hashing.stalled()
    assert not hashing.stalled()
