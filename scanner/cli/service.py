"""What `schedule` and `notify` share: the service with its ways out, made from the settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scanner.cli import common

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.regulation import Regulation
    from config.settings import Settings
    from scanner.outbox.channels import Channel
    from scanner.progress import Progress
    from scanner.schedule.service import Service


def make_service(
    engine: Engine,
    settings: Settings,
    regulations: Sequence[Regulation],
    watch: Callable[[Progress], None] = lambda _: None,
) -> Service:
    """The service over a catalogue."""
    from scanner.catalogue.outbox import Outbox
    from scanner.outbox.deliver import Deliverer
    from scanner.schedule.service import Service

    if settings.slack_bot_token and not settings.slack.channel:
        common.log.warning("SLACK_BOT_TOKEN is set and slack.channel is not: no digest goes to Slack")
    stop = threading.Event()
    return Service(
        engine,
        settings,
        regulations,
        lambda limit: common.open_hub(settings, max_requests=limit),
        Deliverer(Outbox(engine), channels(engine, settings, stop), pause=stop.wait),
        common.tool_version(),
        common.log,
        watch=watch,
        stop=stop,
    )


def channels(
    engine: Engine, settings: Settings, stop: threading.Event, report: Callable[[str], str] | None = None
) -> Mapping[str, Channel]:
    """Every way out, by the name that deliveries carry.

    Args:
        engine: the catalogue's database.
        settings: with tokens and addresses.
        stop: set where waits are to end at once.
        report: the report of a digest as JSON; by default the one in the outbox.
    """
    from config.audiences import TEAM
    from notifiers.errors import Postponed
    from notifiers.slack import SlackBot
    from notifiers.webhook import SlackWebhook
    from scanner.catalogue.outbox import Outbox
    from scanner.outbox.channels import FileChannel, SlackChannel, WebhookChannel
    from scanner.outbox.compose import table_lines

    def table(description: Mapping[str, Any]) -> Iterator[str]:
        for line in table_lines(engine, description):
            if stop.is_set():  # millions of lines take minutes, and a service is given one and a half to stop
                raise Postponed("stopped", "hubscope was stopped while it wrote a table")
            yield line

    folders = {s.name: s.folder for s in settings.subscriptions if s.folder is not None}
    folders[TEAM] = settings.report.folder
    token, address = settings.slack_bot_token, settings.slack_webhook_url
    bot = SlackBot(token.get_secret_value(), settings.slack.base_url, sleep=stop.wait) if token else None
    webhook = SlackWebhook(address.get_secret_value(), sleep=stop.wait) if address else None
    return {
        "file": FileChannel(report or Outbox(engine).report, table, folders),
        "slack": SlackChannel(bot, table, lambda target: Outbox(engine).lay_in("slack", target)),
        "webhook": WebhookChannel(webhook),
    }
