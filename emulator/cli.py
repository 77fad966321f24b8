"""`knative-emulator`: up, down, apply, get, delete, logs, status, explain, simulate, replay.

Exit codes: 0 done; 1 it can't be done, and one sentence on standard error says why; 2 the command line is wrong.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from emulator.api import kinds
from emulator.errors import EmulatorError, UserError
from emulator.simulation.options import add_options, add_replay_options

#: Seconds that `up` and `apply` wait for what they made to become Ready before they say what keeps it.
WAIT = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except EmulatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing to say to anyone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _up(options: argparse.Namespace) -> int:
    from emulator import detach, up  # noqa: PLC0415 - gevent and the rest are paid by `up` alone

    if options.detach:
        return detach.run_detached(options.state_dir, lambda on_up: up.run(options, on_up))
    return up.run(options, lambda _: None)


def _down(options: argparse.Namespace) -> int:
    from emulator import detach  # noqa: PLC0415

    print("stopped" if detach.stop(options.state_dir) else "no emulator was running")
    return 0


def _apply(options: argparse.Namespace) -> int:
    from emulator.client import Client  # noqa: PLC0415
    from emulator.manifests import AWAITED, read_manifests  # noqa: PLC0415
    from emulator.report import wait_ready  # noqa: PLC0415

    documents = read_manifests(options.filename, options.namespace)
    client = Client(options.state_dir)
    awaited = []
    for kind, document in documents:
        outcome, stored, warnings = client.apply(kind, document)
        for warning in warnings:
            print(f"Warning: {warning}", file=sys.stderr)
        print(f"{kind.resource}/{stored['metadata']['name']} {outcome}")
        if kind in AWAITED:
            awaited.append((kind, stored["metadata"]["namespace"], stored["metadata"]["name"]))
    return 0 if options.no_wait else wait_ready(client, awaited, options.timeout)


def _get(options: argparse.Namespace) -> int:
    from emulator.client import Client  # noqa: PLC0415
    from emulator.report import print_objects  # noqa: PLC0415

    kind = kinds.named(options.kind)
    client = Client(options.state_dir)
    if options.name:
        objects = [client.get(kind, options.namespace, options.name)]
    else:
        objects = client.items(kind, None if options.all_namespaces else options.namespace)
    print_objects(kind, objects, options.output, single=bool(options.name), namespaces=options.all_namespaces)
    return 0


def _delete(options: argparse.Namespace) -> int:
    from emulator.client import Client  # noqa: PLC0415
    from emulator.manifests import read_manifests  # noqa: PLC0415

    if options.filename:
        documents = read_manifests(options.filename, options.namespace)
        goners = [(kind, doc["metadata"]["namespace"], doc["metadata"]["name"]) for kind, doc in reversed(documents)]
    elif options.kind and options.name:
        goners = [(kinds.named(options.kind), options.namespace, name) for name in options.name]
    else:
        raise UserError("say what to delete: `delete ksvc NAME` or `delete -f FILE`")
    client = Client(options.state_dir)
    for kind, namespace, name in goners:
        client.delete(kind, namespace, name)
        print(f'{kind.resource} "{name}" deleted')
    return 0


def _logs(options: argparse.Namespace) -> int:
    from emulator.client import Client  # noqa: PLC0415
    from emulator.report import print_logs  # noqa: PLC0415

    print_logs(Client(options.state_dir), options.namespace, options.name, follow=options.follow, tail=options.tail)
    return 0


def _status(options: argparse.Namespace) -> int:
    from emulator.client import Client  # noqa: PLC0415
    from emulator.report import print_status  # noqa: PLC0415

    print_status(Client(options.state_dir).status(), options.output)
    return 0


def _simulate(options: argparse.Namespace) -> int:
    from emulator.simulation import command  # noqa: PLC0415

    return command.run(options)


def _replay(options: argparse.Namespace) -> int:
    from emulator.simulation import replay  # noqa: PLC0415

    return replay.run(options)


def _explain(options: argparse.Namespace) -> int:
    from emulator.client import Client  # noqa: PLC0415
    from emulator.record import explain, reader  # noqa: PLC0415

    if options.file:
        record = reader.read(options.file)
        end = record.end
    else:
        record = reader.decode(Client(options.state_dir).history(), "the history of the emulator")
        end = time.time() - record.header.started
    name = options.name and (options.name if "/" in options.name else f"{options.namespace}/{options.name}")
    print(explain.tell(record, name, options.at, end))
    return 0


def _joined(argv: Sequence[str]) -> list[str]:
    """`--at -30s` as one word: else it looks like an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--at":
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="knative-emulator", description="Knative on one machine, without Kubernetes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        sub.add_argument(
            "--state-dir",
            type=lambda text: Path(text).absolute(),
            default=os.environ.get("KNATIVE_EMULATOR_STATE_DIR", str(Path.home() / ".knative-emulator")),
            help="folder of the objects, kubeconfig, certificates and lock (default %(default)s)",
        )
        sub.add_argument("-n", "--namespace", default="default", help="namespace (default %(default)s)")
        return sub

    def wait(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--timeout", type=float, default=WAIT, help="seconds to wait for Ready (default %(default)s)")
        sub.add_argument("--no-wait", action="store_true", help="don't wait for Ready")

    up = add("up", _up, "start the emulator, and apply manifests to it")
    up.add_argument("-f", "--filename", action="append", default=[], help="manifest file or folder; may be repeated")
    up.add_argument(
        "--port", type=_port, default=8080, help="port of the gateway on loopback (default %(default)s; 0: any)"
    )
    up.add_argument("--api-port", type=_port, default=8443, help="port of the API (default %(default)s; 0: any)")
    up.add_argument("--config", type=Path, help="configuration file (default knative-emulator.yaml, if there is one)")
    up.add_argument(
        "--runtime",
        choices=("auto", "process", "docker"),
        default="auto",
        help="what runs instances (default auto: a process for an image with a line under `images:`, else a container)",
    )
    up.add_argument("--fresh", action="store_true", help="forget the objects of before, for good")
    up.add_argument("--demo", action="store_true", help="go to zero within 15 s: window 6 s, grace 5 s")
    up.add_argument(
        "--record",
        metavar="FILE",
        type=lambda text: Path(text).absolute(),
        help="write what comes and what is decided to a new file, as JSON lines",
    )
    up.add_argument("-d", "--detach", action="store_true", help="go on in the background once it is ready")
    wait(up)

    add("down", _down, "stop the emulator that runs in the background")

    apply = add("apply", _apply, "create or change what manifests describe, and wait until it is ready")
    apply.add_argument("-f", "--filename", action="append", required=True, help="manifest file, folder or - ")
    wait(apply)

    get = add("get", _get, "list objects, or show one")
    get.add_argument("kind", help="ksvc, revision, configuration, route, pod, secret, ...")
    get.add_argument("name", nargs="?")
    get.add_argument("-o", "--output", choices=("table", "json", "yaml", "name"), default="table")
    get.add_argument("-A", "--all-namespaces", action="store_true")

    delete = add("delete", _delete, "delete objects and all that they own")
    delete.add_argument("kind", nargs="?")
    delete.add_argument("name", nargs="*")
    delete.add_argument("-f", "--filename", action="append", help="delete what a manifest describes")

    logs = add("logs", _logs, "print what the instances of a Service, or one instance, have printed")
    logs.add_argument("name", help="name of a Service, a Configuration, a Revision or an instance")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines come, from new instances too")
    logs.add_argument("--tail", type=int, help="only the last so many lines of each instance")

    simulate = add(
        "simulate", _simulate, "ask beforehand: the same decisions on simulated time, under a load of your own"
    )
    add_options(simulate)
    add_replay_options(
        add("replay", _replay, "what another manifest would have done with what came: on simulated time")
    )

    status = add("status", _status, "what runs, how much, and why")
    status.add_argument("-o", "--output", choices=("text", "json"), default="text")
    explain = add("explain", _explain, "why there were as many instances as there were, in sentences")
    explain.add_argument("name", nargs="?", default="", help="a Service or a Revision (default: all)")
    explain.add_argument(
        "--at",
        default="-0s",
        help="-30s: before now, or the end of the file; 31s or 1h30m: after its begin; or a time, 12:00:31",
    )
    explain.add_argument("--file", type=Path, help="a record (default: what the running emulator remembers)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
