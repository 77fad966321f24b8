"""What a list or a watch may ask of versions, in Kubernetes' words (apimachinery, validation of ListOptions).

Objects are kept as they are now, and changes for a while: a list is always of now, so an exact older version of it has
expired, and `limit` is not needed and sets no `continue`.
"""

from collections.abc import Mapping
from typing import Final

from emulator.errors import Expired, TooLargeVersion, Unprocessable, UserError

EXACT: Final = "Exact"
NOT_OLDER: Final = "NotOlderThan"


def check(args: Mapping[str, str], current: int, *, watch: bool) -> None:
    """Raises Unprocessable, UserError, Expired and TooLargeVersion; `current` is the version of now."""
    match, asked = args.get("resourceVersionMatch", ""), "sendInitialEvents" in args
    version = args.get("resourceVersion", "")
    if match not in {"", EXACT, NOT_OLDER}:
        raise _wrong(
            f'resourceVersionMatch: Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        )
    if watch:
        _check_watch(match, asked=asked)
        return
    if asked:
        raise _wrong("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list")
    if args.get("continue"):
        raise UserError("continue key is not valid: lists are whole here, so none was given out")
    if match and not version:
        raise _wrong(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        )
    if match == EXACT and version == "0":
        raise _wrong(
            'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        )
    if not (version.isascii() and version.isdigit()):
        return
    if int(version) > current:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        details = {"causes": [cause], "retryAfterSeconds": 1}
        raise TooLargeVersion(f"Too large resource version: {version}, current: {current}", details)
    if match == EXACT and int(version) < current:
        raise Expired("The resourceVersion for the provided list is too old.")


def _check_watch(match: str, *, asked: bool) -> None:
    if match and not asked:
        raise _wrong(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
            "provided"
        )
    if asked and match != NOT_OLDER:
        raise _wrong(
            "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        )


def _wrong(words: str) -> Unprocessable:
    details = {"group": "meta.k8s.io", "kind": "ListOptions"}
    return Unprocessable(f'ListOptions.meta.k8s.io "" is invalid: {words}', details)
