"""Benchmarks: each file is one command (`python -m loadtest.bench.NAME`) and prints ratios against a baseline.

cold_start.py  the login function against a hello-world under the plain functions framework
gateway.py     through the emulator's gateway against straight to the instance
"""
