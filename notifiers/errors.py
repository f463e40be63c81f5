"""What can go wrong while telling.

NotifierError
├── UnknownFormatError   no renderer of that name: the person can mend it
├── BadReportError       a stored report cannot be read again
└── WriteError           a file could not be written; what stood there before still stands
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
