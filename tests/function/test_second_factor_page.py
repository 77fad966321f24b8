"""docs/second-factor.md, typed in by a machine."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.function.conftest import BIN, PASSWORD, PATIENCE, Served, environment

PAGE = Path(__file__).parents[2] / "docs/second-factor.md"
#: The authenticator: the next code that it has not shown yet, beginning with the one before the present one.
APP = f"""#!{sys.executable}
import pathlib, sys, time
from function.otp import totp
shown = pathlib.Path("shown")
step = max(int(shown.read_text()) + 1 if shown.exists() else 0, int(time.time()) // 30 - 1)
shown.write_text(str(step))
while int(time.time()) // 30 < step - 1:
    time.sleep(0.2)
print(totp.code_at(sys.argv[1], step))
"""


def test_the_examples_work_in_their_order(serve: Callable[[], Served], tmp_path: Path) -> None:
    served = serve()
    (tmp_path / "app").write_text(APP)
    (tmp_path / "app").chmod(0o755)
    script = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert f"PASSWORD='{PASSWORD}'" in script
    script = script.replace("http://localhost:8080", served.url)
    # What a person reads off the app, and what curl would not say of itself.
    script = re.sub(r"OTP=\d+", 'OTP=$(./app "$SECRET")', script).replace("curl -s ", "curl -sS --fail-with-body ")
    script = script.replace("| tee required", "> required || true")
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**environment(tmp_path, {}), "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"mfa_required"' in (tmp_path / "required").read_text()
    assert '{"totp": "on", "recovery_codes": 10}' in done.stdout
    assert done.stdout.count(".eyJ") == 2  # the access tokens of the two ways to log in
    assert served.stop() == 0
