"""`make up`: the login function in the emulator on this machine, a first user, and the line to paste next.

Nothing here is special to this machine: it types what a person would type, `login-function users add` and
`knative-emulator up` with the cluster's manifest and a Secret that points at an SQLite file.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

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
    port = parser.parse_args().port
    started = float(os.environ.get("STARTED") or time.time())
    password = demo_password()
    # Each says itself what keeps it.
    if code := add_user(password) or start(port):
        return code
    if (runs_on := running_port()) != port:
        print(f"It runs on port {runs_on} already: `make down` first to have it on {port}.")
        port = runs_on
    login = json.dumps({"username": USER, "password": password})
    print(
        f"up in {time.time() - started:.1f} s. A first login:\n\n"
        f"  curl -i http://login.default.localhost:{port}/login -H 'Content-Type: application/json' -d '{login}'\n\n"
        "Left alone for 15 s it goes to zero; the same line then starts it again. What runs, and why:\n\n"
        f"  {BIN.relative_to(Path.cwd())}/knative-emulator status\n\n"
        "`make down` stops it."
    )
    return 0


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


def start(port: int) -> int:
    """Start an emulator in the background, or apply the manifests to the one that runs; returns its exit code."""
    running = subprocess.run([EMULATOR, "status"], capture_output=True, check=False).returncode == 0
    verb = ["apply"] if running else ["up", "--demo", "--detach", "--port", str(port)]
    return subprocess.run([EMULATOR, *verb, *MANIFESTS], check=False).returncode


def running_port() -> int:
    """The port of the gateway that runs."""
    status = subprocess.run([EMULATOR, "status", "-o", "json"], stdout=subprocess.PIPE, check=True).stdout
    return int(json.loads(status)["gateway"].rpartition(":")[2])


if __name__ == "__main__":
    sys.exit(main())
