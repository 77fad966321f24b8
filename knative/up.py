"""`make up`: the login function in the emulator on this machine, a first user, and the line to paste next.

Nothing here is special to this machine: it types what a person would type, `login-function users add` and
`knative-emulator up` with the cluster's manifest and a Secret that points at an SQLite file. `make down` is `--stop`.

One state folder has one emulator, and what it runs is found from the folder that it was started in: to apply this
folder's manifests to one that was started in another would leave people wondering whose code and whose users answer.
"""

import argparse
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

BIN = Path(sys.executable).parent
EMULATOR = BIN / "knative-emulator"
SECRET = Path("knative/local/secret.yaml")
MANIFESTS = ("-f", str(SECRET), "-f", "knative/service.yaml")
PASSWORD_FILE = Path(".data/demo-password")
USER = "demo"


def main() -> int:
    """Start, or bring up to date what runs, and print what to type; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m knative.up", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8080, help="port of the gateway (default %(default)s)")
    parser.add_argument("--api-port", type=int, default=8443, help="port of the API (default %(default)s)")
    parser.add_argument("--stop", action="store_true", help="stop what runs instead")
    options = parser.parse_args()
    started = float(os.environ.get("STARTED") or time.time())
    running = status()
    if running and (folder := Path(running["folder"])) != Path.cwd():
        print(f"error: {elsewhere(folder, stop=options.stop)}", file=sys.stderr)
        return 1
    if options.stop:
        return subprocess.run([EMULATOR, "down"], check=False).returncode
    if not running and (taken := taken_ports({"PORT": options.port, "API_PORT": options.api_port})):
        print(f"error: {taken}", file=sys.stderr)
        return 1
    port = port_of(running) if running else options.port
    password = demo_password()
    # Each says itself what keeps it.
    if code := add_user(password) or start(port, options.api_port, running=running is not None):
        return code
    if port != options.port:
        print(f"It runs on port {port} already: `make down` first to have it on {options.port}.")
    login = json.dumps({"username": USER, "password": password})
    print(
        f"up in {time.time() - started:.1f} s. A first login:\n\n"
        f"  curl -i http://login.default.localhost:{port}/login -H 'Content-Type: application/json' -d '{login}'\n\n"
        "Left alone for 15 s it goes to zero; the same line then starts it again. What runs, and why:\n\n"
        f"  {BIN.relative_to(Path.cwd())}/knative-emulator status\n\n"
        "`make down` stops it."
    )
    return 0


def status() -> dict[str, Any] | None:
    """What the emulator of this state folder says of itself, if one runs."""
    done = subprocess.run([EMULATOR, "status", "-o", "json"], capture_output=True, check=False)
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return found


def elsewhere(folder: Path, *, stop: bool) -> str:
    """What to do about an emulator that was started in another folder."""
    if stop:
        return f"what runs was started in {folder}: `make down` there stops it"
    return (
        f"an emulator runs already that was started in {folder}: `make down` there, or have one beside it: "
        "`export KNATIVE_EMULATOR_STATE_DIR=$PWD/.data/emulator; make up PORT=9090 API_PORT=9443`"
    )


def taken_ports(ports: dict[str, int]) -> str:
    """What to do about ports, by their names in the Makefile, that other programs listen on; "" if none does."""
    taken = {name: port for name, port in ports.items() if port and not _is_free(port)}
    if not taken:
        return ""
    told = " and ".join(f"port {port}" for port in taken.values())
    are = "are" if len(taken) > 1 else "is"
    others = " ".join(f"{name}={port + 1000}" for name, port in taken.items())
    return f"{told} {are} taken by another program: stop it, or choose another port with `make up {others}`"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def demo_password() -> str:
    """The demo user's password: made once, kept in a file that only its owner reads."""
    PASSWORD_FILE.parent.mkdir(mode=0o700, exist_ok=True)
    if not PASSWORD_FILE.exists():
        with os.fdopen(os.open(PASSWORD_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(18))
    return PASSWORD_FILE.read_text()


def add_user(password: str) -> int:
    """Add the demo user to the database that the Secret names, unless it is there; returns the exit code."""
    url = yaml.safe_load(SECRET.read_text())["stringData"]["url"]
    command = [str(BIN / "login-function"), "users", "add", USER, "--password-stdin", "--if-missing"]
    environ = os.environ | {"DATABASE_URL": url}
    return subprocess.run(command, input=password.encode(), env=environ, check=False).returncode


def start(port: int, api_port: int, *, running: bool) -> int:
    """Start an emulator in the background, or apply the manifests to the one that runs; returns its exit code."""
    up = ["up", "--demo", "--detach", "--port", str(port), "--api-port", str(api_port)]
    return subprocess.run([EMULATOR, *(["apply"] if running else up), *MANIFESTS], check=False).returncode


def port_of(running: dict[str, Any]) -> int:
    """The port of the gateway that runs."""
    return int(running["gateway"].rpartition(":")[2])


if __name__ == "__main__":
    sys.exit(main())
