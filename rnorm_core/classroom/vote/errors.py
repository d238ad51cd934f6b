"""What can go wrong with a vote. `status` is the HTTP status with which a phone hears of it."""

from rnorm_core.errors import UserError


class VoteError(UserError):
    """A request that is not understood, or that the state of the room does not allow."""

    status = 400


class NoRoom(VoteError):
    """No room has this code: mistyped, expired or deleted."""

    status = 404

    def __init__(self) -> None:
        super().__init__("There is no room with this code.", "check the code; a room is deleted after a day.")


class NotOwner(VoteError):
    status = 403

    def __init__(self) -> None:
        super().__init__("This is not the key of the room.", "open your own link to the room again, or a new room.")


class Closed(VoteError):
    status = 409

    def __init__(self) -> None:
        super().__init__("This vote is closed.", "wait for the next one.")


class Full(VoteError):
    """A bound is reached."""

    status = 429


class TooLong(VoteError):
    status = 413


class Unavailable(VoteError):
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "The database of votes does not answer.", "try again in a moment; or see RNORM_HOME and DATABASE_URL."
        )
