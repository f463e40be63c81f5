"""A small Slack on loopback: the Web API's methods that a bot like ours uses, incoming webhooks, and faults at will.

Made from Slack's public documentation (https://docs.slack.dev/reference), so that what it refuses is what Slack would
refuse. Needs nothing but the standard library. Sockets are real: a client may run in another process.

    with SlackServer() as slack:
        SlackBot(slack.token, slack.base_url).post("C0GENERAL", message, delivery="d1")
        assert slack.messages("C0GENERAL")
"""

from tests.slackserver.faults import Fault, Faults
from tests.slackserver.server import SlackServer
from tests.slackserver.workspace import Channel, Recorded, Workspace

__all__ = ["Channel", "Fault", "Faults", "Recorded", "SlackServer", "Workspace"]
