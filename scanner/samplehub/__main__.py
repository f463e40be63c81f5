"""`python -P -m scanner.samplehub --port 0`: print the address and serve until a signal comes."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from scanner.samplehub.hub import TOKEN, SampleHub


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -P -m scanner.samplehub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the Hub's port; 0 for any free one")
    parser.add_argument("--weeks", type=int, default=0, help="weeks of changes to apply before serving")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--token", default=TOKEN, help="the one token that is known")
    arguments = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with SampleHub(port=arguments.port, latency=arguments.latency, token=arguments.token) as hub:
        for _ in range(arguments.weeks):
            hub.advance_week()
        sys.stdout.write(f"{hub.endpoint}\n")
        sys.stdout.flush()
        done.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
