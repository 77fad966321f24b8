"""The error tree. Each error says whose fault it is (its status) and what to do (its detail)."""

from collections.abc import Mapping
from typing import Any


class LoginFunctionError(Exception):
    """Root of everything this package raises on purpose."""


class SettingsError(LoginFunctionError):
    """The operator's: a setting has a bad value. The message is one sentence that names the variable."""


class StoreError(LoginFunctionError):
    """The operator's: the database cannot be opened or used. The message says what to do."""


class StoreUnavailableError(StoreError):
    """Nobody's fault here: the database is lost at the moment, or its disk is full. Worth another try; HTTP 503."""


class InputError(LoginFunctionError):
    """The operator's: a command line or an import file is wrong. The message says where."""


class BadHashError(LoginFunctionError):
    """A stored hash that no scheme here can read, or whose pepper is not among the settings (N9)."""


class PolicyError(LoginFunctionError):
    """The user's: a password that may not be set. The message begins with "the password" and says why."""


class Refusal(LoginFunctionError):
    """An answer other than success, on its way to the client.

    Attributes:
        status: the HTTP status.
        detail: one sentence for a person; it never tells what the contract keeps secret (A1).
        code: RFC 6749 section 5.2 error code, used where the route is an OAuth endpoint.
        headers: further response headers, such as Retry-After.
        reason: what the log says and the client does not learn.
        members: further members of the problem details (RFC 9457 section 3.2), for a program to act on.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "invalid_request",
        headers: Mapping[str, str] | None = None,
        reason: str = "",
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.headers = dict(headers or {})
        self.reason = reason
        self.members = dict(members or {})


class SecondFactorNeededError(LoginFunctionError):
    """A session cannot begin with the password alone."""


def invalid_token(reason: str) -> Refusal:
    """RFC 6750 section 3.1: one answer, whatever is wrong with an access token."""
    return Refusal(
        401,
        "The access token is not valid.",
        code="invalid_token",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        reason=reason,
    )
