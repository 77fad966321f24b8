"""What would happen: the emulator's own decisions on simulated time, with modelled instances and requests.

load.py      the words of `--load`, and the moments that they stand for
times.py     how long things take
cores.py     CPU time, where cores are shared
plane.py     a data plane of requests that only take time
world.py     a whole emulator around them
"""
