"""DomainMappings: whose a name is, where it leads, what is said of it; on the simulated clock."""

from typing import Any

from mappings import FINALIZER, mapping
from simulated import Simulated
from versions import configuration, follow, latest, rolling, route, service, to

from emulator.api.kinds import CLUSTER_DOMAIN_CLAIM, DOMAIN_MAPPING, EVENT, INGRESS, NAMESPACE, ROUTE, SERVICE
from emulator.api.store import is_deleted

TRUE = ("True", "", "")
TLS = ("True", "TLSNotEnabled", "external-domain-tls is not enabled")
TAKEN = ("False", "DomainAlreadyClaimed", "The domain name is already in use by another DomainMapping")
NOT_YET = ("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled.")


def apply(world: Simulated, document: dict[str, Any], namespace: str = "default") -> None:
    world.admission.apply(DOMAIN_MAPPING, document | {"metadata": document["metadata"] | {"namespace": namespace}})
    world.run(0.1)


def said(world: Simulated, name: str = "shop.example.org", namespace: str = "default") -> dict[str, tuple[str, ...]]:
    stored = world.store.get(DOMAIN_MAPPING, namespace, name)
    assert stored["status"]["observedGeneration"] == stored["metadata"]["generation"]
    return {
        each["type"]: (each["status"], each.get("reason", ""), each.get("message", ""))
        for each in stored["status"]["conditions"]
    }


def led(world: Simulated, host: str = "shop.example.org") -> dict[str, int]:
    return {target.revision.name: target.percent for target in world.plane.public.get(host, ())}


def events(world: Simulated, namespace: str = "default") -> list[tuple[str, str, str]]:
    return [
        (each["type"], each["reason"], each["message"])
        for each in world.store.all(EVENT, namespace)
        if each["involvedObject"]["kind"] == "DomainMapping"
    ]


def test_a_name_leads_where_the_service_leads() -> None:
    world = Simulated()
    world.apply(service("1", revision="hello-one"))
    apply(world, mapping())
    unset = "address not set for &ObjectReference{Kind:Service,Namespace:default,Name:hello,UID:,"
    unset += "APIVersion:serving.knative.dev/v1,ResourceVersion:,FieldPath:,}"
    failed = ("False", "ResolveFailed", unset)
    assert said(world) == {
        "CertificateProvisioned": TLS,
        "DomainClaimed": TRUE,
        "IngressReady": NOT_YET,
        "Ready": failed,
        "ReferenceResolved": failed,
    }
    assert led(world) == {}
    world.run(5)
    assert said(world) == dict.fromkeys(("DomainClaimed", "IngressReady", "Ready", "ReferenceResolved"), TRUE) | {
        "CertificateProvisioned": TLS
    }
    status = world.get(DOMAIN_MAPPING, "shop.example.org")["status"]
    assert status["url"] == "http://shop.example.org"
    assert status["address"] == {"url": "http://shop.example.org"}
    assert led(world) == {"hello-one": 100}
    world.apply(service("2", to("hello-one", 25), latest(75), revision="hello-two"))
    world.run(5)
    assert led(world) == {"hello-one": 25, "hello-two": 75}
    assert events(world) == [
        ("Normal", "FinalizerUpdate", 'Updated "shop.example.org" finalizers'),
        ("Warning", "InternalError", f"resolving reference: {unset}"),
        ("Normal", "Created", 'Created Ingress "shop.example.org"'),
    ]
    [shown] = world.controller.describe()["domainmappings"]
    assert (shown["name"], shown["url"], shown["ready"]) == ("shop.example.org", "http://shop.example.org", "True")


def test_a_rollout_goes_through_it() -> None:
    world = Simulated()
    world.apply(service("1", meta=rolling("100s")))
    apply(world, mapping())
    world.run(5)
    world.apply(service("2", meta=rolling("100s")))
    world.run(60)
    percents = led(world)
    assert 0 < percents["hello-00002"] < 100
    assert percents == led(world, "hello.default.localhost")
    world.run(80)
    assert led(world) == {"hello-00002": 100}


def test_the_ingress_says_what_a_clusters_says() -> None:
    world = Simulated()
    world.apply(service("1"))
    apply(world, mapping(labels={"a": "b"}, annotations={"c": "d"}))
    world.run(5)
    stored, ingress = world.get(DOMAIN_MAPPING, "shop.example.org"), world.get(INGRESS, "shop.example.org")
    meta = ingress["metadata"]
    assert meta["labels"] == {
        "a": "b",
        "serving.knative.dev/domainMappingNamespace": "default",
        "serving.knative.dev/domainMappingUID": stored["metadata"]["uid"],
    }
    assert meta["annotations"] == {
        "c": "d",
        "networking.knative.dev/ingress.class": "kourier.ingress.networking.knative.dev",
        "serving.knative.dev/creator": "kubernetes-admin",
        "serving.knative.dev/lastModifier": "kubernetes-admin",
    }
    assert [owner["uid"] for owner in meta["ownerReferences"]] == [stored["metadata"]["uid"]]
    split = {
        "appendHeaders": {"K-Original-Host": "shop.example.org"},
        "percent": 100,
        "serviceName": "hello",
        "serviceNamespace": "default",
        "servicePort": 80,
    }
    assert ingress["spec"]["rules"] == [
        {
            "hosts": ["shop.example.org"],
            "http": {"paths": [{"rewriteHost": "hello.default.svc.cluster.local", "splits": [split]}]},
            "visibility": "ExternalIP",
        }
    ]
    world.store.delete(DOMAIN_MAPPING, "default", "shop.example.org")
    world.run(0.1)
    assert world.store.find(INGRESS, "default", "shop.example.org") is None


def test_the_first_namespace_has_a_name_and_the_next_gets_it_when_it_is_free() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    apply(world, mapping())
    other = service("1")
    world.admission.apply(SERVICE, other | {"metadata": other["metadata"] | {"namespace": "other"}})
    world.run(5)
    apply(world, mapping(), "other")
    assert world.store.get(CLUSTER_DOMAIN_CLAIM, "", "shop.example.org")["spec"] == {"namespace": "default"}
    failed = said(world, namespace="other")
    assert failed["DomainClaimed"] == failed["Ready"] == TAKEN
    assert failed["ReferenceResolved"] == failed["CertificateProvisioned"] == ("Unknown", "", "")
    words = 'namespace "other" does not own ClusterDomainClaim for "shop.example.org"'
    assert events(world, "other")[-1] == ("Warning", "InternalError", words)
    [target] = world.plane.public["shop.example.org"]
    assert target.revision.namespace == "default"
    world.store.delete(DOMAIN_MAPPING, "default", "shop.example.org")
    world.run(0.1)
    assert world.store.find(DOMAIN_MAPPING, "default", "shop.example.org") is None
    assert said(world, namespace="other")["Ready"] == TRUE
    [target] = world.plane.public["shop.example.org"]
    assert target.revision.namespace == "other"
    assert world.store.get(CLUSTER_DOMAIN_CLAIM, "", "shop.example.org")["spec"] == {"namespace": "other"}


def test_the_loser_of_a_name_leaves_the_claim_when_it_goes() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    apply(world, mapping())
    apply(world, mapping(), "other")
    world.store.delete(DOMAIN_MAPPING, "other", "shop.example.org")
    world.run(0.1)
    assert world.store.find(DOMAIN_MAPPING, "other", "shop.example.org") is None
    assert world.store.find(CLUSTER_DOMAIN_CLAIM, "", "shop.example.org")
    assert led(world) == {"hello-00001": 100}


def test_without_autocreate_somebody_must_make_the_claim() -> None:
    for spelling in ("autocreate-cluster-domain-claims", "autocreateClusterDomainClaims"):
        world = Simulated(config_network={spelling: "false"})
        world.apply(service("1"))
        world.run(5)
        apply(world, mapping())
        assert said(world)["DomainClaimed"] == TAKEN
        words = 'no ClusterDomainClaim found for domain "shop.example.org" '
        words += "(and autocreate-cluster-domain-claims property is not true)"
        assert events(world)[-1] == ("Warning", "InternalError", words)
        claim = {
            "apiVersion": "networking.internal.knative.dev/v1alpha1",
            "kind": "ClusterDomainClaim",
            "metadata": {"name": "shop.example.org"},
            "spec": {"namespace": "default"},
        }
        world.admission.create(CLUSTER_DOMAIN_CLAIM, claim)
        world.run(0.1)
        assert said(world)["Ready"] == TRUE
        world.store.delete(DOMAIN_MAPPING, "default", "shop.example.org")
        world.run(0.1)
        assert world.store.find(CLUSTER_DOMAIN_CLAIM, "", "shop.example.org"), "it is not the controller's"


def test_what_a_reference_can_be() -> None:
    world = Simulated()
    world.apply(service("1", latest(100, "next")))
    world.apply(configuration("1"))
    world.apply(route(follow("conf")))
    world.run(5)
    apply(world, mapping("route.example.org", "web", kind="Route"))
    apply(world, mapping("tag.example.org", "next-hello", apiVersion="v1"))
    assert led(world, "route.example.org") == {"conf-00001": 100}
    assert led(world, "tag.example.org") == {"hello-00001": 100}
    apply(world, mapping("nobody.example.org", "nobody", apiVersion="v1"))
    assert said(world, "nobody.example.org")["ReferenceResolved"] == TRUE
    assert said(world, "nobody.example.org")["Ready"] == NOT_YET
    for name, kind, version, words in (
        ("gone", "Service", "serving.knative.dev/v1", 'services.serving.knative.dev "gone" not found'),
        ("gone", "Proxy", "example.org/v1", 'proxies.example.org "gone" not found'),
    ):
        apply(world, mapping("gone.example.org", name, kind=kind, apiVersion=version))
        failed = ("False", "ResolveFailed", f"failed to get object default/gone: {words}")
        assert said(world, "gone.example.org")["ReferenceResolved"] == failed
    apply(world, mapping("b.example.org", "tag.example.org", "serving.knative.dev/v1beta1", "DomainMapping"))
    form = 'resolved URI "http://tag.example.org" must be of the form {name}.{namespace}.svc.cluster.local'
    assert said(world, "b.example.org")["ReferenceResolved"] == ("False", "ResolveFailed", form)
    assert "b.example.org" not in world.plane.public


def test_it_follows_a_change_of_what_it_refers_to() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.apply(configuration("1"))
    world.apply(route(follow("conf")))
    world.run(5)
    apply(world, mapping())
    apply(world, mapping(to_="web", kind="Route"))
    assert said(world)["Ready"] == TRUE
    assert led(world) == {"conf-00001": 100}
    world.store.delete(ROUTE, "default", "web")
    world.run(0.1)
    words = 'failed to get object default/web: routes.serving.knative.dev "web" not found'
    assert said(world)["Ready"] == ("False", "ResolveFailed", words)
    assert led(world) == {}
    world.apply(route(follow("conf")))
    world.run(1)
    assert said(world)["Ready"] == TRUE
    assert led(world) == {"conf-00001": 100}


def test_its_finalizer_goes_with_the_claim_and_so_does_its_namespace() -> None:
    world = Simulated()
    world.apply(service("1"))
    apply(world, mapping(), "other")
    assert world.store.get(DOMAIN_MAPPING, "other", "shop.example.org")["metadata"]["finalizers"] == [FINALIZER]
    assert is_deleted(world.store.delete(NAMESPACE, "", "other"))
    world.run(0.1)
    assert world.store.find(NAMESPACE, "", "other") is None
    assert world.store.find(CLUSTER_DOMAIN_CLAIM, "", "shop.example.org") is None


def test_a_certificate_of_the_users_is_told_but_not_used() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    document = mapping()
    document["spec"]["tls"] = {"secretName": "certificate"}
    document["metadata"]["namespace"] = "default"
    _, warnings = world.admission.apply(DOMAIN_MAPPING, document)
    assert warnings == (
        "spec.tls has no effect in the emulator: the gateway speaks plain HTTP and no certificates are made",
    )
    world.run(0.1)
    provided = ("True", "CertificateExternallyProvided", "TLS certificate was provided externally")
    assert said(world)["CertificateProvisioned"] == provided
    assert world.get(DOMAIN_MAPPING, "shop.example.org")["status"]["url"] == "http://shop.example.org"


def test_a_routes_own_host_stays_the_routes() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.apply(configuration("1"))
    world.apply(route(follow("conf")))
    world.run(5)
    apply(world, mapping("web.default.localhost"))
    assert led(world, "web.default.localhost") == {"conf-00001": 100}
