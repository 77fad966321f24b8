"""Liveness, readiness and metrics."""

from flask import Response

from function import metrics
from function.errors import Refusal
from function.service import Service
from function.web.answers import document
from function.web.call import Call


def livez(_service: Service, _call: Call) -> Response:
    """GET /livez: this process answers. It waits for nothing, so that a storm or a lost database restarts nobody."""
    return document({"status": "alive"})


def readyz(service: Service, _call: Call) -> Response:
    """GET /readyz: the database answers, hashing moves on, and nobody has asked us to stop."""
    if service.draining:
        raise Refusal(503, "This instance is about to stop.", headers={"Retry-After": "1"}, reason="draining")
    if service.hashing.stalled():
        raise Refusal(503, "Hashing makes no progress.", headers={"Retry-After": "1"}, reason="hashing stalled")
    service.database.check()
    return document({"status": "ready"})


def scrape(service: Service, _call: Call) -> Response:
    """GET /metrics: Prometheus text."""
    admission = service.hashing.admission
    depth = service.delivery.depth
    text = service.metrics.text(
        {
            "login_outbox_waiting": ({}, depth.waiting),
            "login_outbox_parked": ({}, depth.parked),
            "login_queue_depth": ({}, admission.depth),
            "login_hash_seconds_average": ({}, admission.seconds),
            "login_hash_threads": ({}, admission.threads),
            "login_hash_width": ({"engine": service.passwords.engine.name}, admission.width),
            "login_hash_batches_total": ({}, admission.batches),
            # Anybody may scrape, so nothing about hosts and processes; the log has them.
            "login_instance_info": ({name: str(service.about[name]) for name in ("instance", "revision")}, 1),
        }
    )
    return Response(text, content_type=metrics.CONTENT_TYPE)
