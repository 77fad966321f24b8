"""The kernel's work does not depend on what is typed: instructions, not seconds, are counted."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import function

KERNEL = Path(function.__file__).parent / "credentials/_interleaved.abi3.so"
STORED = b"$2b$04$" + b"." * 53
#: Loads the extension by itself: under valgrind everything else would take long.
PROGRAM = """
import sys
from importlib import machinery, util
loader = machinery.ExtensionFileLoader("function.credentials._interleaved", sys.argv[1])
module = util.module_from_spec(util.spec_from_loader(loader.name, loader))
loader.exec_module(module)
logins = [(bytes.fromhex(password), sys.argv[2].encode()) for password in sys.argv[3:]]
assert module.verify_many(logins) == [False] * len(logins)
"""

pytestmark = [
    pytest.mark.skipif(not KERNEL.exists(), reason="the interleaved kernel was not built"),
    pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind counts the instructions"),
]


def instructions(*passwords: bytes) -> int:
    """How many verify_many takes."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    # The interpreter itself: in a virtual environment `python` may be a script that finds it.
    python = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", PROGRAM, str(KERNEL), STORED.decode()]
    done = subprocess.run(
        [*valgrind, "--toggle-collect=verify_many", *python, *(password.hex() for password in passwords)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return int(done.stderr.rpartition("Collected : ")[2].split()[0])


def test_n10_a_batch_takes_as_many_instructions_whatever_the_passwords() -> None:
    batches = [[b"a" * 64] * 4, [b"\0" * 64] * 4, [os.urandom(64) for _ in range(4)]]
    with ThreadPoolExecutor(2) as pool:
        one, *others = pool.map(lambda batch: instructions(*batch), batches)
    print(one, "instructions")
    # 33 key schedules of 521 blocks of 16 rounds and more.
    assert one > 33 * 521 * 16 * 4
    assert others == [one, one]
