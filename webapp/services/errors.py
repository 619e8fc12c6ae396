"""What a caller did wrong or lost; one handler turns each into an answer for people."""


class ServiceError(Exception):
    """Something that a person must be told; the argument is a short code, put into words where it is shown."""


class Invalid(ServiceError):
    """An answer that cannot be used (422)."""


class NotFound(ServiceError):
    """No such thing for this person (404)."""


class NotAllowed(ServiceError):
    """Not theirs to do (403)."""


class Conflict(ServiceError):
    """It was done already, or differs from what was done (409)."""


class TooMany(ServiceError):
    """It was tried too often (429); waiting `after` seconds helps."""

    def __init__(self, code: str, after: int = 900) -> None:
        super().__init__(code)
        self.after = after


class Gone(ServiceError):
    """It was there and went to somebody else, or its time ran out (409, with new offers)."""
