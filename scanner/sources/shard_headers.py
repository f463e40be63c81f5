"""The headers of all shards of a model by one request, as the Hub itself reads them.

Source: huggingface_hub 2.4, `get_sharded_safetensors_metadata`. `GET /api/models/{id}/safetensors-metadata/{index}` is
answered by `{"index": {...}, "headers": {shard: header}}`, about the main branch as it is at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from estimators.shard_index import MAX_NAMED_FILES
from scanner.errors import Refused
from scanner.ranges import url_path
from scanner.sources.http import API
from scanner.sources.replies import read_capped

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from scanner.sources.http import HubClient

MAX_HEADERS_BYTES = 64 * 1024 * 1024  # the largest models have 100,000 tensors, of 150 bytes each


class _Answer(msgspec.Struct):
    headers: dict[str, msgspec.Raw]


_ANSWER = msgspec.json.Decoder(_Answer)


def shard_headers(client: HubClient, model: str, index: str) -> Mapping[str, bytes]:
    """Each shard's header, JSON by path; claims, not checked.

    Args:
        client: asks the Hub.
        model: owner/name.
        index: path of the index of the shards.

    Raises:
        Refused: there are none, or the answer makes no sense (`bad-answer`).
        Unanswered, BudgetSpent: see `HubClient.ask`.
    """
    folder = index.rpartition("/")[0]

    def consume(response: httpx2.Response) -> Mapping[str, bytes]:
        body = read_capped(response, MAX_HEADERS_BYTES)
        try:
            headers = _ANSWER.decode(body).headers
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Refused("bad-answer", f"the Hub's headers of {model}'s shards make no sense ({error})") from error
        if len(headers) > MAX_NAMED_FILES:
            raise Refused("bad-answer", f"the Hub tells headers of {len(headers)} shards of {model}")
        return {f"{folder}/{name}" if folder else name: bytes(raw) for name, raw in headers.items()}

    return client.ask(
        f"/api/models/{url_path(model)}/safetensors-metadata/{url_path(index)}", bucket=API, consume=consume
    )
