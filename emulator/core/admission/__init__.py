"""What the API server and Knative's webhooks do to an object before it is stored.

admit      prune, decode, fill in, check: the whole way; the only name that others need
tables     the types, as text: fields, which of them Knative takes, which the CRD has
schema     the notation of the tables, and what decoding and pruning make of a document
defaults   what is filled in
validation the four kinds; revision, containers, probes, volumes, security, traffic, annotations, metadata: their parts
field_error  problems with their paths, merged and told as Knative tells them
"""

from emulator.core.admission.admit import AdmissionError, Admitted, admit, prune
from emulator.core.admission.settings import AdmissionConfig

__all__ = ["AdmissionConfig", "AdmissionError", "Admitted", "admit", "prune"]
