"""The one error that is shown to users, and how a command shows it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something that the user provided is wrong or missing. what: the problem; fix: how to solve it.

    Every other exception is a defect of the program, and no code catches it to hide it from the user.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what} To fix this: {fix}")
        self.what = what
        self.fix = fix

    def __reduce__(self) -> tuple:
        return type(self), (self.what, self.fix)


@contextmanager
def one_line_errors(stopped: str = "run the same command again to go on") -> Iterator[None]:
    """Context of a command: a UserError or Ctrl-C ends the process with one line and without a traceback.

    stopped: the text shown after Ctrl-C.
    """
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"stopped; {stopped}")
