import pytest

from emulator.core.instance import Instance, Life, Phase, Signal, surplus
from emulator.core.revision import RevisionKey

KEY = RevisionKey("default", "login-00001")


def started() -> Instance:
    instance = Instance("i", KEY, created=0.0)
    assert instance.signal(Signal.SCHEDULED, 0.0)
    return instance


def crashed(times: int, uptime: float) -> Instance:
    instance = started()
    now = 0.0
    for _ in range(times):
        now += uptime
        assert instance.signal(Signal.EXITED, now)
        now = instance.retry_at
        assert instance.signal(Signal.RETRY, now)
    instance.signal(Signal.EXITED, now + uptime)
    return instance


def test_the_first_restart_is_at_once_and_the_next_wait_longer_up_to_a_limit() -> None:
    assert [crashed(times, 1.0).back_off for times in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_ten_good_minutes_forget_the_crashes() -> None:
    assert crashed(5, 600.0).back_off == 0


@pytest.mark.parametrize(
    ("path", "phase"),
    [
        ([], Phase.STARTING),
        ([Signal.PROBE_OK], Phase.READY),
        ([Signal.PROBE_OK, Signal.PROBE_FAILED], Phase.UNREADY),
        ([Signal.PROBE_OK, Signal.PROBE_FAILED, Signal.PROBE_OK], Phase.READY),
        ([Signal.EXITED], Phase.BACK_OFF),
        ([Signal.EXITED, Signal.RETRY], Phase.STARTING),
        ([Signal.EXITED, Signal.DRAIN], Phase.GONE),
        ([Signal.PROBE_OK, Signal.DRAIN, Signal.STOP, Signal.EXITED], Phase.GONE),
        ([Signal.PROBE_OK, Signal.DRAIN, Signal.EXITED], Phase.GONE),
    ],
)
def test_life_follows_the_table(path: list[Signal], phase: Phase) -> None:
    instance = started()
    assert all(instance.signal(signal, 1.0) for signal in path)
    assert instance.phase is phase


def test_a_late_report_is_ignored() -> None:
    instance = started()
    instance.signal(Signal.DRAIN, 1.0)
    assert not instance.signal(Signal.PROBE_OK, 2.0)
    assert instance.phase is Phase.DRAINING
    assert instance.since == 1.0


def test_one_that_has_no_place_yet_goes_at_once_and_first() -> None:
    pending = Instance("i", KEY, created=0.0)
    assert pending.phase is Phase.PENDING
    assert surplus([started(), pending], 1) == [pending]
    assert pending.signal(Signal.DRAIN, 1.0)
    assert pending.phase is Phase.GONE


def test_scale_down_takes_what_serves_nobody_then_the_youngest() -> None:
    phases = [Phase.READY, Phase.READY, Phase.STARTING, Phase.BACK_OFF, Phase.UNREADY, Phase.DRAINING]
    instances = [Instance(f"i{n}", KEY, created=float(n), phase=phase) for n, phase in enumerate(phases)]
    assert [i.name for i in surplus(instances, 1)] == ["i3", "i2", "i4", "i1"]
    assert surplus(instances, 5) == []


def test_an_instance_is_ready_when_all_its_containers_are() -> None:
    instance = Instance("i", KEY, created=0.0, phase=Phase.STARTING, answers=True, sidecars={"side": Life()})
    assert instance.readiness is Signal.PROBE_FAILED
    instance.sidecars["side"].signal(Signal.PROBE_OK, 1.0)
    assert instance.readiness is Signal.PROBE_OK
    instance.answers = False
    assert instance.readiness is Signal.PROBE_FAILED


def test_the_serving_containers_failure_is_told_first() -> None:
    side = Life(exit_code=7)
    instance = Instance("i", KEY, created=0.0, sidecars={"side": side})
    assert instance.failure == ("side", side)
    instance.exit_code = 3
    assert instance.failure == ("", instance)
