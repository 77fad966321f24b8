"""DomainMappings with real processes, real requests and the command line."""

from load import request
from mappings import mapping
from running import Emulator, manifest, until
from versions import latest, service, to


def ask(emulator: Emulator, path: str = "/", host: str = "shop.example.org") -> tuple[str, str]:
    return request(emulator.port, f"{host}:{emulator.port}", path)


def test_from_apply_to_delete_with_a_wake_from_zero_and_a_restart_between(emulator: Emulator) -> None:
    emulator.up("--demo", services=(mapping(), manifest()))
    status, headers = ask(emulator, "/headers", "SHOP.example.org")
    assert status == "200"
    fields = dict(line.split(": ", 1) for line in headers.splitlines() if line)
    assert fields["Host"] == "shop.example.org", "as the queue-proxy makes it of K-Original-Host"
    assert "K-Original-Host" not in fields
    assert fields["X-Forwarded-Proto"] == "http"
    until(lambda: not emulator.processes())
    assert ask(emulator)[0] == "200"
    assert ask(emulator, host="other.example.org")[0] == "404"
    url = f"http://shop.example.org:{emulator.port}"
    assert (
        f"domain mapping default/shop.example.org  {url}  Ready\n  leads to service hello"
        in emulator.cli("status").stdout
    )
    assert url in emulator.cli("get", "dm").stdout
    emulator.interrupt()
    emulator.up("--demo")
    assert until(lambda: ask(emulator)[0] == "200")
    assert emulator.cli("delete", "dm", "shop.example.org").returncode == 0
    until(lambda: ask(emulator)[0] == "404")
    assert emulator.get().status_code == 200
    assert emulator.cli("get", "cdc", "-o", "name").stdout == ""


def test_splits_hold_and_what_fails_is_told(emulator: Emulator) -> None:
    emulator.up(services=(service("blue", revision="hello-blue"),))
    applied = emulator.apply(mapping(), service("green", to("hello-blue", 50), latest(50), revision="hello-green"))
    assert applied.returncode == 0, applied.stderr
    ready = f"domainmapping shop.example.org is ready at http://shop.example.org:{emulator.port}"
    assert applied.stdout.splitlines()[-1] == ready
    answers = [ask(emulator)[1].split()[1] for _ in range(40)]
    assert 15 <= answers.count("blue") <= 25
    wrong = emulator.apply(mapping(to_="nobody"))
    assert wrong.returncode == 1
    words = 'is not ready (ResolveFailed): failed to get object default/nobody: services.serving.knative.dev "nobody"'
    assert words in wrong.stderr
