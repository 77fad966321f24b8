import pytest

from emulator.core.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1", "1"),
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        (".5", "500m"),
        ("2000k", "2M"),
        ("1000000", "1M"),
        ("1e3", "1e3"),
        ("1.5e3", "1500"),
        ("12E6", "12e6"),
        ("1E", "1E"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("512", "512"),
        ("0.1Mi", "104857600m"),
        ("0Mi", "0"),
        ("-3m", "-3m"),
        ("1.2345678901", "1234567891n"),
    ],
)
def test_the_form_that_the_api_returns(text: str, canonical: str) -> None:
    assert str(parse_quantity(text)) == canonical
    assert parse_quantity(canonical).value == parse_quantity(text).value


@pytest.mark.parametrize("text", ["", "x", "1Zi", "1 000", "--1", "1ee3", "."])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match=r"^quantities must match the regular expression"):
        parse_quantity(text)
