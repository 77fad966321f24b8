"""Benchmarks: each file is one command (`python -m loadtest.bench.NAME`) and prints ratios against a baseline.

cold_start.py  the login function against a hello-world under the plain functions framework
hash.py        hashes interleaved against one by one
gateway.py     through the emulator's gateway against straight to the instance
truth.py       the emulator under a load against the simulation of the same load; sleeper.py is what it runs
"""
