"""The emulator in the tests of other people's projects.

plugin.py     the fixtures and options that pytest finds
running.py    an emulator that ends with the tests, and what a test does with it
simulated.py  the same on simulated time
leash.py      how it ends with them, however they end
looks.py      what both read alike
"""
