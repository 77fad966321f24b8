"""What happened, kept as rows: to be explained, and to be played again.

rows.py       a record's lines: header, arrivals, decisions, instances, applied objects
decisions.py  from a revision as it stands to its rows
history.py    the latest decisions in memory, of every running emulator
recorder.py   `up --record FILE`: which rows there are
writer.py     their way to the file
file.py       which is always a new one
reader.py     and back
moments.py    moments as people say them
explain.py    why the number of instances was what it was, in sentences
"""
