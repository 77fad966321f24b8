import pytest

from emulator.drawing.charts import nice
from emulator.simulation.result import percentile
from loadtest.ledger import Outcome
from loadtest.series import columns, kind
from loadtest.shapes import SHAPES, arrivals
from loadtest.watch import Sample, Step, steps


@pytest.mark.parametrize("name", SHAPES)
def test_everybody_comes_in_the_time_of_the_shape(name: str) -> None:
    shape = SHAPES[name]
    moments = arrivals(shape, 500, 60)
    assert len(moments) == 500
    assert moments == sorted(moments)
    assert shape.begin * 60 <= moments[0] < moments[-1] <= shape.end * 60
    assert moments == arrivals(shape, 500, 60)


@pytest.mark.parametrize(
    ("percent", "value"), [(50, 5), (90, 9), (99, 10), (100, 10)], ids=["median", "p90", "p99", "slowest"]
)
def test_percentiles_are_values_that_were_there(percent: float, value: float) -> None:
    assert percentile(range(1, 11), percent) == value
    assert percentile([7], percent) == 7


def test_every_login_is_in_one_column_when_it_came_and_in_one_when_it_was_answered() -> None:
    moments = [0.2, 1.5, 1.6, 59.9]
    outcomes = [
        Outcome("a", 0.2, 0.2, 2.2, 200),
        Outcome("b", 1.5, 1.5, 1.9, 503),
        Outcome("c", 1.6, 1.6, 60.5, 0),
        Outcome("d", 59.9, 59.9, 60.5, 504),
    ]
    cut = columns(moments, outcomes, 60.6)
    assert [(column.begin, column.end) for column in cut[:2]] == [(0.0, 1.0), (1.0, 2.0)]
    assert sum(column.offered for column in cut) == 4
    assert [dict(column.answers) for column in cut[:3]] == [{}, {"later": 1}, {"ok": 1}]
    assert cut[2].latencies == [2.0]
    assert cut[-1].answers == {"lost": 1, "late": 1}
    assert [column.open for column in (*cut[:3], cut[-1])] == [1, 2, 1, 0]


def test_every_status_has_a_kind() -> None:
    assert [kind(it) for it in (0, 200, 401, 404, 429, 503, 500, 504)] == [
        *("lost", "ok", "refused", "refused", "later", "later", "failed", "late")
    ]


def test_a_step_is_where_another_number_is_wanted() -> None:
    samples = [Sample(at, wanted, 0, 0, 0, 0, f"why {at}") for at, wanted in ((0.0, 0), (0.5, 0), (1.0, 3), (1.5, 3))]
    assert steps(samples) == [Step(1.0, 0, 3, "why 1.0")]


@pytest.mark.parametrize(("top", "step"), [(40, 10), (6, 2), (0.9, 0.5), (1, 0.5), (170, 50), (10, 5)])
def test_grid_lines_are_where_people_count(top: float, step: float) -> None:
    assert nice(top) == pytest.approx(step)
