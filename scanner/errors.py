"""What can stop a command, and the exit code each means (the README lists them).

HubscopeError
├── UsageError        2  an argument, a path or a setting is wrong: the person can mend it
├── IncompleteError   3  the work was right but could not be finished: try again, or raise a limit
└── SourceError          one repository or one file could not be read; recorded, never ends a scan by itself
"""


class HubscopeError(Exception):
    """Base of everything that is told to a person as one sentence, without a traceback."""

    exit_code = 1


class UsageError(HubscopeError):
    """The command cannot be carried out as asked."""

    exit_code = 2


class IncompleteError(HubscopeError):
    """The command could not be finished; what was done so far is kept."""

    exit_code = 3
