"""A real PostgreSQL for tests and benchmarks: Debian's package, started in a folder of its own, on loopback only."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs; Debian has them outside of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(installed, key=lambda path: int(path.parent.name), default=None)


def why_not() -> str:
    """The reason why no PostgreSQL can be started here; empty if one can."""
    if programs() is None:
        return "no PostgreSQL: neither initdb on the PATH nor /usr/lib/postgresql; Debian's package is `postgresql`"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`"
    return ""


@contextmanager
def running() -> Iterator[str]:
    """The URL of an empty database; the server ends with the context."""
    folder, found = Path(tempfile.mkdtemp(prefix="postgres-")), programs()
    assert found is not None, why_not()
    user = _other_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def do(program: str, *arguments: str) -> None:
        command = [str(found / program), "--pgdata", str(folder / "data"), *arguments]
        with (folder / "log").open("a") as log:
            code = subprocess.run(command, cwd=folder, user=user, stdout=log, stderr=log, timeout=120).returncode
        assert code == 0, (folder / "log").read_text()

    try:
        do("initdb", "--auth=trust", "--username=vote", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        do("pg_ctl", "start", "--wait", f"--options={options}")
        yield f"postgresql://vote@127.0.0.1:{port}/postgres"
    finally:
        with suppress(AssertionError):  # it may not have started
            do("pg_ctl", "stop", "--mode=immediate", "--wait")
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> str | None:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None
