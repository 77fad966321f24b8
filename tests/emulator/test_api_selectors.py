import pytest

from emulator.api.kinds import POD, SERVICE
from emulator.api.selectors import selection
from emulator.errors import UserError

OBJECT = {
    "metadata": {"name": "login", "namespace": "shop", "labels": {"app": "login", "a.b/c": "x-1", "empty": ""}},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ("", True),
        ("app=login", True),
        ("app==login", True),
        ("app = other", False),
        ("app!=login", False),
        ("missing!=x", True),
        ("app in (other, login)", True),
        ("app notin (other,login)", False),
        ("missing notin (a)", True),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("!app", False),
        ("empty=", True),
        ("app=", False),
        ("a.b/c=x-1,app in (login),!missing", True),
        ("a.b/c=x-1,app=other", False),
    ],
)
def test_labels(labels: str, selected: bool) -> None:
    assert selection(SERVICE, labels, "")(OBJECT) is selected


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("metadata.name=login", True),
        ("metadata.name==other", False),
        ("metadata.name!=other,metadata.namespace=shop", True),
        ("status.phase!=Pending", True),
        ("status.phase=Pending", False),
    ],
)
def test_fields(fields: str, selected: bool) -> None:
    assert selection(POD, "", fields)(OBJECT) is selected


@pytest.mark.parametrize(("labels", "fields"), [("a=b=c", ""), ("(", ""), ("!a=b", ""), ("", "a"), ("", "spec.x=1")])
def test_what_can_not_be_read_is_refused(labels: str, fields: str) -> None:
    with pytest.raises(UserError):
        selection(POD, labels, fields)


def test_a_field_that_a_kind_does_not_index_is_named() -> None:
    with pytest.raises(UserError, match=r"field label not supported: status\.phase"):
        selection(SERVICE, "", "status.phase=Running")
