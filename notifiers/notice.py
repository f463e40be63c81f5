"""What a subscriber is told: changes of their own models between two runs, and nothing else."""

from dataclasses import dataclass
from datetime import datetime

from notifiers.report import Change, ChangeKind, PreviousRun


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """One thing that happened to one model.

    Attributes:
        regulation: id of the regulation whose verdict or threshold it is about; None for changes of the model itself.
        link_live: False where the model's page is gone, so that nothing links to it.
    """

    kind: ChangeKind
    change: Change
    regulation: str | None = None
    link_live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The message to one subscription after one run; never made where there are no changes.

    Attributes:
        subscription: its name in the settings.
        since: the run that the subscriber was last told of.
        run_id: the run it is about.
        endpoint: the hub's address, for links to models.
        changes: by kind in the order of ChangeKind, then by downloads.
        provenance: how well each regulation is attested, one sentence each; always shown.
    """

    subscription: str
    run_id: str
    finished_at: datetime
    since: PreviousRun
    endpoint: str
    changes: tuple[NoticeChange, ...]
    provenance: tuple[str, ...] = ()
    tool_version: str = ""
