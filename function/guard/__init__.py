"""Who may guess how often.

throttle.py     the decision
gate.py         acts on it: lets through, has wait, refuses
devices.py networks.py      who counts as one
"""
