"""Configurations and Routes that are no Service's, with real processes, real requests and the command line."""

from load import request
from running import Emulator, until
from versions import configuration, follow, route, to


def ask(emulator: Emulator, host: str, path: str = "/") -> tuple[str, str]:
    return request(emulator.port, f"{host}.default.localhost:{emulator.port}", path)


def test_from_apply_to_delete_with_a_wake_from_zero_between(emulator: Emulator) -> None:
    emulator.up("--demo", services=(configuration("one"), route(follow("conf", 100, "newest"))))
    assert ask(emulator, "web")[1].startswith("hello one")
    assert ask(emulator, "web", "/env?name=K_CONFIGURATION") == ("200", "conf")
    assert ask(emulator, "web", "/env?name=K_REVISION") == ("200", "conf-00001")
    assert ask(emulator, "web", "/env?name=K_SERVICE") == ("200", "")
    until(lambda: not emulator.processes())
    assert ask(emulator, "newest-web")[1].startswith("hello one")
    applied = emulator.apply(configuration("two"), route(follow("conf", 100), to("conf-00001", 0, "old")))
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.splitlines()[:2] == [
        "configurations.serving.knative.dev/conf configured",
        "routes.serving.knative.dev/web configured",
    ]
    assert applied.stdout.splitlines()[2:] == [
        "configuration conf is ready",
        f"route web is ready at http://web.default.localhost:{emulator.port}",
    ]
    assert ask(emulator, "web")[1].startswith("hello two")
    assert ask(emulator, "old-web")[1].startswith("hello one")
    assert ask(emulator, "newest-web")[0] == "404"
    assert "LATESTREADY" in emulator.cli("get", "configurations").stdout
    assert "http://web.default" in emulator.cli("get", "route", "web").stdout
    shown = emulator.cli("status").stdout
    assert "configuration default/conf    Ready" in shown
    assert f"route default/web  http://web.default.localhost:{emulator.port}  Ready" in shown
    assert "  conf-00002  100 % of traffic" in shown
    assert "GET /" in emulator.cli("logs", "conf").stdout
    assert emulator.cli("delete", "route", "web").returncode == 0
    assert until(lambda: ask(emulator, "web")[0] == "404")
    assert emulator.cli("get", "cfg", "conf", "-o", "name").stdout == "configurations.serving.knative.dev/conf\n"
    assert emulator.cli("delete", "cfg", "conf").returncode == 0
    assert until(lambda: not emulator.processes())
    assert not emulator.cli("get", "revisions", "-o", "name").stdout


def test_what_keeps_them_from_being_ready_is_told(emulator: Emulator) -> None:
    emulator.up()
    broken = configuration("one", env={"DIE_AT_START": "3"})
    applied = emulator.apply(broken, route(follow("conf")))
    assert applied.returncode == 1
    assert 'configuration conf is not ready (RevisionFailed): Revision "conf-00001" failed' in applied.stderr
    words = 'route web is not ready (RevisionMissing): Configuration "conf" does not have any ready Revision.'
    assert words in applied.stderr
    waiting = emulator.apply(
        configuration("two", env={"START_DELAY": "60"}), route(follow("conf")), options=("--timeout", "2")
    )
    assert waiting.returncode == 1
    assert "configuration conf was not ready within 2 s" in waiting.stderr
    refused = emulator.apply(route(to("conf-00001", 90)), options=("--no-wait",))
    assert "Traffic targets sum to 90, want 100: spec.traffic" in refused.stderr
