"""One JSON line an event on stdout, in the fields that log collectors know (severity, message, time, trace).

No secret ever: what a client typed is not logged at all, neither password nor name (people type passwords into name
fields).
"""

import json
import re
import sys
import time
from typing import Any

# W3C Trace Context section 3.2.2: version-traceid-parentid-flags; the all-zero id is invalid.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def line(severity: str, message: str, **fields: Any) -> None:
    """Write one line; fields that are None or empty are left out."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
    record = {"time": stamp, "severity": severity, "message": message}
    record |= {name: value for name, value in fields.items() if value not in (None, "")}
    # One write a line, so that the lines of threads do not mix.
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def trace_id(traceparent: str) -> str:
    """The trace id of a traceparent header, or an empty string."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    return match[1] if match else ""
