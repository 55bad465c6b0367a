"""Waiting for a condition: no test waits for a time to pass."""

import time

# Seconds, after which a wait fails. It has to be long: a green run does not depend on the speed of the machine.
LIMIT = 600


def wait_until(condition, what, seconds=LIMIT, every=0.005):
    """Waits for a condition and returns its value. Raises TimeoutError at the limit."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain: {what}")
        time.sleep(every)
    return value
