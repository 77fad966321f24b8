"""Deploy the Service, to a cluster or to the emulator: the same call, the same API.

    python -m knative.deploy --image registry.example/login:1.4    # all traffic to the new revision, once it is ready
    python -m knative.deploy --image ... --canary 10               # 10 % to it, the rest stays where it is
    python -m knative.deploy --promote                             # all traffic to the newest revision
    python -m knative.deploy --rollback                            # all traffic back to the one before

It waits until the Service is Ready and says how it comes along, and why where it doesn't. Exit codes: 0 ready; 1 not,
or refused; 2 wrong command line. The cluster is that of `--kubeconfig`, else of KUBECONFIG, else of ~/.kube/config.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

try:
    from kubernetes import client, config, watch
    from kubernetes.client.exceptions import ApiException
except ModuleNotFoundError:
    sys.exit("The kubernetes client is missing: .venv/bin/pip install -e '.[deploy]'.")

from knative.traffic import TrafficError, canary, everything_to_latest, rollback

MANIFEST = Path("knative/service.yaml")
GROUP, VERSION, PLURAL = "serving.knative.dev", "v1", "services"
#: Seconds to wait for Ready: Knative itself gives up on a revision after 600.
TIMEOUT = 300.0

Service = dict[str, Any]


class Cluster:
    """Services of one namespace, through the Kubernetes API. All methods raise ApiException."""

    def __init__(self, kubeconfig: str | None, namespace: str) -> None:
        # The client has types in part only: what it makes and returns is taken as it comes.
        connect: Any = config.new_client_from_config
        self._api: Any = client.CustomObjectsApi(connect(kubeconfig))
        self._where: dict[str, Any] = {"group": GROUP, "version": VERSION, "namespace": namespace}

    def find(self, name: str) -> Service | None:
        """The stored Service, None where there is none."""
        try:
            found: Service = self._api.get_namespaced_custom_object(**self._where, plural=PLURAL, name=name)
        except ApiException as error:
            if error.status != 404:
                raise
            return None
        return found

    def ready_revisions(self, service: str) -> list[str]:
        """Names of the Service's ready revisions, newest first."""
        selector = f"{GROUP}/service={service}"
        listed = self._api.list_namespaced_custom_object(**self._where, plural="revisions", label_selector=selector)
        ready = [item for item in listed["items"] if _condition(item, "Ready").get("status") == "True"]
        generation = f"{GROUP}/configurationGeneration"
        ready.sort(key=lambda item: int(item["metadata"]["labels"][generation]), reverse=True)
        return [item["metadata"]["name"] for item in ready]

    def create(self, service: Service) -> Service:
        made: Service = self._api.create_namespaced_custom_object(**self._where, plural=PLURAL, body=service)
        return made

    def patch(self, name: str, changes: Mapping[str, Any]) -> Service:
        """Merge `changes` into the stored Service (RFC 7386)."""
        patched: Service = self._api.patch_namespaced_custom_object(
            **self._where, plural=PLURAL, name=name, body=dict(changes)
        )
        return patched

    def wait(self, service: Service, timeout: float) -> bool:
        """Follow the Service until its newest spec is Ready (True), or has failed or takes too long (False)."""
        name, generation = service["metadata"]["name"], service["metadata"]["generation"]
        deadline = time.monotonic() + timeout
        told = ""
        while (left := deadline - time.monotonic()) > 0:
            follow: Any = watch.Watch
            events = follow().stream(
                self._api.list_namespaced_custom_object,
                **self._where,
                plural=PLURAL,
                field_selector=f"metadata.name={name}",
                timeout_seconds=max(1, int(left)),
            )
            for event in events:
                seen = event["object"]
                if seen.get("status", {}).get("observedGeneration", 0) < generation:
                    continue
                ready = _condition(seen, "Ready")
                told = _tell(seen, told)
                if ready.get("status") in {"True", "False"}:
                    return ready["status"] == "True"
        print(f"not ready within {timeout:g} s", file=sys.stderr)
        return False


def main(argv: Sequence[str] | None = None) -> int:
    """Deploy, promote or roll back; returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        manifest = yaml.safe_load(options.filename.read_text())
        name = manifest["metadata"]["name"]
        cluster = Cluster(options.kubeconfig, options.namespace)
        stored = cluster.find(name)
        if options.promote or options.rollback:
            service = _shift(cluster, stored, name, back=options.rollback)
        else:
            service = _deploy(cluster, stored, manifest, options)
        ready = cluster.wait(service, options.timeout)
    except ApiException as error:
        print(f"error: {_message(error)}", file=sys.stderr)
        return 1
    except (TrafficError, OSError, config.ConfigException) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if ready:
        status = (cluster.find(name) or {})["status"]
        shares = ", ".join(f"{target['percent']} % {target['revisionName']}" for target in status["traffic"])
        print(f"{status['url']}  ({shares})")
    return 0 if ready else 1


def _deploy(cluster: Cluster, stored: Service | None, manifest: Service, options: argparse.Namespace) -> Service:
    if options.image:
        manifest["spec"]["template"]["spec"]["containers"][0]["image"] = options.image
    if stored is None:
        if options.canary is not None:
            raise TrafficError("a first deployment has nothing to be a canary beside: leave out --canary")
        return cluster.create(manifest)
    traffic = everything_to_latest() if options.canary is None else canary(stored, options.canary)
    spec = manifest["spec"] | {"traffic": traffic}
    return cluster.patch(manifest["metadata"]["name"], {"metadata": manifest["metadata"], "spec": spec})


def _shift(cluster: Cluster, stored: Service | None, name: str, *, back: bool) -> Service:
    if stored is None:
        raise TrafficError(f"there is no Service {name} yet: deploy it first")
    traffic = rollback(stored, cluster.ready_revisions(name)) if back else everything_to_latest()
    return cluster.patch(name, {"spec": {"traffic": traffic}})


def _condition(document: Mapping[str, Any], type_: str) -> dict[str, str]:
    conditions = document.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == type_), {})


def _tell(service: Service, told: str) -> str:
    """Print what the conditions say, if it is news; the deepest of several reasons first."""
    reasons = [
        f"{condition['type']}: {condition.get('reason', condition['status'])} {condition.get('message', '')}".strip()
        for type_ in ("ConfigurationsReady", "RoutesReady")
        if (condition := _condition(service, type_)) and condition["status"] != "True"
    ]
    line = "; ".join(reasons) or "Ready"
    if line != told:
        print(line, flush=True)
    return line


def _message(error: ApiException) -> str:
    try:
        message: str = json.loads(error.body or "")["message"]
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"
    return message


def _percent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: give a number from 1 to 99")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m knative.deploy", description="Deploy the login Service.")
    parser.add_argument("-f", "--filename", type=Path, default=MANIFEST, help="the Service (default %(default)s)")
    parser.add_argument("--image", help="image to run in place of the manifest's")
    parser.add_argument("--kubeconfig", help="kubeconfig of the cluster, or of the emulator")
    parser.add_argument("-n", "--namespace", default="default", help="namespace (default %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, help="seconds to wait for Ready (default %(default)s)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--canary", type=_percent, metavar="PERCENT", help="share of the traffic for the new revision")
    how.add_argument("--promote", action="store_true", help="all traffic to the newest revision")
    how.add_argument("--rollback", action="store_true", help="all traffic to the revision before")
    return parser


if __name__ == "__main__":
    sys.exit(main())
