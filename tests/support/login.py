"""The login function in an emulator of the test's own, from the manifest that a cluster takes."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from running import Emulator

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).with_name("login-function"))
IMAGE = "dev.local/knative-login:latest"


class LoginInEmulator(Emulator):
    """`knative/service.yaml` as it is, with more environment where a test asks for it."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(folder)
        self.config["images"][IMAGE] = f"{PROGRAM} serve"
        self._settings = settings
        self.database = f"sqlite:///{folder}/login.db?shared=true"

    def manifests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        service = copy.deepcopy(yaml.safe_load((ROOT / "knative/service.yaml").read_text()))
        env = service["spec"]["template"]["spec"]["containers"][0]["env"]
        env += [{"name": name, "value": value} for name, value in self._settings.items()]
        secret = yaml.safe_load((ROOT / "knative/local/secret.yaml").read_text())
        secret["stringData"]["url"] = self.database
        return secret, service

    def users(self, *arguments: str, text: str = "") -> str:
        """As `command`, for users."""
        return self.command("users", *arguments, text=text)

    def command(self, *arguments: str, text: str = "") -> str:
        """Run `login-function ...` on the database that the instances share."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=text,
            env={**os.environ, **self._settings, "DATABASE_URL": self.database},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    def people(self, count: int, password: str) -> list[str]:
        """So many users with one password: one is added, the others are imported with its hash."""
        self.users("add", "first", "--password-stdin", text=password + "\n")
        [row] = (json.loads(line) for line in self.users("export").splitlines() if '"first"' in line)
        names = [f"person-{number}" for number in range(count)]
        lines = (json.dumps({"name": name, "password_hash": row["password_hash"]}) + "\n" for name in names)
        self.users("import", "-", text="".join(lines))
        return names
