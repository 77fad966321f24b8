"""What runs an instance. `base.py` is all that a runtime must be; the kubelet does the rest.

process.py   a command of this machine, on a port of its own
docker.py    a container of the manifest's image; container.py says how it is made, volumes.py writes its volumes,
             output.py reads what it prints, engine.py keeps the Docker SDK away from the hub
choice.py    which of them an instance gets
"""
