"""Check the address of a Hub: a token is sent there, so it has to be one that may have it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

DEFAULT_ENDPOINT = "https://huggingface.co"
ALLOWED = (
    "an https:// address without user name, query or fragment (http:// only on loopback), such as " + DEFAULT_ENDPOINT
)


def check_endpoint(value: str) -> str:
    """Return the address without trailing slash; raise ValueError where it is not allowed."""
    if not isinstance(value, str) or any(ord(character) <= ord(" ") for character in value):
        raise ValueError(ALLOWED)
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc or "\\" in value:
        raise ValueError(ALLOWED)
    _ = parts.port  # raises ValueError where it is no number in range
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError(ALLOWED)
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
