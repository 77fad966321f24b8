"""What the API server and Knative's webhooks do to an object before it is stored.

admit        decode, fill in, check: the way through the webhooks; and prune, what the API server does before
tables       the types, as text (also container_tables): fields, which of them Knative takes, which the CRD has
schema       the notation of the tables, and what decoding and pruning make of a document
defaults     what is filled in
validation   the kinds; domain_mapping, revision, containers, probes, volumes, security, traffic, annotations, metadata
field_error  problems with their paths, merged and told as Knative tells them
dry_run      what Kubernetes would say of the pod
"""

from emulator.core.admission.admit import AdmissionError, Admitted, admit, prune
from emulator.core.admission.settings import AdmissionConfig

__all__ = ["AdmissionConfig", "AdmissionError", "Admitted", "admit", "prune"]
