"""A target that is the function as a Knative Service in a real cluster: `--kubeconfig FILE --gateway URL --image NAME`.

The Service is knative/service.yaml in a namespace of its own, with one instance and an SQLite file in an emptyDir,
which is all that a cluster without a database can share. Knative's feature kubernetes.podspec-volumes-emptydir must be
on, as it is by default, and the cluster must be able to pull the image.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
NAMESPACE = "knative-login-contract"
DATABASE_URL = "sqlite:////data/login.db?shared=true"
#: Seconds until the Service is Ready, an image that was never pulled there included.
READY_SECONDS = 300


class ClusterTarget:
    """The cluster's gateway, with the Host that leads to the Service."""

    def __init__(self, gateway: str, host: str, kubectl: list[str]) -> None:
        self.url = gateway.rstrip("/")
        self.headers: Mapping[str, str] = {"Host": host}
        self._kubectl = kubectl

    def users(self, *arguments: str, text: str = "") -> str:
        return self.command("users", *arguments, text=text)

    def command(self, *arguments: str, text: str = "") -> str:
        pods = [*self._kubectl, "get", "pods", "-l", "serving.knative.dev/service=login", "-o", "name"]
        pod = subprocess.run(pods, check=True, capture_output=True, text=True, timeout=60).stdout.split()[0]
        command = [*self._kubectl, "exec", "-i", pod, "-c", "login", "--", "login-function", *arguments]
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


class ClusterMode:
    """Needs a cluster, so it runs only where the options name one."""

    name = "cluster"

    def options(self, parser: pytest.Parser) -> None:
        """Where the cluster is."""
        parser.addoption("--kubeconfig", help="kubeconfig of a cluster with Knative Serving")
        parser.addoption("--gateway", help="URL of that cluster's ingress, as this machine reaches it")
        parser.addoption("--image", default="dev.local/knative-login:latest", help="the image, as the cluster pulls it")

    def missing(self, config: pytest.Config) -> str | None:
        """The options."""
        named = config.getoption("--kubeconfig") and config.getoption("--gateway")
        return None if named else "name a cluster with --kubeconfig and --gateway"

    def this_machine(self, config: pytest.Config) -> str | None:
        """None that is known: it may be anywhere."""
        return None

    @contextlib.contextmanager
    def start(self, config: pytest.Config, folder: Path, settings: Mapping[str, str]) -> Iterator[ClusterTarget]:
        kubectl = ["kubectl", "--kubeconfig", config.getoption("--kubeconfig"), "--namespace", NAMESPACE]

        def run(*arguments: str, documents: Any = None) -> str:
            text = None if documents is None else yaml.safe_dump_all(documents)
            done = subprocess.run([*kubectl, *arguments], input=text, text=True, check=True, stdout=subprocess.PIPE)
            return done.stdout

        try:
            run("apply", "-f", "-", documents=_objects(config.getoption("--image"), settings))
            run("wait", "ksvc/login", "--for=condition=Ready", f"--timeout={READY_SECONDS}s")
            url = json.loads(run("get", "ksvc", "login", "-o", "json"))["status"]["url"]
            yield ClusterTarget(config.getoption("--gateway"), url.partition("://")[2], kubectl)
        finally:
            run("delete", "namespace", NAMESPACE, "--wait=false")


def _objects(image: str, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    service = yaml.safe_load((ROOT / "knative/service.yaml").read_text())
    template = service["spec"]["template"]
    template["metadata"]["annotations"] |= {
        "autoscaling.knative.dev/min-scale": "1",
        "autoscaling.knative.dev/max-scale": "1",
    }
    container = template["spec"]["containers"][0]
    container["image"] = image
    container["env"] += [{"name": name, "value": value} for name, value in settings.items()]
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    template["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    meta = {"name": "login-database", "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"url": DATABASE_URL}},
        service | {"metadata": service["metadata"] | {"namespace": NAMESPACE}},
    ]


MODE = ClusterMode()
