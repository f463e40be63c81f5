"""What can stop a command or a read, and the exit code each means (the README lists them).

HubscopeError
├── UsageError           2  an argument, a path, a token or a setting is wrong: the person can mend it
│   └── CatalogueBusy       another scan is writing to the same catalogue
├── IncompleteError      3  the work was asked for rightly but could not be finished; what was done is kept
│   ├── BudgetSpent         the request budget of this run is used up
│   └── Cancelled           the person asked to stop
└── SourceError          3  one repository or one file could not be read; recorded, never ends a scan by itself
    ├── Refused             the answer is final for now: gone, gated, disabled, no such file
    └── Unanswered          no answer after all retries: trying again later may help
"""


class HubscopeError(Exception):
    """Base of everything that is told to a person as one sentence, without a traceback."""

    exit_code = 1


class UsageError(HubscopeError):
    """The command cannot be carried out as asked."""

    exit_code = 2


class CatalogueBusy(UsageError):
    """Another scan is writing to the same catalogue."""


class IncompleteError(HubscopeError):
    """The command could not be finished; what was done so far is kept."""

    exit_code = 3


class BudgetSpent(IncompleteError):
    """The run may make no more requests."""


class Cancelled(IncompleteError):
    """The person asked to stop; raised where a wait would otherwise go on."""


class SourceError(HubscopeError):
    """One repository or one file could not be read.

    Attributes:
        code: kebab-case, as it appears in `errors` of an assessment and in the problems of a run.
    """

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Refused(SourceError):
    """The server's answer is final for now.

    Codes: `not-found` (missing, or private: an anonymous client cannot tell), `gated`, `disabled`,
    `revision-not-found`, `file-not-found`, `file-unreadable`, `forbidden`, `bad-request`, `bad-answer`, `bad-row`,
    `foreign-address` and `redirect-loop` (an address that is not followed), `expired` and `range-outside-file` (of a
    signed address).
    """


class Unanswered(SourceError):
    """No usable answer after all retries.

    Codes: `unreachable`, `server-error`, `rate-limited`, `bad-answer`, `read-failed`.
    """
