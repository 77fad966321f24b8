"""The words of `--load`, the distributions of times, and recordings: what is read and what is refused."""

from random import Random

import pytest

from emulator.record.reader import decode
from emulator.simulation.load import Arrivals, Clients, parse_load, recorded
from emulator.simulation.times import Times


def test_the_words_of_a_load() -> None:
    found = parse_load("50 rps 60s, ramp 0..500 rps 1m,storm 100000 logins 60s , pause 30s, clients 5 90s")
    assert found == (
        Arrivals(50, 50, 60),
        Arrivals(0, 500, 60),
        Arrivals(100_000 / 60, 100_000 / 60, 60, hashed=True),
        Arrivals(0, 0, 30),
        Clients(5, 90),
    )
    assert [phase.count for phase in found[:4] if isinstance(phase, Arrivals)] == [3000, 15_000, 100_000, 0]


def test_clients_have_requests_of_their_own_length() -> None:
    [clients] = parse_load("clients 50 lognormal 500ms p99 2s 1m30s")
    assert isinstance(clients, Clients)
    assert clients.times is not None
    assert (clients.count, clients.seconds, clients.times.text) == (50, 90, "lognormal 500ms p99 2s")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is no load: write `50 rps 60s`"),
        ("lots", "'lots' is no load"),
        ("50 rps 60s,", "'' is no load"),
        ("50 rps 60", "'50 rps 60': '60' is no duration: write it like 500ms, 90s or 1h30m"),
        ("50 rps 0s", "it lasts no time at all"),
        ("50 rps -5s", "is less than no time at all"),
        ("-5 rps 60s", "'-5' is no number of 0 or more"),
        ("nan rps 60s", "'nan' is no number"),
        ("1e999 rps 60s", "'1e999' is no number"),
        ("ramp 0.500 rps 60s", "'ramp 0.500 rps 60s' is no load"),
        ("ramp 0..x rps 60s", "'x' is no number"),
        ("storm 1.5 logins 60s", "'1.5' is no whole number of 1 or more"),
        ("clients 0 90s", "'0' is no whole number of 1 or more"),
        ("clients 5 soon 90s", "'soon' is no duration"),
        ("pause 60s", "'pause 60s' sends no request at all"),
        ("0 rps 60s, pause 1s", "sends no request at all"),
    ],
)
def test_what_is_no_load_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_load(text)
    assert words in str(error.value)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(("first", "last"), [(100, 100), (0, 200), (200, 0), (50, 150)])
def test_moments_follow_the_rate(first: float, last: float, even: bool) -> None:
    moments = Arrivals(first, last, 100).moments(Random(1), even=even)
    assert len(moments) == 10_000
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] <= 100
    for tenth in range(10):
        begin, end = tenth * 10, tenth * 10 + 10
        expected = (first + (last - first) * (begin + end) / 200) * 10
        got = sum(begin <= moment < end for moment in moments)
        assert got == pytest.approx(expected, abs=2 if even else 4 * expected**0.5 + 1)


@pytest.mark.parametrize(
    ("text", "median", "mean"),
    [
        ("50ms", 0.05, 0.05),
        ("exp 50ms", 0.05 * 0.693, 0.05),
        ("uniform 20ms..80ms", 0.05, 0.05),
        ("lognormal 50ms p99 200ms", 0.05, 0.0597),
    ],
)
def test_times_have_their_distribution(text: str, median: float, mean: float) -> None:
    rng = Random(1)
    draw = Times(text).draw
    found = sorted(draw(rng) for _ in range(20_001))
    assert found[10_000] == pytest.approx(median, rel=0.05)
    assert sum(found) / len(found) == pytest.approx(mean, rel=0.05)
    if "p99" in text:
        assert found[19_800] == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(
    "text", ["", "fast", "50", "-1s", "exp", "exp x", "uniform 2s..1s", "lognormal 2s p99 1s", "lognormal 0s p99 1s"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no duration|no time|the first is|must be above|less than"):
        Times(text)


def test_a_record_is_load_in_order_of_arrival() -> None:
    lines = [
        b'{"record": "knative-emulator/1"}',
        b'{"kind": "arrival", "t": 7.5, "service": "default/hello", "seconds": 0.1}',
        b'{"kind": "arrival", "t": 5, "service": "default/hello", "status": 504}',
        b'{"kind": "arrival", "t": 4, "service": null, "status": 404}',
        b'{"kind": "gap", "t": 6, "lost": 1}',
        b"",
    ]
    load = recorded(decode(b"\n".join(lines), "hand-written"))
    assert [(it.t, it.seconds) for it in load.arrivals] == [(5, None), (7.5, 0.1)]
    assert (load.begin, load.seconds) == (5, 2.5)


def test_a_record_without_requests_is_no_load() -> None:
    with pytest.raises(ValueError, match="it holds no request for a Service"):
        recorded(decode(b'{"record": "knative-emulator/1"}\n', "empty"))
