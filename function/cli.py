"""`login-function serve | users ... | keys ... | clients ... | outbox ... | settings | openapi | check | calibrate`.

What a command needs is imported when it runs: `serve` is a cold start.
"""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from function.errors import LoginFunctionError

if TYPE_CHECKING:
    from function.administration.commands import Action


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done; 1 not done, and one sentence on stderr says why; 2 wrong usage."""
    # While imports run, too: for PID 1 the kernel ignores a SIGTERM that nobody handles.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except LoginFunctionError as error:
        print(f"login-function: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="login-function", description="A login service as a serverless function.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="serve HTTP until SIGTERM").set_defaults(run=_serve)
    commands.add_parser("settings", help="print the settings as a Markdown table").set_defaults(run=_settings)
    openapi = commands.add_parser("openapi", help="print the OpenAPI document")
    openapi.add_argument("--markdown", action="store_true", help="as a table of the operations")
    openapi.set_defaults(run=_openapi)
    check = commands.add_parser("check", help="tell what is misconfigured, and what to do about it")
    check.set_defaults(run=_check)
    calibrate = commands.add_parser("calibrate", help="measure the hash rate, and size the manifest for a storm")
    calibrate.set_defaults(run=_calibrate)
    numbers = {
        "--logins": (_count, "100000", "people who log in at once"),
        "--within": (_number, "60", "seconds over which they come"),
        "--wait": (_number, "30", "seconds that nobody is to wait longer than"),
        "--start": (_number, "5", "seconds until new instances answer, from zero"),
        "--cpus": (_number, "1", "vCPUs of an instance"),
        "--seconds": (_number, "3", "how long to measure"),
    }
    for name, (parse, default, what) in numbers.items():
        calibrate.add_argument(name, type=parse, default=default, metavar="N", help=f"{what} (default: %(default)s)")

    users = commands.add_parser("users", help="manage the users in the database").add_subparsers(
        required=True, metavar="ACTION"
    )

    add = users.add_parser("add", help="add a user; asks for the password")
    add.add_argument("name")
    add.add_argument("--if-missing", action="store_true", help="do nothing where the user exists, rather than fail")
    change = users.add_parser("passwd", help="set a user's password, which ends the sessions; asks for it")
    change.add_argument("name")
    for command in (add, change):
        source = command.add_mutually_exclusive_group()
        source.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        source.add_argument("--generate", action="store_true", help="make a password and print it, once")

    users.add_parser("reset", help="print a token that sets a new password once, for the user").add_argument("name")

    users.add_parser("list", help="list the users")
    for action in ("disable", "enable", "delete"):
        users.add_parser(action, help=f"{action} a user").add_argument("name")
    users.add_parser("unlock", help="let a user try again who was locked or throttled").add_argument("name")
    reset = users.add_parser("mfa-reset", help="turn off the second factor of a user, which ends the sessions")
    reset.add_argument("name")
    take = users.add_parser("import", help="import users with their bcrypt hashes: all of a file, or nothing")
    take.add_argument("file", help="JSON lines, CSV, or what another system exports; - is standard input")
    take.add_argument(
        "--format",
        choices=("json", "csv", "keycloak", "supabase"),
        help="default: by the file's name csv, else json; the others are what these systems export",
    )
    take.add_argument(
        "--drop-hashes",
        action="store_true",
        help="take users whose hash is none of bcrypt's without a password, rather than nobody",
    )
    users.add_parser("export", help="print every user as a JSON line, hash included")
    for action, command in users.choices.items():
        command.set_defaults(run=_users, action=action)
    _keys_parser(commands.add_parser("keys", help="rotate the keys that sign access tokens"))
    _clients_parser(commands.add_parser("clients", help="manage who may introspect tokens"))
    _outbox_parser(commands.add_parser("outbox", help="manage the events that wait for K_SINK"))
    return parser


def _keys_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="list the keys, and what each does now")
    actions.add_parser("rotate", help="publish the next key; it signs as soon as everybody can know it")
    retire = actions.add_parser("retire", help="take away a key that has leaked, and all tokens that it has signed")
    retire.add_argument("kid")
    for action, command in actions.choices.items():
        command.set_defaults(run=_keys, action=action)


def _clients_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("add", help="add a client and print its secret, once").add_argument("id")
    actions.add_parser("list", help="list the clients")
    actions.add_parser("remove", help="remove a client").add_argument("id")
    for action, command in actions.choices.items():
        command.set_defaults(run=_clients, action=action)


def _outbox_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="list the events, and why they are there")
    for action, what in (("retry", "have events tried anew"), ("drop", "drop events")):
        command = actions.add_parser(action, help=what)
        command.add_argument("id", nargs="*", help="default: all that were set aside")
    for action, command in actions.choices.items():
        command.set_defaults(run=_outbox, action=action)


def _serve(_options: argparse.Namespace) -> int:
    # Importing makes garbage of next to nothing, and collecting it costs 15 of 260 ms. `serve` turns the collector on.
    gc.disable()
    from function.serve import serve  # noqa: PLC0415

    status = serve()
    sys.stdout.flush()
    # Not through the interpreter's own end: it makes threads exit where they stand, and one that stands in Rust or C++
    # (an import of cryptography, a hash) takes the process with it: 7 of 160 stops under load were aborted.
    os._exit(status)


def _settings(_options: argparse.Namespace) -> int:
    from function.settings import markdown  # noqa: PLC0415

    print(markdown(), end="")
    return 0


def _openapi(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415

    from function import settings  # noqa: PLC0415
    from function.web import openapi  # noqa: PLC0415

    document = openapi.document(settings.load(os.environ).issuer)
    print(openapi.markdown() if options.markdown else json.dumps(document, indent=2) + "\n", end="")
    return 0


def _check(_options: argparse.Namespace) -> int:
    from function.administration.checkup import run  # noqa: PLC0415

    findings = list(run(os.environ))
    for finding in findings:
        print(f"{finding.severity}: {finding.text}")
    return int(any(finding.severity == "error" for finding in findings))


def _calibrate(options: argparse.Namespace) -> int:
    from function import settings  # noqa: PLC0415
    from function.administration import calibrate  # noqa: PLC0415
    from function.credentials.engine import choose  # noqa: PLC0415
    from function.pool import quota  # noqa: PLC0415

    loaded = settings.load(os.environ)
    threads, engine = loaded.hash_threads or quota.detect(), choose(loaded.hash_engine)
    rates = calibrate.measure(loaded.hash_cost, threads, engine, options.seconds)
    storm = calibrate.Storm(options.logins, options.within, options.wait, options.start)
    full = rates[-1]
    planned = calibrate.plan(storm, full.seconds_per_hash, full.width, options.cpus, loaded.login_deadline)
    for line in calibrate.report(rates, storm, planned, options.cpus, loaded.database_connections):
        print(line)
    return 0


def _number(text: str) -> float:
    if not 0 < (value := float(text)) < float("inf"):
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError(text)
    return value


def _users(options: argparse.Namespace) -> int:
    from function.administration.commands import ACTIONS  # noqa: PLC0415

    return _run(ACTIONS, options)


def _keys(options: argparse.Namespace) -> int:
    from function.administration.key_commands import ACTIONS  # noqa: PLC0415

    return _run(ACTIONS, options)


def _clients(options: argparse.Namespace) -> int:
    from function.administration.client_commands import ACTIONS  # noqa: PLC0415

    return _run(ACTIONS, options)


def _outbox(options: argparse.Namespace) -> int:
    from function.administration.outbox_commands import ACTIONS  # noqa: PLC0415

    return _run(ACTIONS, options)


def _run(actions: "Mapping[str, Action]", options: argparse.Namespace) -> int:
    from function.administration.commands import opened  # noqa: PLC0415

    with opened() as (settings, database):
        for line in actions[options.action](settings, database, options):
            print(line)
    return 0
