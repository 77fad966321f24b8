"""What people do about their own second factor: see, enrol, confirm, remove, renew the recovery codes.

To enrol takes the current password, as changing it does: NIST SP 800-63B-4 section 4.1.2 binds an authenticator after
the user has proved what there is already, and OWASP's cheat sheet on multifactor authentication says the same. A fresh
login would do too, but an access token does not tell a login from a refresh, so it is the password itself. Whoever has
found a token can then neither shut its owner out with an authenticator of their own nor take the owner's away, which
takes a code as well.
"""

from collections.abc import Mapping

from flask import Response

from function.endpoints.oauth import Bearer, bearer
from function.endpoints.second_step import FIELDS, proof_of, verified
from function.endpoints.selfservice import current_hash
from function.errors import Refusal
from function.otp import totp
from function.otp.second_factor import off
from function.service import Service
from function.web.answers import document, empty
from function.web.call import Call

_NO_STORE = {"Cache-Control": "no-store"}


def state(service: Service, call: Call) -> Response:
    """GET /mfa: whether there is a second factor, and how many recovery codes are left."""
    found = service.second_factor.state(bearer(service, call).user, service.now())
    return document(found._asdict(), headers=_NO_STORE)


def enrol(service: Service, call: Call) -> Response:
    """POST /mfa/totp: the current password for a new secret, which waits for its first code."""
    held = bearer(service, call)
    _check_password(service, call, held, call.fields(("password",)))
    secret = service.second_factor.enrol(held.user, service.now())
    uri = totp.uri(secret, service.settings.issuer, held.user.name)
    expires_in = service.second_factor.enrolment_ttl
    return document({"secret": secret, "uri": uri, "expires_in": expires_in}, headers=_NO_STORE)


def confirm(service: Service, call: Call) -> Response:
    """POST /mfa/totp/confirm: the first code turns the second factor on. The recovery codes are told here and once."""
    held = bearer(service, call)
    fields = call.fields(("otp",))
    if "otp" not in fields:
        raise Refusal(400, "Send otp.")
    codes = service.second_factor.confirm(held.user, held.session_id, fields["otp"], service.now())
    return document({"recovery_codes": codes}, headers=_NO_STORE)


def remove(service: Service, call: Call) -> Response:
    """DELETE /mfa/totp: the current password and a code turn the second factor off."""
    held = _proved(service, call)
    service.second_factor.remove(held.user, held.session_id)
    return empty()


def renew_codes(service: Service, call: Call) -> Response:
    """POST /mfa/recovery-codes: the current password and a code for new recovery codes; the old ones are gone."""
    held = _proved(service, call)
    return document({"recovery_codes": service.second_factor.renew_codes(held.user)}, headers=_NO_STORE)


def _proved(service: Service, call: Call) -> Bearer:
    """The bearer, who has sent the current password and a second factor.

    Raises:
        Refusal: 409 where there is none, 403 where either is wrong, and as `current_hash` and `verified`.
    """
    held = bearer(service, call)
    fields = call.fields(("password", *FIELDS))
    proof = proof_of(fields)
    if not any(proof):
        raise Refusal(400, "Send password, and otp or recovery_code.")
    if service.second_factor.state(held.user, service.now()).totp != "on":
        raise off()
    _check_password(service, call, held, fields)
    verified(service, call, held.user, proof)
    return held


def _check_password(service: Service, call: Call, held: Bearer, fields: Mapping[str, str]) -> None:
    if "password" not in fields:
        raise Refusal(400, "Send password.")
    current_hash(service, call, held.user, fields["password"])
