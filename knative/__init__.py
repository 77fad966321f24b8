"""The way from a laptop to a cluster: manifests, overlays, and the tool that applies them."""
