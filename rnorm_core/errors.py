"""The one error a user is shown, and how a command shows it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something a user gave or lacks is wrong: says what, and how to fix it.

    Anything else that goes wrong is a defect and is not caught on a user's behalf.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what} To fix this: {fix}")
        self.what = what
        self.fix = fix

    def __reduce__(self) -> tuple:
        return type(self), (self.what, self.fix)


@contextmanager
def one_line_errors(stopped: str = "run the same command again to go on") -> Iterator[None]:
    """Around what a command does: a UserError or Ctrl-C ends the process with one line and without a traceback.

    stopped: what to tell who pressed Ctrl-C.
    """
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"stopped; {stopped}")
