from emulator.core.revision import RevisionKey
from emulator.core.stats import ActivatorStats, RequestStats, Sample

REVISION = RevisionKey("default", "hello-00001")


def test_what_the_activator_counts_too_is_left_out() -> None:
    stats = RequestStats(10.0)
    stats.request_in(10.0)
    stats.request_in(10.5, proxied=True)
    report = stats.report(11.0)
    assert report.total == Sample(1.5, 2)
    assert report.own == Sample(1.0, 1)


def test_two_revisions_at_an_activator_are_told_apart() -> None:
    stats, other = ActivatorStats(), RevisionKey("default", "other-00001")
    assert stats.request_in(REVISION, 0.0) == Sample(1.0, 1)
    assert stats.request_in(other, 0.5) == Sample(1.0, 1)
    assert stats.request_in(other, 0.5) is None
    assert dict(stats.report(1.0)) == {REVISION: Sample(0.0, 0), other: Sample(1.0, 1)}
    stats.request_out(REVISION, 1.0)
    assert dict(stats.report(2.0)) == {REVISION: Sample(0.0, 0), other: Sample(2.0, 0)}
    assert len(stats) == 1


def test_a_request_that_began_this_instant_is_not_forgotten() -> None:
    stats = ActivatorStats()
    stats.request_in(REVISION, 1.0)
    assert dict(stats.report(1.0)) == {REVISION: Sample(0.0, 0)}
    stats.request_out(REVISION, 1.5)
    assert dict(stats.report(2.0)) == {REVISION: Sample(0.5, 0)}
