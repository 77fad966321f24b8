"""The Kubernetes API: the only door for intent.

kinds.py   which resources are served, as rows
store.py   objects, versions, and who wants to hear of changes
server.py  paths and verbs over HTTPS, with a token
tls.py     the certificate authority and the kubeconfig in the state folder
tables.py  the columns that a person sees
"""
