from emulator.core.metrics import MetricSpec, RevisionMetrics, Window


def test_a_float_of_today_falls_into_its_own_second() -> None:
    window = Window(6)
    window.record(1741153894.999999, 3)
    window.record(1741153895.0, 5)
    assert window.average(1741153895.5) == 4.0


def test_concurrency_and_rps_are_kept_apart() -> None:
    metrics = RevisionMetrics(MetricSpec(stable_window=60, panic_window=6))
    assert metrics.averages(100.0) is None
    metrics.record(100.0, concurrency=4, rps=10)
    metrics.record(100.5, concurrency=2, rps=30)
    concurrency, rps = metrics.averages(100.9), metrics.averages(100.9, "rps")
    assert concurrency is not None
    assert rps is not None
    assert (concurrency.stable, concurrency.panic) == (6, 6)
    assert (rps.stable, rps.panic) == (40, 40)


def test_silence_is_no_load_where_only_the_activator_reports() -> None:
    averages = RevisionMetrics(MetricSpec(scraped=False)).averages(100.0)
    assert averages is not None
    assert (averages.stable, averages.panic, averages.stable_window, averages.panic_window) == (0, 0, 60, 6)
