"""The failures a person can cause or meet; every message is fit for them and says what to do."""

from __future__ import annotations


class AppError(Exception):
    """A failure with a sentence for the user and an HTTP status for the edge."""

    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(AppError):
    """The thing does not exist, or this viewer may not know that it does."""

    status = 404


class Forbidden(AppError):
    """The actor may see the thing but not do this to it."""

    status = 403


class Refused(AppError):
    """A rule of the product says no: the phase is closed, the limit is used up."""

    status = 409


class Conflict(AppError):
    """Somebody else changed the thing meanwhile."""

    status = 409


class Invalid(AppError):
    """What was sent cannot be used; the message names the field."""

    status = 422


class TooLarge(AppError):
    """A file or text is over its limit; the message says the limit."""

    status = 413


class TooMany(AppError):
    """Too many requests in a short time."""

    status = 429


class Unavailable(AppError):
    """Storage, queue or database did not answer; trying again later may work."""

    status = 503
