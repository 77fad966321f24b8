"""The outbox, and its way to the sink (C3)."""

import datetime as dt
import ipaddress
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sink import Sink, listening

from function.errors import StoreUnavailableError
from function.eventing.delivery import BACK_OFF, Delivery, Outcome, Sent, back_off, judge
from function.eventing.outbox import TYPES, Outbox
from function.metrics import Metrics
from function.pool.lanes import ThreadLane
from function.store import outbox as rows
from function.store.base import Database
from function.store.outbox import Depth, Waiting
from tests.function.conftest import PASSWORD, PATIENCE, Served, command, environment

Serve = Callable[..., Served]
EVENT = Waiting("1", "user", "login.failed", "{}", 0, 0)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with listening() as opened:
        yield opened


def add(database: Database, *types: str, user: str = "user", now: int = 0) -> None:
    outbox = Outbox(on=True)
    for number, type_ in enumerate(types):
        database.write(user, lambda connection: outbox.add(connection, type_, user, {"number": number}, now))  # noqa: B023


def delivery(database: Database, statuses: dict[str, int], sent: list[Waiting], **options: int) -> Delivery:
    """One whose sink answers by the event's type, else 200."""

    def send(event: Waiting) -> Sent:
        sent.append(event)
        return Sent(event, statuses.get(event.type, 200))

    settings = {"limit": 100, "attempts": 3, "lease": 60, "poll": 60, **options}
    return Delivery(lambda: database, send, threading.Event, Metrics(), "me", **settings)  # type: ignore[arg-type]


def waiting(database: Database) -> list[rows.Listed]:
    return list(database.read(rows.every))


@pytest.mark.parametrize(
    ("status", "attempts", "outcome"),
    [
        (200, 0, Outcome.DELIVERED),
        (202, 98, Outcome.DELIVERED),
        (0, 0, Outcome.AGAIN),
        (500, 0, Outcome.AGAIN),
        (503, 8, Outcome.AGAIN),
        (503, 9, Outcome.PARKED),
        (0, 9, Outcome.PARKED),
        *((status, 0, Outcome.AGAIN) for status in (404, 408, 409, 429)),
        *((status, 0, Outcome.PARKED) for status in (301, 307, 400, 401, 403, 413, 415)),
    ],
)
def test_c3_an_answer_means_what_it_means_to_knative(status: int, attempts: int, outcome: Outcome) -> None:
    assert judge(Sent(EVENT._replace(attempts=attempts), status), 10) is outcome


def test_c3_pauses_double_up_to_a_bound() -> None:
    assert [back_off(attempts) for attempts in (1, 2, 3, 9, 10, 1000)] == [1, 2, 4, 256, BACK_OFF, BACK_OFF]


def test_c3_nothing_is_written_without_a_sink(database: Database) -> None:
    database.write("u", lambda connection: Outbox(on=False).add(connection, "login.failed", "u", {}, 0))
    assert waiting(database) == []


def test_c3_what_is_rolled_back_is_not_told(database: Database) -> None:
    def work(connection: object) -> None:
        Outbox(on=True).add(connection, "login.failed", "u", {}, 0)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write("u", work)
    assert waiting(database) == []


def test_c3_a_users_events_come_in_order_and_others_do_not_wait(database: Database) -> None:
    add(database, "user.created", "login.succeeded", "user.disabled", user="a")
    add(database, "login.failed", user="b")
    sent: list[Waiting] = []
    deliver = delivery(database, {"user.created": 503}, sent)
    while deliver._step() is not None:
        pass
    assert [(event.subject, event.type) for event in sent] == [("a", "user.created"), ("b", "login.failed")]
    [first, *behind] = waiting(database)
    assert (first.attempts, first.failure) == (1, "HTTP 503")
    assert first.due_at > time.time() - PATIENCE
    assert [event.type for event in behind] == ["login.succeeded", "user.disabled"]


def test_c3_what_is_refused_for_ever_is_set_aside_and_the_next_go_on(database: Database) -> None:
    add(database, "user.created", "login.succeeded")
    sent: list[Waiting] = []
    deliver = delivery(database, {"user.created": 400}, sent)
    assert [deliver._step(), deliver._step(), deliver._step()] == [Outcome.PARKED, Outcome.DELIVERED, None]
    [parked] = waiting(database)
    assert (parked.type, parked.parked, parked.failure) == ("user.created", 1, "HTTP 400")
    assert 'login_events_sent_total{type="user.created",outcome="parked"} 1' in deliver._metrics.text({})


def test_c3_after_so_many_attempts_it_is_set_aside(database: Database) -> None:
    add(database, "user.created")
    sent: list[Waiting] = []
    deliver = delivery(database, {"user.created": 503}, sent, attempts=3)
    for expected in (Outcome.AGAIN, Outcome.AGAIN, Outcome.PARKED, None):
        database.write("o", lambda connection: connection.change("UPDATE outbox SET due_at = 0"))
        assert deliver._step() is expected
    assert [event.attempts for event in sent] == [0, 1, 2]


def test_c3_who_was_slower_than_its_lease_neither_removes_nor_fails_what_is_anothers(database: Database) -> None:
    add(database, "user.created")
    due = database.read(lambda connection: rows.first(connection, 0))
    assert due is not None
    assert database.write("o", lambda connection: rows.claim(connection, due, "a", 60))
    assert not database.write("o", lambda connection: rows.claim(connection, due, "b", 60))
    assert database.read(lambda connection: rows.first(connection, 59)) is None
    late = database.read(lambda connection: rows.first(connection, 60))
    assert late is not None
    assert database.write("o", lambda connection: rows.claim(connection, late, "b", 120))
    database.write("o", lambda connection: rows.remove(connection, due.event.id, "a"))
    database.write("o", lambda connection: rows.fail(connection, due.event.id, "a", 0, "slow", parked=True))
    [event] = waiting(database)
    assert (event.parked, event.attempts, event.due_at) == (0, 0, 120)


def test_c3_over_the_limit_the_least_are_dropped_the_oldest_first(database: Database) -> None:
    add(database, "login.failed", user="a", now=1)
    add(database, "user.created", user="b", now=2)
    add(database, "login.failed", user="c", now=3)
    add(database, "password.reset_requested", user="d", now=0)
    deliver = delivery(database, {}, [], limit=3)
    deliver._trim()
    assert deliver.depth == Depth(4, 0)
    assert [event.subject for event in waiting(database)] == ["d", "b", "c"]
    database.write("o", lambda connection: connection.change("UPDATE outbox SET parked = 1 WHERE subject = 'd'"))
    delivery(database, {}, [], limit=2)._trim()
    assert [event.subject for event in waiting(database)] == ["b", "c"]
    delivery(database, {}, [], limit=1)._trim()
    assert [event.subject for event in waiting(database)] == ["b"]


def test_c3_what_is_set_aside_holds_up_nothing(database: Database) -> None:
    add(database, *["user.created"] * 20, "login.succeeded")
    sent: list[Waiting] = []
    deliver = delivery(database, {"user.created": 400}, sent)
    deliver._ended.set()  # it was not running
    assert deliver.drain(PATIENCE) == Depth(0, 20)
    assert len(sent) == 21


def test_c3_while_the_database_is_lost_it_waits(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    def lost() -> Database:
        raise StoreUnavailableError("lost")

    deliver = delivery(database, {}, [])
    deliver._database = lost
    assert deliver._step() is Outcome.AGAIN
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["severity"], line["reason"]) for line in told} == {("WARNING", "lost")}


def test_c3_a_delivery_that_meets_an_error_goes_on(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    add(database, "user.created")
    sent: list[Waiting] = []
    deliver = delivery(database, {}, sent)
    broken = iter([RuntimeError("lost"), RuntimeError("lost")])

    def opened() -> Database:
        for error in broken:
            raise error
        return database

    deliver._database = opened
    assert deliver._step() is Outcome.AGAIN
    assert deliver._step() is Outcome.DELIVERED
    assert "RuntimeError: lost" in capsys.readouterr().out


def test_c3_an_idle_instance_does_not_ask_all_the_time(database: Database) -> None:
    reads = []
    deliver = delivery(database, {}, [])
    deliver._database = lambda: reads.append(1) or database  # type: ignore[func-returns-value]
    thread = threading.Thread(target=deliver.run)
    thread.start()
    time.sleep(1)
    deliver.drain(PATIENCE)
    thread.join(PATIENCE)
    # Pauses of 0.05, 0.1, 0.2, 0.4, 0.8 ...: five looks in a second, and those of drain.
    assert len(reads) <= 12


#: Adds 50 events of each of 4 users, whose ids it takes.
WRITER = """
import sys
from function.errors import StoreUnavailableError
from function.pool.lanes import ThreadLane
from function.eventing.outbox import Outbox
from function.store.locate import locate
from function.store.sqlite import SqliteDatabase
database, outbox = SqliteDatabase(locate(sys.argv[1], {}).path, ThreadLane(1)), Outbox(on=True)
for number in range(50):
    for user in sys.argv[2:]:
        database.write(user, lambda connection: outbox.add(connection, "login.failed", user, {"number": number}, 0))
"""


def test_c3_several_instances_deliver_each_once_and_in_order(serve: Serve, sink: Sink, tmp_path: Path) -> None:
    settings = {"K_SINK": sink.url, "OUTBOX_POLL": "0.1"}
    for _ in range(3):
        serve(**settings)
    users = ["a", "b", "c", "d"]
    database = environment(tmp_path, {})["DATABASE_URL"]
    subprocess.run([sys.executable, "-c", WRITER, database, *users], check=True, timeout=PATIENCE)
    end = time.monotonic() + PATIENCE
    while len(sink.received) < 200 and time.monotonic() < end:
        time.sleep(0.02)
    for user in users:
        assert [event.data["number"] for event in sink.of(user)] == list(range(50))


def seed(folder: Path, *types: str) -> None:
    from function.store.sqlite import SqliteDatabase  # noqa: PLC0415

    database = SqliteDatabase(folder / "login.db", ThreadLane(1))
    add(database, *types, now=int(time.time()))
    database.close()


def test_c3_what_an_instance_had_in_hand_when_it_was_killed_is_delivered_by_another(
    serve: Serve, sink: Sink, tmp_path: Path
) -> None:
    settings = {"K_SINK": sink.url, "OUTBOX_LEASE": "2", "OUTBOX_POLL": "0.2"}
    seed(tmp_path, "user.created", "login.succeeded")
    sink.open.clear()
    killed = serve(**settings)
    end = time.monotonic() + PATIENCE
    while not sink.received and time.monotonic() < end:
        time.sleep(0.01)
    killed.process.kill()
    killed.process.wait(PATIENCE)
    sink.open.set()
    assert [event.type for event in sink.received] == ["user.created"]
    serve(**settings)
    # Twice, under one id: at least once, and who counts by id counts it once.
    [first, again, _] = sink.until("user.created", "user.created", "login.succeeded", user="user")
    assert first.id == again.id


def test_c3_a_sink_that_is_down_is_tried_again_and_events_are_there_when_it_is_back(
    serve: Serve, unused_port: int, tmp_path: Path
) -> None:
    seed(tmp_path, "user.created", "login.succeeded")
    served = serve(K_SINK=f"http://127.0.0.1:{unused_port}/", OUTBOX_POLL="0.2")
    assert "Connection refused" in served.line("an event was not delivered")["reason"]
    with listening(port=unused_port) as sink:
        sink.until("user.created", "login.succeeded", user="user")


def test_c3_an_instance_that_is_stopped_drains_first(serve: Serve, sink: Sink, tmp_path: Path) -> None:
    # It is asleep when they are written, for an hour.
    served = serve(K_SINK=sink.url, OUTBOX_POLL="3600")
    time.sleep(0.2)
    seed(tmp_path, *["login.failed"] * 20)
    assert served.stop() == 0
    assert len(sink.of("user")) == 20
    assert served.line("stopped")["undelivered"] == 0


def test_c3_a_sink_that_hangs_does_not_hold_up_the_end(serve: Serve, sink: Sink, tmp_path: Path) -> None:
    seed(tmp_path, "login.failed")
    sink.open.clear()
    served = serve(K_SINK=sink.url, GRACE_PERIOD="1")
    end = time.monotonic() + PATIENCE
    while not sink.received and time.monotonic() < end:
        time.sleep(0.01)
    assert requests.get(f"{served.url}/livez", timeout=PATIENCE).status_code == 200
    assert served.stop() == 0
    assert served.line("stopped")["undelivered"] == 1


def test_c3_attributes_are_those_of_the_binding(serve: Serve, sink: Sink, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature\n")
    seed(tmp_path, "login.failed")
    overrides = json.dumps({"extensions": {"tenant": "a b"}})
    serve(K_SINK=sink.url, K_CE_OVERRIDES=overrides, SINK_TOKEN_FILE=str(token), ISSUER="https://login.example")
    [event] = sink.until("login.failed", user="user")
    expected = {
        "ce-specversion": "1.0",
        "ce-source": "https://login.example",
        "ce-partitionkey": "user",
        "ce-tenant": "a%20b",
        "authorization": "Bearer header.payload.signature",
        "content-type": "application/json",
    }
    assert {name: event.headers[name] for name in expected} == expected
    assert (
        abs(time.mktime(time.strptime(event.headers["ce-time"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime()))
        < 300
    )
    assert event.data == {"sub": "user", "number": 0}


def test_c3_a_login_is_told_though_its_instance_is_killed_at_once(serve: Serve, unused_port: int) -> None:
    settings = {"K_SINK": f"http://127.0.0.1:{unused_port}/", "OUTBOX_LEASE": "1", "OUTBOX_POLL": "0.2"}
    killed = serve(**settings)
    alice = {"username": "alice", "password": PASSWORD}
    tokens = requests.post(f"{killed.url}/login", json=alice, timeout=PATIENCE).json()
    killed.process.kill()
    killed.process.wait(PATIENCE)
    sub = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]
    with listening(port=unused_port) as sink:
        serve(**settings)
        sink.until("login.succeeded", user=sub)


def test_c3_a_sink_is_believed_by_the_authorities_of_the_binding(serve: Serve, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "sink.pem").write_text(plain + pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "sink.pem")
    seed(tmp_path, "user.created")
    with listening(tls=tls) as sink:
        distrusting = serve(K_SINK=sink.url)
        assert "CERTIFICATE_VERIFY_FAILED" in distrusting.line("an event was not delivered")["reason"]
        assert distrusting.stop() == 0
        serve(K_SINK=sink.url, K_CA_CERTS=pem, OUTBOX_POLL="0.2")
        sink.until("user.created", user="user")


def test_c3_what_was_set_aside_is_listed_retried_and_dropped(serve: Serve, sink: Sink, tmp_path: Path) -> None:
    seed(tmp_path, "user.created", "login.succeeded")
    sink.status = 400
    served = serve(K_SINK=sink.url, OUTBOX_POLL="0.2")
    sink.until("user.created", "login.succeeded", user="user")
    listed = []
    end = time.monotonic() + PATIENCE
    while len(listed) < 2 and time.monotonic() < end:
        listed = [
            line.split("\t") for line in command(tmp_path, "outbox", "list").stdout.splitlines() if "parked" in line
        ]
    assert [(type_, why) for _, type_, _, _, why in listed] == [
        ("user.created", "1 failed, the last with HTTP 400"),
        ("login.succeeded", "1 failed, the last with HTTP 400"),
    ]
    assert command(tmp_path, "outbox", "drop", listed[0][0]).stdout == "1 dropped\n"
    assert command(tmp_path, "outbox", "drop", listed[0][0]).stderr.startswith("login-function: There is no event")
    sink.status = 202
    assert command(tmp_path, "outbox", "retry").stdout == "1 will be tried again\n"
    sink.until("user.created", "login.succeeded", "login.succeeded", user="user")
    end = time.monotonic() + PATIENCE
    while command(tmp_path, "outbox", "list").stdout and time.monotonic() < end:
        pass
    metrics = requests.get(f"{served.url}/metrics", timeout=PATIENCE).text
    assert 'login_events_sent_total{type="user.created",outcome="parked"} 1' in metrics


def test_every_type_has_its_worth() -> None:
    assert set(TYPES) == {
        "login.succeeded",
        "login.failed",
        "login.locked",
        "token.reuse_detected",
        "user.created",
        "user.disabled",
        "password.reset_requested",
    }
