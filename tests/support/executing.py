"""kubectl exec, cp and attach as a person runs them, whatever the instance is."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path
from typing import Any

from running import PATIENCE, Emulator

#: More than all the buffers on the way hold together.
MUCH = os.urandom(4_000_000)


class Kubectl:
    """kubectl with an emulator's kubeconfig, and the one instance that runs there."""

    def __init__(self, program: str, emulator: Emulator, home: Path) -> None:
        self._program = program
        kubeconfig = str(emulator.state_dir / "kubeconfig")
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": kubeconfig}
        self.pod = ""
        self.pod = self.run("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")[1].decode()

    def run(self, *words: str, given: bytes = b"", **environment: str) -> tuple[int, bytes, str]:
        """Exit code, output, errors; POD stands for the instance."""
        done = subprocess.run(
            self._command(words),
            input=given,
            capture_output=True,
            env=self._environment | environment,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.decode()

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command(words), env=self._environment, **options)

    def on_terminal(self, *words: str, columns: int, rows: int) -> tuple[int, str]:
        """Exit code, and what is to be seen on a terminal of that size."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with self.start(*words, stdin=its, stdout=its, stderr=its) as process:
            os.close(its)
            seen = b""
            with contextlib.suppress(OSError):  # its last process has ended
                while data := os.read(ours, 4096):
                    seen += data
            os.close(ours)
            return process.wait(PATIENCE), seen.decode()

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [self._program, *(word.replace("POD", self.pod) for word in words)]


def behaves(kubectl: Kubectl, where: str, tmp_path: Path) -> None:
    """What holds in every runtime; `where` is a folder that a command may write to."""
    code, out, errors = kubectl.run("exec", "POD", "--", "sh", "-c", "echo $WHO; echo oh >&2; exit 3")
    assert (code, out, errors) == (3, b"me\n", "oh\ncommand terminated with exit code 3\n")
    code, out, _ = kubectl.run("exec", "-i", "POD", "-c", "user-container", "--", "cat", given=MUCH)
    assert (code, out == MUCH) == (0, True)
    assert kubectl.run("exec", "POD", "--", "cat", given=b"not asked for")[:2] == (0, b"")
    code, out, errors = kubectl.run("exec", "POD", "--", "nope")
    assert code
    assert 'exec: "nope": executable file not found in $PATH' in out.decode() + errors, "an engine's words are output"
    sized = "until stty size | grep '33 77'; do sleep 0.1; done; exit 4"
    code, seen = kubectl.on_terminal("exec", "-it", "POD", "--", "sh", "-c", sized, columns=77, rows=33)
    assert code == 4, seen
    assert "33 77\r\n" in seen
    (tmp_path / "there").write_bytes(MUCH)
    assert kubectl.run("cp", str(tmp_path / "there"), f"POD:{where}/here")[0] == 0
    assert kubectl.run("cp", f"POD:{where}/here", str(tmp_path / "back"))[0] == 0
    assert (tmp_path / "back").read_bytes() == MUCH
