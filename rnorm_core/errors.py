"""The one error a user is shown."""


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
