import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from function import logs
from function.otp import totp
from tests.function.conftest import PASSWORD, PATIENCE, Served, command

Serve = Callable[..., Served]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PEPPER = "canary-pepper-0123456789abcdef0123456789"
EVENTS_TOKEN = "canary-events-token-0123456789abcdef"


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f" 00-{TRACE}-00f067aa0ba902b7-01 ", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-brings", TRACE),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        ("", ""),
        ("garbage", ""),
    ],
)
def test_the_trace_id_of_a_traceparent(traceparent: str, trace: str) -> None:
    assert logs.trace_id(traceparent) == trace


def test_one_line_a_request_with_trace_outcome_user_client_and_reason(serve: Serve) -> None:
    served = serve(TRUSTED_PROXIES="1")
    url = f"{served.url}/login"
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Forwarded-For": "6.6.6.6, 203.0.113.7"}
    for password in (PASSWORD, "wrong"):
        requests.post(url, json={"username": "alice", "password": password}, headers=headers, timeout=PATIENCE)
    requests.get(f"{served.url}/a-path-that-a-client-made-up", timeout=PATIENCE)
    assert served.stop() == 0
    success, failure, unknown = [line for line in served.lines() if "route" in line]
    assert success["status"] == 200
    assert success["outcome"] == "ok"
    assert success["trace"] == failure["trace"] == TRACE
    # A4: what is left of the hop that our one proxy saw can be forged, and is not believed.
    assert success["client"] == failure["client"] == "203.0.113.7"
    assert re.fullmatch(r"[0-9a-f-]{36}", success["user"])
    assert failure["status"] == 401
    assert failure["outcome"] == "refused"
    assert failure["reason"] == "wrong password"
    assert failure["user"] == success["user"]
    assert unknown["route"] == "unmatched"
    assert unknown["status"] == 404


def self_service(url: str, secrets: set[str]) -> list[requests.Response]:
    """What people do about their accounts, going well and not; what is secret about it goes into `secrets`."""
    session = requests.Session()
    old, new = "canary-of-a-newcomer", "canary-of-a-change"
    refused = ("canary", "canary-canary-canary-", "canary\0with-a-control-character")
    secrets |= {old, new, *refused[1:], json.dumps(refused[-1])[1:-1], "canary-typed-as-a-new-name"}
    bob = {"username": "bob", "password": old}
    told = [
        session.post(f"{url}/users", json=body, timeout=PATIENCE)
        for body in (bob, bob, {"username": "canary-typed-as-a-new-name x", "password": old})
    ]
    told += [session.post(f"{url}/users", json={"username": "c", "password": one}, timeout=PATIENCE) for one in refused]
    tokens = session.post(f"{url}/login", json=bob, timeout=PATIENCE).json()
    secrets |= {tokens["access_token"], tokens["refresh_token"]}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    told += [
        session.post(
            f"{url}/password", json={"password": given, "new_password": wanted}, headers=headers, timeout=PATIENCE
        )
        for given, wanted in ((new, new), *((old, one) for one in (*refused, new)))
    ]
    assert [answer.status_code for answer in told] == [201, 409, 422, 422, 422, 422, 403, 422, 422, 422, 204]
    return told


def reset(url: str, token: str, secrets: set[str]) -> list[requests.Response]:
    """A password reset, likewise."""
    secrets |= {token, "canary-of-a-reset", "canary-typed-as-a-token", "canary-who-forgot"}
    bodies = (
        {"username": "bob"},
        {"username": "canary-who-forgot"},
        {"token": "canary-typed-as-a-token", "new_password": "canary-of-a-reset"},
        {"token": token, "new_password": "canary"},
        {"token": token, "new_password": "canary-of-a-reset"},
        {"token": token, "new_password": "canary-of-a-reset"},
    )
    told = [requests.post(f"{url}/password/reset", json=body, timeout=PATIENCE) for body in bodies]
    assert [answer.status_code for answer in told] == [202, 202, 400, 422, 204, 400]
    return told


def second_factor(url: str, secrets: set[str]) -> list[requests.Response]:
    """What people do about their second factor. What they must be told, and once, is not among what is returned."""
    session = requests.Session()
    dave = {"username": "dave", "password": "canary-of-two-factors"}
    session.post(f"{url}/users", json=dave, timeout=PATIENCE)
    tokens = session.post(f"{url}/login", json=dave, timeout=PATIENCE).json()
    own: dict[str, Any] = {"headers": {"Authorization": f"Bearer {tokens['access_token']}"}, "timeout": PATIENCE}
    password = {"password": dave["password"]}
    enrolled = session.post(f"{url}/mfa/totp", json=password, **own).json()
    step = int(time.time()) // 30
    used, fresh = (totp.code_at(enrolled["secret"], step + later) for later in (0, 1))
    confirmed = session.post(f"{url}/mfa/totp/confirm", json={"otp": used}, **own)
    codes = confirmed.json()["recovery_codes"]
    required = session.post(f"{url}/login", json=dave, timeout=PATIENCE).json()
    challenge = {"challenge": required["challenge"]}
    proofs = [
        {"otp": "canary-typed-as-a-code"},
        {"recovery_code": "canary-recovery-code"},
        {"otp": used},
        {"otp": fresh},
    ]
    told = [session.post(f"{url}/login/mfa", json=challenge | proof, timeout=PATIENCE) for proof in proofs]
    assert [answer.status_code for answer in told] == [403, 403, 403, 200]
    secrets |= {*tokens.values(), *told.pop().json().values()} - {"Bearer", tokens["expires_in"]}
    told += [
        session.get(f"{url}/mfa", **own),
        session.post(f"{url}/login/mfa", json={"challenge": "canary-challenge", "otp": "1"}, timeout=PATIENCE),
        session.post(f"{url}/login/mfa", json={**challenge, "recovery_code": codes[0]}, timeout=PATIENCE),
        session.delete(f"{url}/mfa/totp", json=password | {"recovery_code": codes[0]}, **own),
    ]
    assert [answer.status_code for answer in told[3:]] == [200, 401, 401, 204]
    secrets |= {dave["password"], enrolled["secret"], enrolled["uri"], required["challenge"], *codes}
    # Not the codes that were right: six digits are in any log by chance.
    secrets |= {"canary-typed-as-a-code", "canary-recovery-code", "canary-challenge"}
    return told


def test_no_secret_is_ever_logged_or_told(serve: Serve, tmp_path: Path) -> None:
    served = serve(PEPPER=PEPPER, EVENTS_TOKEN=EVENTS_TOKEN, SIGN_UP="on")
    session, url = requests.Session(), served.url
    secrets = {PASSWORD, PEPPER, EVENTS_TOKEN, "canary-typed-as-a-name", "canary-wrong-password"}
    alice = {"username": "alice", "password": PASSWORD}
    tokens = session.post(f"{url}/login", json=alice, timeout=PATIENCE).json()
    secrets |= {tokens["access_token"], tokens["refresh_token"]}
    told = [
        session.post(f"{url}/login", json={**alice, "password": "canary-wrong-password"}, timeout=PATIENCE),
        session.post(f"{url}/login", json={"username": "canary-typed-as-a-name", "password": "x"}, timeout=PATIENCE),
        session.post(f"{url}/login", data=f'{{"username": "{PASSWORD}"', timeout=PATIENCE),
        session.get(f"{url}/login?password={PASSWORD}", timeout=PATIENCE),
        session.get(f"{url}/{PASSWORD}", timeout=PATIENCE),
        session.get(
            f"{url}/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}x"}, timeout=PATIENCE
        ),
        session.post(f"{url}/token", data={"grant_type": PASSWORD, "refresh_token": PASSWORD}, timeout=PATIENCE),
        session.post(f"{url}/logout", data={"refresh_token": tokens["refresh_token"]}, timeout=PATIENCE),
        session.get(f"{url}/metrics", timeout=PATIENCE),
        *self_service(url, secrets),
        *reset(url, command(tmp_path, "users", "reset", "bob").stdout.strip(), secrets),
        *second_factor(url, secrets),
    ]
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "login.request", "data": alice}
    headers = {"Authorization": f"Bearer {EVENTS_TOKEN}", "Content-Type": "application/cloudevents+json"}
    told.append(session.post(url, data=json.dumps(event), headers=headers, timeout=PATIENCE))
    assert served.stop() == 0
    exported = [json.loads(line) for line in command(tmp_path, "users", "export").stdout.splitlines()]
    secrets |= {user["password_hash"] for user in exported} | {"$2b$", "PRIVATE KEY"}
    for secret in secrets:
        assert secret not in served.log.read_text(), secret
        for response in told:
            assert secret not in response.text, (secret, response.url)
