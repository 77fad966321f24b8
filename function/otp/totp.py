"""Time-based one-time passwords: RFC 6238, which is RFC 4226 with the time for a counter. Decisions only.

    step = Unix seconds // 30
    code = the last six digits of HMAC-SHA-1(secret, step), truncated as RFC 4226 section 5.3 says

SHA-1, 30 seconds and six digits, because that is what every authenticator app does: many ignore what a URI asks for
beyond it. HMAC-SHA-1 has none of SHA-1's weakness (RFC 6151 and RFC 4226 appendix B.2).
"""

import base64
import hashlib
import hmac
import re
import secrets
from urllib.parse import quote, urlsplit

PERIOD = 30
DIGITS = 6
#: 160 bits (RFC 4226 section 4, R6), and 32 characters without padding in base32.
SECRET_BYTES = 20
#: Steps before and after the present one that are taken: who types for longer than what is left of 30 seconds is not
#: refused, nor is a phone whose clock is 30 seconds off (RFC 6238 section 5.2 recommends one step). So three codes out
#: of 10^6 are right at any time, or fewer where one was used.
WINDOW = 1

_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")


def new_secret() -> str:
    """A random secret in base32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of a step (RFC 4226 section 5.3), of a secret in base32."""
    mac = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    at = mac[-1] & 0x0F
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: str, typed: str, now: int) -> int | None:
    """The step near `now` (Unix seconds) that has this code; None where the code is wrong.

    It is for the caller to see that no step is accepted twice (RFC 6238 section 5.2). All steps are compared, each in
    constant time, so how long it takes tells nothing.
    """
    code = re.sub(r"\s", "", typed)  # apps show "123 456"
    if not _CODE.fullmatch(code):
        return None
    present = now // PERIOD
    matches = [
        step
        for step in range(max(0, present - WINDOW), present + WINDOW + 1)
        if hmac.compare_digest(code_at(secret, step), code)
    ]
    # Where one code is that of two steps, the later: the earlier may have been used.
    return matches[-1] if matches else None


def uri(secret: str, issuer: str, name: str) -> str:
    """What an app reads from a QR code (the Key Uri Format of Google Authenticator).

    Args:
        secret: in base32.
        issuer: URL of the issuer. Its host stands before the name; without the port, for a label has one colon.
        name: the user's.
    """
    host = quote(urlsplit(issuer).hostname or issuer, safe="")
    parameters = f"secret={secret}&issuer={host}&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    return f"otpauth://totp/{host}:{quote(name, safe='')}?{parameters}"
