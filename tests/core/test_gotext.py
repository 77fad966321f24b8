import pytest

from emulator.core.gotext import (
    OutOfRangeError,
    format_duration,
    format_float,
    parse_bool,
    parse_duration,
    parse_float,
    parse_int32,
    parse_int64,
    quote,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1h", 3600),
        ("1.5s", 1.5),
        ("-3ms", -0.003),
        ("+1h1m1.5s", 3661.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("2µs", 2e-6),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5", 'time: missing unit in duration "5"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_what_is_no_duration(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^time: ") as refusal:
        parse_duration(text)
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (6, "6s"),
        (3600, "1h0m0s"),
        (61.5, "1m1.5s"),
        (0.25, "250ms"),
        (-1, "-1s"),
        (1.5e-6, "1.5µs"),
        (1e-9, "1ns"),
    ],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_floats() -> None:
    assert [parse_float(text) for text in ("1", "-1e3", "0x1p-2", "inf", "1_0")] == [1, -1000, 0.25, float("inf"), 10]
    assert parse_float("nan") != parse_float("nan")
    assert [format_float(number) for number in (1.0, 0.05, 1e20, 1e21, float("-inf"))] == [
        "1",
        "0.05",
        "100000000000000000000",
        "1e+21",
        "-Inf",
    ]


@pytest.mark.parametrize("text", ["", " 1", "1 ", "x", "0x10", "+nan", "٣"])
def test_what_is_no_float(text: str) -> None:
    with pytest.raises(ValueError, match=r"^strconv\.ParseFloat: parsing .*: invalid syntax$"):
        parse_float(text)


def test_numbers_that_do_not_fit() -> None:
    for parse, text in ((parse_int32, "2147483648"), (parse_int64, "9223372036854775808"), (parse_float, "1e400")):
        with pytest.raises(OutOfRangeError, match=r"value out of range$"):
            parse(text)
    assert (parse_int32("-2147483648"), parse_int64("+9223372036854775807")) == (-(2**31), 2**63 - 1)


def test_booleans_and_quotes() -> None:
    assert (parse_bool("T"), parse_bool("0")) == (True, False)
    with pytest.raises(ValueError, match=r'^strconv\.ParseBool: parsing "yes": invalid syntax$'):
        parse_bool("yes")
    assert quote('a"ü') == '"a\\"ü"'


def test_floats_with_many_digits_are_the_shortest_and_zeros() -> None:
    assert format_float(1.2345678901234567e20) == "123456789012345670000"
    assert format_float(-0.0) == "-0"


def test_a_hexadecimal_float_may_not_overflow() -> None:
    with pytest.raises(ValueError, match="out of range"):
        parse_float("0x1p2000")
