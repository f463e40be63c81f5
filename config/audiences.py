"""Settings of the service: who hears of a scan, as tables [slack] and [[subscriptions]]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from config.endpoint import check_endpoint
from config.errors import Told
from config.jobs import NAME_ALLOWED
from config.mistakes import key
from config.tables import Table
from config.values import ModelIds, Name, Owner, Whole, as_list, once_each

# Slack's own names hold no capital and no dot; its ids are longer than two characters, how long is not documented.
CHANNEL = r"^(?:#[\p{Ll}\p{Lo}\p{M}\p{N}_-]+|[CDGUW][A-Z0-9]{2,20})$"
LONGEST_CHANNEL = 81  # characters, the # among them; checked apart, see `values.MODEL_ID`
CHANNEL_ALLOWED = "a channel such as #model-scope, or the id of a channel or a person such as C024BE91L or U024BE7LH"
ADDRESS_ALLOWED = "an https:// address without user name, query or fragment (http:// only on loopback)"
TEAM, ALARM = RESERVED = ("team", "alarm")  # what the team's own digest and the alarms are filed under


def _with_slash(value: str) -> str:
    return check_endpoint(value) + "/"


def _as_webhook(value: str) -> str:
    check_endpoint(value)
    return value


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise Told(f"'{name}' is taken; it must be a name other than {' and '.join(RESERVED)}")
    return name


def _with_hash(value: object) -> object:
    """Take "general" for "#general", as Slack does, but no token that was pasted into the wrong place."""
    bare = isinstance(value, str) and value[:1].isalnum() and value == value.lower() and not value.startswith("xo")
    return f"#{value}" if bare else value


Channel: TypeAlias = Annotated[str, BeforeValidator(_with_hash), Field(pattern=CHANNEL, max_length=LONGEST_CHANNEL)]
BaseUrl: TypeAlias = Annotated[str, BeforeValidator(_with_slash)]
WebhookUrl: TypeAlias = Annotated[SecretStr, BeforeValidator(_as_webhook)]
Owners: TypeAlias = Annotated[tuple[Owner, ...], BeforeValidator(as_list)]


class SlackSettings(Table):
    """Where in Slack the digest goes. The token, or else the webhook, comes from the environment only."""

    channel: Channel | None = key(
        None,
        "where the digest goes with a bot token (a webhook has a channel of its own)",
        CHANNEL_ALLOWED,
        example="#model-scope",
    )
    alarm_channel: Channel | None = key(
        None, "where alarms go, else where the digest goes", CHANNEL_ALLOWED, example="#model-scope-alarms"
    )
    csv_models: Whole = key(
        10_000,
        "models in the attached CSV at most (0: none is attached)",
        "a whole number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    base_url: BaseUrl = key(
        "https://slack.com/api/",
        "the address of Slack's Web API, else https://slack.com/api/",
        ADDRESS_ALLOWED,
        secret=True,
    )


class Subscription(Table):
    """Somebody who hears of changes to their own models, and of nothing else."""

    name: Annotated[Name, AfterValidator(_not_reserved)] = key(
        ..., "what the subscription is called", NAME_ALLOWED, example="my-org"
    )
    owners: Owners = key((), "owners whose models it is about", "a list of owners' names", example=["my-org"])
    models: ModelIds = key((), "further models", 'a list of model ids, each "owner/name"', example=["owner/model"])
    slack: Channel | None = key(None, "where in Slack it goes", CHANNEL_ALLOWED, example="#my-org-models")
    folder: Path | None = key(None, "folder for its files", "the path of a folder", example=Path("reports/my-org"))

    @model_validator(mode="after")
    def _complete(self) -> Subscription:
        if not (self.owners or self.models):
            raise Told("no model is named; it must have owners or models")
        if self.slack is None and self.folder is None:
            raise Told("it goes nowhere; it must have slack or folder")
        return self


Subscriptions: TypeAlias = Annotated[tuple[Subscription, ...], AfterValidator(once_each)]
