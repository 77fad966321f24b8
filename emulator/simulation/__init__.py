"""What would happen: the emulator's own decisions on simulated time, with modelled instances and requests.

engine.py    one run: `simulate(documents, load, machine=...)` gives a Result
result.py    each request, each second, each decision, and the figures that they come to
load.py      the words of `--load`, and the moments that they stand for
trace.py     a recording as load
times.py     how long things take
cores.py     CPU time, where cores are shared
plane.py     a data plane of requests that only take time
world.py     a whole emulator around them
terminal.py  a result as text
replay.py    `knative-emulator replay`: a recording beside what another manifest would have made of it
command.py   `knative-emulator simulate`; options.py are its options
"""
