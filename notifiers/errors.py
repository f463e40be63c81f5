"""What can go wrong while telling.

NotifierError
├── UnknownFormatError   no renderer of that name: the person can mend it
├── BadReportError       a stored report cannot be read again
├── WriteError           a file could not be written; what stood there before still stands
└── SendError            a message was not delivered, or nobody can tell whether it was
    ├── Rejected            refused until a person mends something: a revoked token, a missing scope, a deleted channel
    ├── Postponed           not accepted now: a rate limit, no connection; the same may be sent again later
    ├── Uncertain           sent, but the answer never came or was a failure: it may have arrived all the same
    └── NotLookedUp         whether it arrived before cannot be looked up there: a scope is missing, too much was said
"""

from pathlib import Path


class NotifierError(Exception):
    """Base of everything a notifier raises on purpose; its text is one sentence for a person."""


class UnknownFormatError(NotifierError):
    """No renderer has that name."""


class BadReportError(NotifierError):
    """A text is not a report of the schema this version knows."""


class WriteError(NotifierError):
    """A file could not be written; nothing was left half-written.

    Attributes:
        path: the file that was asked for.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class SendError(NotifierError):
    """A message was not delivered, or nobody can tell whether it was.

    Attributes:
        code: the service's own word for it where it has one ("channel_not_found"), else kebab-case.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rejected(SendError):
    """Refused until a person mends something; the message says what."""


class Postponed(SendError):
    """Not accepted, and nothing was delivered.

    Attributes:
        retry_after: seconds that the service asks to wait; None where it does not say.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Uncertain(SendError):
    """It was sent, and may have arrived: sending it again unasked could make it arrive twice."""


class NotLookedUp(SendError):
    """Whether something arrived before cannot be looked up there; nothing was sent by asking."""
