"""What a program finds that was written for a cluster: Serving's settings, and where the ingress is."""

import json
from typing import Any

import requests
from running import PATIENCE, Emulator, manifest


def stored(emulator: Emulator, namespace: str, kind: str, *name: str) -> Any:
    shown = emulator.cli("get", kind, *name, "-n", namespace, "-o", "json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def settings(emulator: Emulator) -> dict[str, Any]:
    items = stored(emulator, "knative-serving", "configmap")["items"]
    return {each["metadata"]["name"].removeprefix("config-"): each["data"] for each in items}


def test_settings_are_told_anew_at_each_start(emulator: Emulator) -> None:
    names = ("autoscaler", "defaults", "deployment", "domain", "features", "gc", "network", "observability")
    nothing: dict[str, Any] = {name: {} for name in names} | {"domain": {"localhost": ""}}
    emulator.config["config"] = {"config-autoscaler": {"stable-window": "30s"}}
    emulator.up()
    assert settings(emulator) == nothing | {"autoscaler": {"stable-window": "30s"}}
    other = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"stable-window": "90s"}}
    other["metadata"] = {"name": "config-autoscaler", "namespace": "knative-serving"}
    told = emulator.apply(other)
    assert (told.returncode, "`config:` of the emulator's file" in told.stdout + told.stderr) == (0, True)
    assert emulator.interrupt() == 0
    emulator.config["config"] = {"config-domain": {"localhost": "", "example.org": "selector:\n  app: x"}}
    emulator.up()
    assert settings(emulator) == nothing | {"domain": emulator.config["config"]["config-domain"]}


def test_the_ingress_is_found_by_its_service(emulator: Emulator) -> None:
    emulator.up(services=(manifest(),))
    service = stored(emulator, "istio-system", "svc", "istio-ingressgateway")
    [port] = [each["nodePort"] for each in service["spec"]["ports"] if each["port"] == 80]
    [ingress] = service["status"]["loadBalancer"]["ingress"]
    host = {"Host": "hello.default.localhost"}
    assert requests.get(f"http://{ingress['ip']}:{port}/", headers=host, timeout=PATIENCE).status_code == 200
