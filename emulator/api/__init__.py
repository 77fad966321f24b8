"""The Kubernetes API: the only door for intent.

kinds.py       which resources are served, as rows
server.py      who may call, and which part answers: discovery.py, openapi.py and access.py, or, for targets.py's paths,
               verbs.py
verbs.py       get, list, watch, create, update, patch, delete, log
remote.py      exec and attach: a pod's streams, over websocket.py; forward.py has its ports
bodies.py      what comes in, checked; media_types.py names its formats, protobuf.py and yaml_body.py
               read two of them, patch.py and strategic.py apply changes
core_types.py  what Secrets, ConfigMaps and Namespaces may hold
ownership.py   who manages which field (server-side apply)
admission.py   what a webhook would refuse is refused, what it would add is added
store.py       objects, versions, and who wants to hear of changes
history.py     the latest changes, and watches over them; selectors.py says of which objects, list_options.py of which
               versions
answers.py     what goes out; tables.py has the columns that a person sees
tls.py         the certificate authority and the kubeconfig in the state folder
"""
