"""Load for the login function, or for any service, and one page that says what became of it.

    run.py         `python -m loadtest.run`: start everything, load it, write the report
    shapes.py      when people come
    replay.py      what comes when: of a shape, or of a recorded run
    target.py      where they log in, and whether they may
    deployment.py  the login function in an emulator of its own
    people.py      the locust users, and the locust shape that sends them
    watch.py       what the emulator says of itself, twice a second
    ledger.py      what became of each login, against the server's own count
    series.py      both as series over time
    report.py      the page, drawn by emulator.drawing

Nothing but people.py and run.py imports locust, which patches the standard library when it is imported.
"""
