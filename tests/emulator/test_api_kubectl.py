"""kubectl as it is, against a running emulator."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mappings import mapping
from running import PATIENCE, Emulator, manifest, until
from versions import configuration, follow, route, to

Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("kubectl"))
    try:
        running.up(services=(manifest(),))
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def environment(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = str(tmp_path_factory.mktemp("home"))
    return {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(emulator.state_dir / "kubeconfig")}


@pytest.fixture(scope="module")
def run(kubectl: str, environment: dict[str, str]) -> Kubectl:
    def run(*words: str, document: Any = None, fails: bool = False) -> "subprocess.CompletedProcess[str]":
        text = None if document is None else yaml.safe_dump(document)
        command = [kubectl, *words]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done

    return run


def document(run: Kubectl, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("get", *words, "-o", "json").stdout)
    return found


def test_get_shows_tables(run: Kubectl) -> None:
    text = run("get", "ksvc,rev,rt,cfg,pods").stdout
    for words in ("LATESTCREATED", "CONFIG NAME", "RESTARTS", "service.serving.knative.dev/hello", "hello-00001"):
        assert words in text
    assert "hello-00001-deployment-" in run("get", "all", "-A").stdout
    assert run("get", "ksvc", "hello", "-o", "jsonpath={.status.url}").stdout.startswith("http://hello.default")
    assert yaml.safe_load(run("get", "ksvc", "hello", "-o", "yaml").stdout)["metadata"]["name"] == "hello"
    assert 'services.serving.knative.dev "nope" not found' in run("get", "ksvc", "nope", fails=True).stderr
    assert "Active" in run("get", "ns", "default").stdout
    for kind in ("ksvc", "revision", "pods"):
        assert re.search(r"Events:\n +Type +Reason +Age +From +Message\n", run("describe", kind).stdout)
    assert 'Created Configuration "hello"' in run("describe", "ksvc", "hello").stdout
    assert re.match(r"LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n", run("get", "events").stdout)


def test_apply_wait_change_and_delete(run: Kubectl, emulator: Emulator) -> None:
    assert run("apply", "-f", "-", document=manifest("two", env={"TARGET": "one"})).stdout.endswith("two created\n")
    assert "condition met" in run("wait", "--for=condition=Ready", "ksvc/two", "--timeout=30s").stdout
    assert emulator.get(service="two").text.startswith("hello one")
    assert run("apply", "-f", "-", document=manifest("two", env={"TARGET": "next"})).stdout.endswith("configured\n")
    run("wait", "--for=jsonpath={.status.latestReadyRevisionName}=two-00002", "ksvc/two", "--timeout=30s")
    until(lambda: emulator.get(service="two").text.startswith("hello next"))
    generation = document(run, "ksvc", "two")["metadata"]["generation"]
    run("apply", "-f", "-", document=manifest("two", env={"TARGET": "next"}))
    assert document(run, "ksvc", "two")["metadata"]["generation"] == generation
    assert "deleted" in run("delete", "ksvc", "two").stdout
    assert not document(run, "rev", "-l", "serving.knative.dev/service=two")["items"]
    until(lambda: not document(run, "pods", "-l", "serving.knative.dev/service=two")["items"])


def test_server_side_checks(run: Kubectl) -> None:
    wrong = manifest("wrong")
    wrong["spec"]["foo"] = 1
    refused = run("apply", "-f", "-", document=wrong, fails=True).stderr
    assert 'strict decoding error: unknown field "spec.foo"' in refused
    assert (
        "wrong created (server dry run)"
        in run("apply", "--dry-run=server", "-f", "-", document=manifest("wrong")).stdout
    )
    run("get", "ksvc", "wrong", fails=True)


def test_label_annotate_patch_replace(run: Kubectl) -> None:
    run("apply", "-f", "-", document=manifest("changing"))
    run("label", "ksvc", "changing", "color=red")
    run("annotate", "ksvc", "changing", "note=this")
    run("patch", "ksvc", "changing", "--type", "merge", "-p", '{"metadata":{"labels":{"size":"9"}}}')
    run("patch", "ksvc", "changing", "--type", "json", "-p", '[{"op":"remove","path":"/metadata/labels/color"}]')
    refused = run("patch", "ksvc", "changing", "-p", "{}", fails=True).stderr
    assert "application/strategic-merge-patch+json is not supported by serving.knative.dev/v1, Kind=Service" in refused
    stored = document(run, "ksvc", "changing")
    assert stored["metadata"]["labels"] == {"size": "9"}
    assert stored["metadata"]["generation"] == 1
    assert run("get", "ksvc", "-l", "size=9", "-o", "name").stdout == "service.serving.knative.dev/changing\n"
    stored["metadata"]["labels"] = {"new": "one"}
    run("replace", "-f", "-", document=stored)
    assert "Conflict" in run("replace", "-f", "-", document=stored, fails=True).stderr
    run("delete", "ksvc", "-l", "new=one")


def test_server_side_apply_says_who_manages_what(run: Kubectl) -> None:
    server, document_of = ("apply", "--server-side", "-f", "-"), manifest("shared")
    assert run(*server, document=document_of).stdout.endswith("shared serverside-applied\n")
    run(*server, document=document_of)
    assert document(run, "ksvc", "shared")["metadata"]["generation"] == 1
    refused = run(*server, "--field-manager=other", document=manifest("shared", env={"A": "1"}), fails=True).stderr
    assert (
        'conflicts with "kubectl":\n- .spec.template.metadata.annotations\n- .spec.template.spec.containers' in refused
    )
    run(*server, "--field-manager=other", "--force-conflicts", document=manifest("shared", env={"A": "1"}))
    shown = run("get", "ksvc", "shared", "-o", "yaml", "--show-managed-fields").stdout
    entries = yaml.safe_load(shown)["metadata"]["managedFields"]
    assert [(each["manager"], each["operation"]) for each in entries][-1] == ("controller", "Update")
    assert "managedFields" not in run("get", "ksvc", "shared", "-o", "yaml").stdout
    run("delete", "ksvc", "shared")


def test_server_side_apply_takes_over_from_client_side_apply(run: Kubectl) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "moved"}, "data": {"a": "1", "b": "2"}}
    run("apply", "-f", "-", document=config_map)
    run("apply", "--server-side", "-f", "-", document=config_map | {"data": {"a": "2"}})
    stored = yaml.safe_load(run("get", "cm", "moved", "-o", "yaml", "--show-managed-fields").stdout)
    assert stored["data"] == {"a": "2"}
    managers = {each["manager"]: each["operation"] for each in stored["metadata"]["managedFields"]}
    assert managers == {"kubectl": "Apply", "kubectl-last-applied": "Apply"}
    run("apply", "-f", "-", document=config_map | {"data": {"a": "3"}})
    assert document(run, "cm", "moved")["data"] == {"a": "3"}
    run("delete", "cm", "moved")


def test_a_watch_tells_changes_as_they_come(
    run: Kubectl, kubectl: str, environment: dict[str, str], tmp_path: Path
) -> None:
    run("create", "-f", "-", document=manifest("watched"))
    output = tmp_path / "watch"
    with output.open("w") as file:
        watch = subprocess.Popen([kubectl, "get", "ksvc", "-w", "-L", "step"], stdout=file, env=environment)
    try:
        until(lambda: "watched" in output.read_text())
        run("label", "ksvc", "watched", "step=first")
        until(lambda: "first" in output.read_text())
        run("delete", "ksvc", "watched")
    finally:
        watch.terminate()
        watch.wait()


def test_logs_now_and_as_they_come(
    run: Kubectl, emulator: Emulator, kubectl: str, environment: dict[str, str], tmp_path: Path
) -> None:
    run("apply", "-f", "-", document=manifest("logged", annotations={"autoscaling.knative.dev/min-scale": "1"}))
    run("wait", "--for=condition=Ready", "ksvc/logged", "--timeout=30s")
    [pod] = document(run, "pods", "-l", "serving.knative.dev/service=logged")["items"]
    name = pod["metadata"]["name"]
    output = tmp_path / "log"
    with output.open("w") as file:
        follow = subprocess.Popen([kubectl, "logs", "-f", name], stdout=file, env=environment)
    try:
        emulator.get("/now-and-here", service="logged")
        until(lambda: "now-and-here" in output.read_text())
    finally:
        follow.terminate()
        follow.wait()
    assert "now-and-here" in run("logs", name, "--tail=1").stdout
    assert (
        "is not valid for pod"
        in run("get", "--raw", f"/api/v1/namespaces/default/pods/{name}/log?container=x", fails=True).stderr
    )
    run("delete", "ksvc", "logged")


def test_a_deleted_pod_is_replaced_and_a_revisions_scale_can_be_changed(run: Kubectl) -> None:
    run("apply", "-f", "-", document=manifest("scaled", annotations={"autoscaling.knative.dev/min-scale": "1"}))
    run("wait", "--for=condition=Ready", "ksvc/scaled", "--timeout=30s")

    def pods() -> set[str]:
        found = document(run, "pods", "-l", "serving.knative.dev/service=scaled")["items"]
        return {pod["metadata"]["name"] for pod in found if pod["status"]["containerStatuses"][0]["ready"]}

    [first] = pods()
    run("delete", "pod", first)
    assert first not in until(pods)
    change = [{"op": "replace", "path": "/metadata/annotations/autoscaling.knative.dev~1min-scale", "value": "3"}]
    run("patch", "rev", "scaled-00001", "--type", "json", "-p", json.dumps(change))
    until(lambda: len(pods()) == 3)
    spec = '{"spec":{"timeoutSeconds":9}}'
    assert (
        "Immutable fields changed" in run("patch", "rev", "scaled-00001", "--type=merge", "-p", spec, fails=True).stderr
    )
    run("delete", "ksvc", "scaled")


def test_what_the_controller_keeps_comes_back(run: Kubectl) -> None:
    run("apply", "-f", "-", document=manifest("kept"))
    run("wait", "--for=condition=Ready", "ksvc/kept", "--timeout=30s")
    uid = document(run, "route", "kept")["metadata"]["uid"]
    # kubectl would wait for whichever Route has that name to go, and the next one may be there before it looks.
    run("delete", "route", "kept", "--wait=false")
    until(lambda: run("get", "route", "kept", "-o", "jsonpath={.metadata.uid}").stdout not in {"", uid})
    nothing = '{"metadata":{"labels":null,"annotations":null,"ownerReferences":null}}'
    for kind, name in (("rev", "kept-00001"), ("cfg", "kept"), ("rt", "kept")):
        run("patch", kind, name, "--type=merge", "-p", nothing)
        meta = document(run, kind, name)["metadata"]
        assert meta["labels"]["serving.knative.dev/service"] == "kept"
        assert meta["ownerReferences"]
    run("patch", "cfg", "kept", "--type=merge", "-p", '{"spec":{"template":{"spec":{"timeoutSeconds":7}}}}')
    until(lambda: document(run, "cfg", "kept")["spec"]["template"]["spec"]["timeoutSeconds"] == 300)
    run("patch", "rt", "kept", "--type=json", "-p", '[{"op":"add","path":"/spec/traffic/0/tag","value":"mine"}]')
    until(lambda: "tag" not in document(run, "rt", "kept")["spec"]["traffic"][0])
    run("delete", "cfg", "kept", "--wait=false")
    run("wait", "--for=create", "cfg/kept", "--timeout=30s")
    run("wait", "--for=condition=Ready", "ksvc/kept", "--timeout=30s")
    run("delete", "ksvc", "kept")


def test_configurations_and_routes_of_ones_own(run: Kubectl, emulator: Emulator) -> None:
    run("apply", "-f", "-", document=configuration("one"))
    run("create", "-f", "-", document=route(follow("conf")))
    run("wait", "--for=condition=Ready", "cfg/conf", "rt/web", "--timeout=30s")
    assert emulator.get(service="web").text.startswith("hello one")
    assert "conf-00001" in run("get", "cfg").stdout
    assert "http://web.default" in run("get", "rt", "web").stdout
    assert run("apply", "-f", "-", document=configuration("two")).stdout.endswith("configured\n")
    run("wait", "--for=jsonpath={.status.traffic[0].revisionName}=conf-00002", "rt/web", "--timeout=30s")
    until(lambda: emulator.get(service="web").text.startswith("hello two"))
    change = [{"op": "replace", "path": "/spec/traffic/0", "value": to("conf-00001", 100)}]
    run("patch", "rt", "web", "--type", "json", "-p", json.dumps(change))
    until(lambda: emulator.get(service="web").text.startswith("hello one"))
    run("patch", "cfg", "conf", "--type", "merge", "-p", '{"spec":{"template":{"spec":{"timeoutSeconds":9}}}}')
    run("wait", "--for=jsonpath={.status.latestReadyRevisionName}=conf-00003", "cfg/conf", "--timeout=30s")
    stored = document(run, "rt", "web")
    run("replace", "-f", "-", document=stored | {"spec": {"traffic": [follow("conf", 100, "now")]}})
    until(lambda: emulator.get(service="now-web").ok)
    refused = run("create", "-f", "-", document=route(follow("conf", 10), name="bad"), fails=True).stderr
    assert "Traffic targets sum to 10, want 100: spec.traffic" in refused
    run("delete", "rt", "web")
    assert {
        each["metadata"]["name"]
        for each in document(run, "rev", "-l", "serving.knative.dev/configuration=conf")["items"]
    }
    run("delete", "cfg", "conf")
    assert not document(run, "rev", "-l", "serving.knative.dev/configuration=conf")["items"]


def test_an_owner_can_leave_what_it_owns_behind(run: Kubectl, emulator: Emulator) -> None:
    run("apply", "-f", "-", document=manifest("left"))
    run("wait", "--for=condition=Ready", "ksvc/left", "--timeout=30s")
    run("delete", "ksvc", "left", "--cascade=orphan")
    for kind in ("cfg", "rt"):
        assert "ownerReferences" not in document(run, kind, "left")["metadata"]
    assert emulator.get(service="left").ok
    run("delete", "rt,cfg", "left")
    assert not document(run, "rev", "-l", "serving.knative.dev/configuration=left")["items"]


def test_create_sends_protobuf(run: Kubectl) -> None:
    run("create", "ns", "made")
    missing = run("create", "configmap", "map", "-n", "none", "--from-literal=k=v", fails=True).stderr
    assert 'namespaces "none" not found' in missing
    run("create", "secret", "generic", "keys", "-n", "made", "--from-literal=one=ä", "--from-literal=none=")
    assert document(run, "secret", "keys", "-n", "made")["data"] == {"one": "w6Q=", "none": ""}
    run("create", "configmap", "map", "-n", "made", "--from-literal=k=v")
    stored = document(run, "configmap", "map", "-n", "made")
    assert stored["data"] == {"k": "v"}
    run("create", "configmap", "map", "-n", "made", "--from-literal=k=v", "--dry-run=server", fails=True)
    run("apply", "-f", "-", document=stored | {"data": {"k": "w"}, "metadata": {"name": "map", "namespace": "made"}})
    assert document(run, "configmap", "map", "-n", "made")["data"] == {"k": "w"}
    run("create", "-n", "made", "-f", "-", document=manifest("inside"))
    assert run("delete", "ns", "made").stdout == 'namespace "made" deleted\n'
    assert not document(run, "ksvc,cm,secrets,rev,pods", "-n", "made")["items"]
    run("get", "ns", "made", fails=True)


def test_explain_and_api_resources(run: Kubectl) -> None:
    traffic = run("explain", "ksvc.spec.traffic").stdout
    assert "FIELD: traffic <[]Object>" in traffic
    # As a cluster with Knative lists them.
    assert re.findall(r"^  (\w+)\t<(\w+)>", traffic, re.MULTILINE) == [
        ("configurationName", "string"),
        ("latestRevision", "boolean"),
        ("percent", "integer"),
        ("revisionName", "string"),
        ("tag", "string"),
        ("url", "string"),
    ]
    assert "containerConcurrency\t<integer>" in run("explain", "cfg.spec", "--recursive").stdout
    assert "kservice,ksvc" in run("api-resources", "--api-group=serving.knative.dev").stdout
    assert "v1.32" in run("version").stdout


def test_auth_can_i(run: Kubectl) -> None:
    assert run("auth", "can-i", "create", "ksvc").stdout == "yes\n"
    assert "*.*" in run("auth", "can-i", "--list").stdout


def test_diff_dry_run_and_edit(run: Kubectl, environment: dict[str, str], tmp_path: Path) -> None:
    run("create", "-f", "-", document=manifest("edited", env={"A": "before"}))
    changed = manifest("edited", env={"A": "after"})
    assert re.search(r"^\+ +value: after$", run("diff", "-f", "-", document=changed, fails=True).stdout, re.MULTILINE)
    run("apply", "--dry-run=server", "-f", "-", document=changed)
    environment["KUBE_EDITOR"] = "sed -i s/before/edited/"
    run("edit", "ksvc", "edited")
    stored = document(run, "ksvc", "edited")
    assert stored["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "edited"}]
    file = tmp_path / "raw.json"
    stored["metadata"] |= {"labels": {"by": "hand"}}
    del stored["metadata"]["resourceVersion"]  # statuses are written meanwhile
    file.write_text(json.dumps(stored))
    run("replace", "--raw", "/apis/serving.knative.dev/v1/namespaces/default/services/edited", "-f", str(file))
    assert document(run, "ksvc", "edited")["metadata"]["labels"] == {"by": "hand"}
    run("delete", "ksvc", "edited")


def test_domain_mappings(run: Kubectl) -> None:
    run("apply", "-f", "-", document=mapping("kubectl.example.org"))
    run("wait", "dm", "kubectl.example.org", "--for=condition=Ready", f"--timeout={PATIENCE:g}s")
    text = run("get", "dm,cdc").stdout
    for words in ("URL", "READY", "REASON", "domainmapping.serving.knative.dev/kubectl.example.org", "http://kubectl"):
        assert words in text
    assert "domainmapping.serving.knative.dev/kubectl.example.org" in run("get", "all").stdout
    assert "Created Ingress" in run("describe", "dm", "kubectl.example.org").stdout
    assert "What has the name" in run("explain", "dm.spec.ref").stdout
    again = run("apply", "--server-side", "--force-conflicts", "-f", "-", document=mapping("kubectl.example.org"))
    assert "serverside-applied" in again.stdout
    run("delete", "dm", "kubectl.example.org", f"--timeout={PATIENCE:g}s")
    run("get", "dm", "kubectl.example.org", fails=True)


def test_a_label_on_a_placeholder_says_from_where_it_is_reached(run: Kubectl, emulator: Emulator) -> None:
    tagged = manifest("tagged")
    tagged["spec"]["traffic"] = [{"latestRevision": True, "percent": 100, "tag": "next"}]
    run("apply", "-f", "-", document=tagged)
    run("wait", "--for=condition=Ready", "ksvc/tagged", "--timeout=30s")
    label = "networking.knative.dev/visibility"
    local = "http://{}.default.svc.cluster.local"
    for service, url in (("next-tagged", "{.status.traffic[0].url}"), ("tagged", "{.status.url}")):
        assert emulator.get(service=service).status_code == 200
        run("label", "service", service, f"{label}=cluster-local")
        run("wait", f"--for=jsonpath={url}={local.format(service)}", "ksvc/tagged", "--timeout=30s")
        until(lambda name=service: emulator.get(service=name).status_code == 404)
    change = json.dumps({"metadata": {"labels": {label: None}}})
    run("patch", "service", "tagged", "--type=strategic", "-p", change)
    public = f"http://tagged.default.localhost:{emulator.port}"
    run("wait", f"--for=jsonpath={{.status.url}}={public}", "ksvc/tagged", "--timeout=30s")
    until(lambda: emulator.get(service="tagged").status_code == 200)
    assert emulator.get(service="next-tagged").status_code == 404
    run("delete", "service", "next-tagged")
    until(lambda: emulator.get(service="next-tagged").status_code == 200)
    run("delete", "ksvc", "tagged")
    run("get", "service", "tagged", fails=True)


def test_services_of_ones_own(run: Kubectl) -> None:
    made = run("create", "service", "clusterip", "own", "--tcp=80:8080")
    assert "leads nowhere" in made.stderr
    run("create", "service", "externalname", "outside", "--external-name=example.com")
    assert re.search(r"outside +ExternalName +<none> +example.com +<none>", run("get", "svc").stdout)
    [port] = document(run, "svc", "own")["spec"]["ports"]
    assert (port["port"], port["targetPort"], port["protocol"]) == (80, 8080, "TCP")
    run(
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        document={
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "own"},
            "spec": {"ports": [{"name": "80-8080", "port": 80, "targetPort": 9090}]},
        },
    )
    assert document(run, "svc", "own")["spec"]["ports"][0]["targetPort"] == 9090
    run("delete", "svc", "own", "outside")
