"""`login-function serve`: the framework's application on our own server, from start to a clean end."""

import gc
import os
import signal
import time
from functools import partial
from pathlib import Path

import functions_framework
import gevent
from gevent.event import Event

from function import app, logs
from function.errors import SettingsError, StoreUnavailableError
from function.pool.gevent_lane import GeventLane
from function.service import Service
from function.web import overload
from function.web.listener import listen
from function.web.server import Server

#: Leaves the hub its turn while every core hashes: at ten times the load /livez has a p99 of 7 to 13 ms, of 18 to 39
#: with 5, of hundreds without. Not 19, with which anything else on a shared machine would stop logins.
HASH_NICENESS = 10
#: Collections of the middle generation between two of everything. One of those holds up all for 50 to 90 ms while
#: hundreds wait in line, and with python's own 10 there was one in two seconds. What is left for it is some 500 objects
#: a second of a storm, which this many let grow to about 10 MB.
FULL_COLLECTION = 1000
#: Seconds between two looks for a database that does not answer yet.
DATABASE_POLL = 1.0

_TARGET = Path(__file__).with_name("main.py")


def serve() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status.

    0: everything that was accepted was finished; 1: something was not, when the grace period was over.

    Raises:
        LoginFunctionError: it cannot start.
    """
    settings = app.configure()
    imported = _since_exec()
    try:
        service = Service(settings, os.environ, partial(GeventLane, niceness=HASH_NICENESS), GeventLane)
        _wait_for_database(service)
        listener = listen(settings.host, settings.port)
    except OSError as error:
        raise SettingsError(
            f"PORT {settings.port} on HOST {settings.host} cannot be had ({error.strerror}): choose another."
        ) from error
    app.use(service)

    def refused(status: int, why: str, client: str) -> None:
        service.metrics.add("login_refused_connections_total", status=status)
        logs.line("WARNING", f"refused {status}", status=status, reason=why, client=client)

    application = functions_framework.create_app("login", str(_TARGET))  # type: ignore[no-untyped-call]  # it has no types
    server = Server(listener, overload.ahead(service, application), settings, refused)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopping.set)
    server.start()
    logs.line(
        "INFO",
        "ready",
        host=settings.host,
        port=listener.getsockname()[1],
        import_ms=imported,
        ready_ms=_since_exec(),
        hash_threads=service.hashing.admission.threads,
        hash_cost=settings.hash_cost,
        service=service.about,
    )
    gevent.spawn(service.warm)
    service.deliver(gevent.spawn)
    # What is here now stays: the collector need not look at it again.
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], FULL_COLLECTION)
    gc.enable()
    stopping.wait()
    logs.line("INFO", "stopping", shutdown_delay=settings.shutdown_delay, grace_period=settings.grace_period)
    service.draining = True
    end = time.monotonic() + settings.shutdown_delay + settings.grace_period
    unfinished = server.drain(settings.shutdown_delay, settings.grace_period)
    # What is left of the time is for events. Those that are left are in the database, for the next instance.
    undelivered = service.stop_delivery(end - time.monotonic())
    if not unfinished:
        service.database.close()
    logs.line("WARNING" if unfinished else "INFO", "stopped", unfinished=unfinished, undelivered=undelivered)
    return 1 if unfinished else 0


def _wait_for_database(service: Service) -> None:
    end = time.monotonic() + service.settings.database_patience
    while True:
        try:
            service.database.check()
        except StoreUnavailableError as error:
            if time.monotonic() >= end:
                raise
            logs.line("WARNING", "waiting for the database", reason=str(error))
            gevent.sleep(DATABASE_POLL)
        else:
            return


def _since_exec() -> int:
    """Milliseconds since this process was executed, to the kernel's 10 ms."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return round((time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")) * 1000)
