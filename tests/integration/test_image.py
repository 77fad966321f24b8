"""The image, run by a real engine as a user would run it."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from docker_engine import Engine
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

ROOT = Path(__file__).parent.parent.parent
NAME = "alice"
#: The packages and their bytecode take 40 MB, psycopg with its libpq 12, the standard library's bytecode 11; a new
#: dependency shows here first.
ABOVE_BASE_MB = 70
Start = Callable[..., DockerContainer]
Objects = dict[tuple[str, str], dict[str, Any]]


def url(container: DockerContainer, path: str) -> str:
    return f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8080)}{path}"


def run(container: DockerContainer, *command: str) -> str:
    status, output = container.get_wrapped_container().exec_run(list(command))
    assert status == 0, output.decode()
    return str(output.decode().strip())


def add_user(container: DockerContainer) -> dict[str, str]:
    return {"username": NAME, "password": run(container, "login-function", "users", "add", NAME, "--generate")}


def log_lines(container: DockerContainer) -> Iterator[dict[str, Any]]:
    for line in container.get_wrapped_container().logs(stdout=True, stderr=True).decode().splitlines():
        yield json.loads(line)


@pytest.fixture
def last_words(start_login: Start) -> Callable[[dict[str, str]], tuple[int, str]]:
    """Exit status and output of a container that is expected to end by itself."""

    def last_words(environment: dict[str, str]) -> tuple[int, str]:
        container = start_login(environment, wait_for=None).get_wrapped_container()
        status = container.wait(timeout=60)["StatusCode"]
        return status, container.logs(stdout=True, stderr=True).decode()

    return last_words


def test_size_above_the_base(engine: Engine, figure: Callable[[str], None]) -> None:
    base = re.findall(r"^FROM (\S+:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
    above = (engine.client.images.get(engine.image).attrs["Size"] - engine.client.images.get(base).attrs["Size"]) / 1e6
    figure(f"the image is {above:.1f} MB above {base}")
    assert 1 < above < ABOVE_BASE_MB


def test_it_says_how_to_run_it(engine: Engine) -> None:
    config = engine.client.images.get(engine.image).attrs["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["login-function"]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert list(config["Volumes"]) == ["/data"]


def test_docker_run_is_enough(start_login: Start) -> None:
    login = start_login()
    answer = requests.post(url(login, "/login"), json=add_user(login), timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"


def test_it_works_with_a_read_only_root_and_no_privilege(start_login: Start) -> None:
    login = start_login(read_only=True, cap_drop=["ALL"], security_opt=["no-new-privileges:true"])
    assert requests.post(url(login, "/login"), json=add_user(login), timeout=30).status_code == 200
    assert run(login, "python", "-c", "import os; print(os.getuid(), os.getgid())") == "65532 65532"


def test_it_writes_nowhere_but_to_its_volume(start_login: Start) -> None:
    login = start_login()
    assert requests.post(url(login, "/login"), json=add_user(login), timeout=30).status_code == 200
    assert login.get_wrapped_container().diff() is None
    assert "login.db" in run(login, "python", "-c", "import os; print(*os.listdir('/data'))")


def test_it_holds_the_function_and_nothing_else_of_the_project(start_login: Start) -> None:
    look = """
import importlib.metadata, json, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_path("purelib"))
print(json.dumps({
    "distributions": [d.name for d in importlib.metadata.distributions(path=[str(site)])],
    "folders": [entry.name for entry in site.iterdir()],
    "commands": [entry.name for entry in pathlib.Path(sysconfig.get_path("scripts")).iterdir()],
    "tests": [str(folder) for folder in site.rglob("tests")],
}))
"""
    found = json.loads(run(start_login(), "python", "-c", look))
    wanted = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/function.txt").read_text(), re.MULTILINE)
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in found["distributions"]}
    assert "knative-login" in normal
    assert normal - {"knative-login"} <= set(wanted)
    assert set(found["folders"]) & {"function", "emulator", "knative", "loadtest", "tests"} == {"function"}
    assert "login-function" in found["commands"]
    assert not {"knative-emulator", "pip"} & set(found["commands"])
    assert found["tests"] == []


def test_it_holds_the_interleaved_kernel_and_no_compiler(start_login: Start) -> None:
    look = """
import shutil, bcrypt
from function.credentials import _interleaved
stored = bcrypt.hashpw(b"right", bcrypt.gensalt(4))
print(_interleaved.verify_many([(b"right", stored), (b"wrong", stored)]), shutil.which("gcc"), shutil.which("cc"))
"""
    # Where it is missing, the base has no Python.h: tools/images makes a stand-in that does.
    assert run(start_login(), "python", "-c", look) == "[True, False] None None"


def test_whatever_is_imported_was_compiled_ahead(start_login: Start) -> None:
    # Each source that had to be compiled at a cold start would be named with its .py rather than its .pyc.
    look = "import function.serve"
    login = start_login()
    status, output = login.get_wrapped_container().exec_run(["python", "-v", "-c", look])
    assert status == 0
    sources = re.findall(r"^# code object from '([^']+)'", output.decode(), re.MULTILINE)
    assert len(sources) > 100
    assert [source for source in sources if not source.endswith(".pyc")] == []


def test_sigterm_answers_what_was_admitted_and_exits_0(start_login: Start) -> None:
    # At cost 15 a login takes about 2 s: long enough to be told to stop in the middle.
    login = start_login({"HASH_COST": "15"})
    credentials = add_user(login)
    answers: list[int] = []

    def log_in() -> None:
        answers.append(requests.post(url(login, "/login"), json=credentials, timeout=60).status_code)

    client = threading.Thread(target=log_in)
    client.start()
    while "login_queue_depth 1" not in requests.get(url(login, "/metrics"), timeout=30).text:
        assert client.is_alive(), "the login was over before it could be seen in flight"
    process = login.get_wrapped_container()
    process.kill("SIGTERM")
    client.join()
    assert answers == [200]
    assert process.wait(timeout=60)["StatusCode"] == 0
    assert [line["message"] for line in log_lines(login)][-1] == "stopped"


def test_containers_share_a_postgresql(engine: Engine, start_login: Start, kustomize: Callable[[str], Objects]) -> None:
    """In the environment of the PostgreSQL overlay, but for the address of the database."""
    container = kustomize("overlays/postgres")["Service", "login"]["spec"]["template"]["spec"]["containers"][0]
    plain = {item["name"]: item["value"] for item in container["env"] if "value" in item}
    database = {"DATABASE_URL": engine.postgres.from_containers(engine.postgres.fresh()), "K_SERVICE": "login"}
    one, other = (start_login(plain | database, read_only=True, cap_drop=["ALL"]) for _ in range(2))
    answer = requests.post(url(one, "/login"), json=add_user(other), timeout=30)
    assert answer.status_code == 200, answer.text
    form = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    assert requests.post(url(other, "/token"), data=form, timeout=30).status_code == 200
    keys = [requests.get(url(each, "/.well-known/jwks.json"), timeout=30).json() for each in (one, other)]
    assert keys[0] == keys[1]


def test_users_outlive_the_container(start_login: Start, volume: str) -> None:
    volumes = [(volume, "/data", "rw")]
    first = start_login(volumes=volumes)
    credentials = add_user(first)
    first.stop(delete_volume=False)
    second = start_login(volumes=volumes)
    assert requests.post(url(second, "/login"), json=credentials, timeout=30).status_code == 200


def test_an_unusable_database_is_one_sentence(last_words: Callable[..., tuple[int, str]]) -> None:
    status, words = last_words({"DATABASE_URL": "sqlite:////nowhere/login.db"})
    assert status == 1
    assert len(words.splitlines()) == 1
    assert words.startswith("login-function: ")
    assert "/nowhere" in words


def test_a_file_of_its_own_is_refused_where_instances_come_and_go(
    last_words: Callable[..., tuple[int, str]], start_login: Start
) -> None:
    status, words = last_words({"K_SERVICE": "login", "DATABASE_URL": "sqlite:////data/login.db"})
    assert status == 1
    assert len(words.splitlines()) == 1
    assert "shared=true" in words
    start_login({"K_SERVICE": "login", "DATABASE_URL": "sqlite:////data/login.db?shared=true"})


def test_it_hashes_with_as_many_threads_as_its_quota_has_cores(start_login: Start) -> None:
    login = start_login(nano_cpus=1_000_000_000, mem_limit="256m")
    ready = next(line for line in log_lines(login) if line["message"] == "ready")
    assert ready["hash_threads"] == 1


def test_the_engine_sees_its_health(start_login: Start) -> None:
    # The image's own check, more often than it asks for.
    start_login(wait_for=HealthcheckWaitStrategy(), healthcheck={"test": [], "interval": 1_000_000_000})
