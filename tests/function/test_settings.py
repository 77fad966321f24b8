import dataclasses
from pathlib import Path

import pytest

from function import settings
from function.errors import SettingsError

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_document_is_made_from_the_rows() -> None:
    assert DOCUMENT.read_text().endswith("\n\n" + settings.markdown()), "login-function settings has changed"


def test_every_default_is_in_its_own_range() -> None:
    assert settings.load({}).port == 8080


def test_an_empty_variable_is_not_set() -> None:
    assert settings.load({"PORT": "", "PEPPER": ""}) == settings.load({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "x"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8080 "),
        ("PORT", "\u0668"),
        ("HASH_COST", "9"),
        ("PASSWORD_MIN_LENGTH", "7"),
        ("LOGIN_DEADLINE", "0"),
        ("LOGIN_DEADLINE", "nan"),
        ("LOGIN_DEADLINE", "1e3"),
        ("ISSUER", "login.example"),
        ("AUDIENCE", "two words"),
        ("HOST", "a b"),
        ("K_SINK", "broker"),
        ("K_CE_OVERRIDES", "tenant=a"),
        ("K_CE_OVERRIDES", "[]"),
        ("K_CE_OVERRIDES", '{"extensions": ["tenant"]}'),
        ("K_CE_OVERRIDES", '{"extensions": {"Tenant": "a"}}'),
        ("K_CE_OVERRIDES", '{"extensions": {"tenant": 1}}'),
        ("K_CE_OVERRIDES", '{"extensions": {"subject": "a"}}'),
        ("EVENTS_KEYS", "jwks.json"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        settings.load({variable: value})
    assert str(error.value).startswith(f"{variable} must be ")
    assert str(error.value).endswith(f"not {value!r}.")


def test_what_a_sink_binding_sets_is_taken() -> None:
    extensions = '{"extensions": {"tenant": "a", "zone": "b c"}}'
    assert settings.load({"K_CE_OVERRIDES": extensions}).ce_overrides == {"tenant": "a", "zone": "b c"}
    assert settings.load({"K_CE_OVERRIDES": "{}", "K_SINK": "http://broker-ingress.knative-eventing.svc.cluster.local"})


@pytest.mark.parametrize("variable", ["PEPPER", "EVENTS_TOKEN", "DATABASE_URL"])
def test_a_bad_secret_is_not_repeated(variable: str) -> None:
    with pytest.raises(SettingsError) as error:
        settings.load({variable: "hunter2"})
    assert "hunter2" not in str(error.value)
    assert str(error.value).startswith(f"{variable} must be ")


def test_secrets_are_not_in_the_representation() -> None:
    secret = "s" * 40
    loaded = settings.load({"PEPPER": secret, "EVENTS_TOKEN": secret})
    assert loaded.pepper == (secret,)
    assert secret not in repr(loaded)


def test_every_row_says_what_it_does() -> None:
    for field in dataclasses.fields(settings.Settings):
        assert field.metadata["help"].endswith("."), field.name
