"""`knative-emulator`, that ends when its standard input does: at the latest with the process that holds the other end.

A test session may be killed, and then nobody is left to stop what it has started; its end of the pipe is closed all the
same.
"""

import os
import signal
import sys
import threading

from emulator.cli import main


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(main())
