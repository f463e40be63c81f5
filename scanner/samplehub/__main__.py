"""`python -P -m scanner.samplehub --port 0`: print the address and serve until a signal comes.

With `--population N` it serves a crowd of N models. SIGUSR1 then prints, as one line of JSON, how many requests were
answered since the last time, by server, quota, what they asked for, and status.
"""

from __future__ import annotations

import argparse
import gc
import json
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from scanner.samplehub.crowd import MIXES, Crowd, Settings, parse_mix
from scanner.samplehub.faults import Fault, Kind
from scanner.samplehub.hub import TOKEN, SampleHub
from scanner.samplehub.quota import ANONYMOUS, WINDOW_SECONDS
from scanner.samplehub.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS: tuple[Kind, ...] = ("reset", "reset-mid-body", "cut", "html", "broken-json", "empty-206")
FAULTS = [
    *(Fault(kind="status", status=status) for status in (429, 500, 502, 503, 504)),
    *(Fault(kind=kind) for kind in _KINDS),
]
NO_QUOTA = 10**12  # requests a window
SHARES = ("heavy_tail", "graphs", "wrong", "near", "copies", "gated", "disabled", "changed")


def arguments_of(command_line: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -P -m scanner.samplehub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the Hub's port; 0 for any free one")
    parser.add_argument("--weeks", "--week", type=int, default=0, help="weeks of changes to apply before serving")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--faults", type=float, default=0.0, metavar="SHARE", help="share of requests that go wrong")
    parser.add_argument("--token", default=TOKEN, help="the one token that is known")
    quota = parser.add_argument_group("quotas")
    quota.add_argument("--window", type=int, default=WINDOW_SECONDS, help="length of a quota window in seconds")
    for bucket in ANONYMOUS:
        quota.add_argument(f"--{bucket}", type=int, help=f"requests a window of the {bucket} bucket, for everyone")
    quota.add_argument("--no-quota", action="store_true", help="as good as no limits")
    crowd = parser.add_argument_group("a crowd", "scanner/samplehub/crowd/settings.py says of what each is a share")
    crowd.add_argument("--population", type=int, metavar="N", help="serve N made models")
    crowd.add_argument("--seed", type=int, default=Settings.seed)
    crowd.add_argument("--mix", type=parse_mix, default="planning", help=f"{', '.join(MIXES)}, or KIND=SHARE,…")
    for share in SHARES:
        crowd.add_argument(
            f"--{share.replace('_', '-')}", type=float, default=getattr(Settings, share), metavar="SHARE"
        )
    crowd.add_argument(
        "--truth", action="store_true", help="print what is true of every model, as JSON lines, and leave"
    )
    found = parser.parse_args(command_line)
    if found.truth and found.population is None:
        parser.error("--truth needs --population")
    return found


def crowd_of(arguments: argparse.Namespace) -> Crowd | None:
    """The crowd that was asked for, if one was."""
    if arguments.population is None:
        return None
    shares = {share: getattr(arguments, share) for share in SHARES}
    return Crowd(
        Settings(
            models=arguments.population, seed=arguments.seed, mix=arguments.mix, week=arguments.weeks, **shares
        )
    )  # fmt: skip


def faults_of(share: float, seed: int) -> list[Fault]:
    """Every kind of fault that may pass, all of them together befalling a share of the requests."""
    each = share / len(FAULTS)
    return [replace(fault, rate=each, seed=seed * 100 + at) for at, fault in enumerate(FAULTS)] if share else []


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    arguments = arguments_of()
    try:
        crowd = crowd_of(arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if crowd is not None and arguments.truth:
        for row in crowd.truth():
            sys.stdout.write(json.dumps(row) + "\n")
        return 0
    limits = {bucket: getattr(arguments, bucket) for bucket in ANONYMOUS if getattr(arguments, bucket) is not None}
    if arguments.no_quota:
        limits = dict.fromkeys(ANONYMOUS, NO_QUOTA)
    tally = Tally() if crowd is not None else None
    done, told = threading.Event(), threading.Event()

    def leave(*_: object) -> None:
        done.set()
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    if tally is not None and hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, lambda *_: told.set())
    with SampleHub(
        port=arguments.port,
        latency=arguments.latency,
        token=arguments.token,
        quotas=limits,
        token_quotas=limits,
        window_seconds=arguments.window,
        faults=faults_of(arguments.faults, arguments.seed),
        crowd=crowd,
        tally=tally,
    ) as hub:
        for _ in range(arguments.weeks if crowd is None else 0):
            hub.advance_week()
        gc.freeze()  # what is there now stays; looking through it costs more than a page
        _say(hub.endpoint)
        while not done.is_set():
            told.wait()
            told.clear()
            if tally is not None and not done.is_set():
                _say(json.dumps(tally.take()))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
