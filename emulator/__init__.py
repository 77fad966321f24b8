"""Knative on one machine, without Kubernetes.

Read in this order:

    core/         decisions: pure functions of (inputs, now); no socket, file, thread or wall clock
    dataplane/    one hop for a request: gateway, activator and queue-proxy are function calls here
    runtimes/     what runs an instance: a process, a container, or a model of one
    api/          the Kubernetes API: objects, versions, watches; the only door for intent
    serving.py    which objects to look at again; services.py, configurations.py, routes.py, domain_mappings.py: a pass
                  over one of them
    record/       what happened, as rows: written to a file, explained in sentences
    controller.py observe -> plan -> act; the only writer of status
    simulation/   the same decisions on simulated time, under modelled load
    drawing/      charts and the page that they are on
    testing/      fixtures for pytest: a running emulator, and one on simulated time
    cli.py        `knative-emulator up | apply | get | delete | logs | status | explain | simulate | replay`
"""
