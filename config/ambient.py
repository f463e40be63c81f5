"""What libpq adds to the address of a PostgreSQL server by itself, and where that would give a secret away.

A settings file that nobody named was found in the working directory, which may be somebody else's: a server that it
names must not be sent a password that lies ready for another one. libpq takes one from the environment (PostgreSQL's
manual, "Environment Variables"), from a file of passwords ("The Password File") or from a service ("The Connection
Service File"), and gives Kerberos credentials away where it is told to (`gssdelegation`). All but the last only where
the address has no password of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

VARIABLES = ("PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGGSSDELEGATION")
PASSWORD_FILE = ".pgpass"  # noqa: S105 - in the home folder, read without being named

_SERVER = re.compile(r"postgres[\w+]*://", re.IGNORECASE)
# SQLAlchemy's own grammar of an address, which differs from RFC 3986: what counts is what it will connect with.
_OWN_PASSWORD = re.compile(r"[\w+]+://[^:/]*:[^@]+@")
# Anywhere: the driver joins names and values to one text, in which a name may hold another parameter before it. For the
# same reason a password among the parameters counts as none: it may be an empty one in place of the one before.
_PARAMETER = re.compile(r"\b(passfile|service|servicefile|gssdelegation)[\s+]*=", re.IGNORECASE)
_PASSWORD_PARAMETER = re.compile(r"\bpassword[\s+]*=", re.IGNORECASE)


def source_of_secrets(url: str, environ: Mapping[str, str]) -> str | None:
    """Where libpq would find a secret to send to the server of an address; None where it sends none of its own accord.

    Args:
        url: a SQLAlchemy URL.
        environ: the environment.

    Returns:
        In words, such as `PGPASSWORD`.
    """
    if not _SERVER.match(url):
        return None
    plain = unquote(url)
    if parameter := _PARAMETER.search(plain):
        return f"its parameter {parameter[1]}"
    if _OWN_PASSWORD.match(url) and not _PASSWORD_PARAMETER.search(plain):
        return None
    if variable := next((name for name in VARIABLES if environ.get(name)), None):
        return variable
    home = environ.get("HOME")
    return f"~/{PASSWORD_FILE}" if home and (Path(home) / PASSWORD_FILE).exists() else None
