"""What runs an instance. `base.py` is all that a runtime must be; the kubelet does the rest.

process.py   a command of this machine, on a port of its own
"""
