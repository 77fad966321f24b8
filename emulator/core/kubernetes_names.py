"""Names that Kubernetes takes, and in its words what is wrong with others (apimachinery pkg/util/validation)."""

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

_LABEL_LENGTH = 63
_SUBDOMAIN_LENGTH = 253

_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    f" '{_LABEL}')"
)
_LABEL_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is"
    f" '{_LABEL_1035}')"
)
_QUALIFIED_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    f" (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)


def dns_1035_label(name: str) -> list[str]:
    return _checked(name, _LABEL_1035, _LABEL_LENGTH, _LABEL_1035_WORDS)


def dns_1035_prefix(name: str) -> list[str]:
    """The same for a generateName: the dash at its end will be followed by something."""
    return dns_1035_label(name[:-2] + "a" if len(name) > 1 and name.endswith("-") else name)


def dns_1123_label(name: str) -> list[str]:
    return _checked(name, _LABEL, _LABEL_LENGTH, _LABEL_WORDS)


def dns_1123_subdomain(name: str) -> list[str]:
    return _checked(name, _SUBDOMAIN, _SUBDOMAIN_LENGTH, _SUBDOMAIN_WORDS)


def qualified_name(text: str) -> list[str]:
    """`name` or `prefix/name`, as keys of labels are."""
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a qualified name {_QUALIFIED_WORDS} {optional}"]
    wrong = []
    if slash and not prefix:
        wrong.append("prefix part must be non-empty")
    elif slash:
        wrong += [f"prefix part {words}" for words in dns_1123_subdomain(prefix)]
    if not name:
        wrong.append("name part must be non-empty")
    elif len(name.encode()) > _LABEL_LENGTH:
        wrong.append(f"name part must be no more than {_LABEL_LENGTH} bytes")
    if not re.fullmatch(_QUALIFIED, name):
        wrong.append(f"name part {_QUALIFIED_WORDS}")
    return wrong


def _checked(name: str, regex: str, length: int, words: str) -> list[str]:
    wrong = [f"must be no more than {length} characters"] if len(name.encode()) > length else []
    return wrong if re.fullmatch(regex, name) else [*wrong, words]
