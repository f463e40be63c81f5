"""A small Hub on loopback that behaves as the real one does on the wire, for `hubscope demo` and for tests.

    with SampleHub() as hub:
        ...  # HF_ENDPOINT=hub.endpoint

What is not known of the real Hub is decided here on the cautious side: a `limit` above the ceiling is clamped, disabled
repositories stay in the listing, no file of a gated one (README and shard headers included) is readable, and a spent
quota answers 429 without Retry-After. There is no Xet store behind the Xet headers: download with HF_HUB_DISABLE_XET.

It imports nothing else of hubscope, so that it is shaped by what is known of the Hub and not by what our client sends.
"""

from scanner.samplehub.faults import Fault
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import Tensor
from scanner.samplehub.hub import TOKEN, SampleHub
from scanner.samplehub.repository import Repository
from scanner.samplehub.server import Recorded

__all__ = ["TOKEN", "Blob", "Fault", "Recorded", "Repository", "SampleHub", "Tensor"]
