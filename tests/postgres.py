"""A real PostgreSQL for tests and benchmarks: Debian's package, started in a folder of its own, on loopback only."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs; Debian has them outside of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(installed, key=lambda path: int(path.parent.name), default=None)


def why_not() -> str:
    """The reason why no PostgreSQL can be started here; empty if one can."""
    if programs() is None:
        return "no PostgreSQL: neither initdb on the PATH nor /usr/lib/postgresql; Debian's package is `postgresql`"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`"
    return ""


# Waits for the end of its input, which comes with the end of the process that started it, also by a kill. A server that
# is just starting ignores the first signal.
UNTIL_LEFT = 'folder=$1; shift; "$@" & read -r _; kill -QUIT $!; sleep 0.5; kill -KILL $!; wait; rm -rf "$folder"'


@contextmanager
def running() -> Iterator[str]:
    """The URL of an empty database; the server ends with the context, or with this process."""
    folder, found = Path(tempfile.mkdtemp(prefix="postgres-")), programs()
    assert found is not None, why_not()
    user = _other_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    data, log = folder / "data", folder / "log"
    initialise = ["--auth=trust", "--username=vote", "--encoding=UTF8", "--locale=C", "--no-sync"]
    settings = ["-p", port, "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    with log.open("w") as out:
        at = {"cwd": folder, "user": user, "stdout": out, "stderr": out}
        subprocess.run([found / "initdb", "--pgdata", data, *initialise], check=True, timeout=120, **at)
        server = [found / "postgres", "-D", data, *settings]
        process = subprocess.Popen(["sh", "-c", UNTIL_LEFT, "sh", folder, *server], stdin=subprocess.PIPE, **at)
    assert process.stdin is not None
    try:
        ready = [found / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={port}", "--username=vote"]
        end = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield f"postgresql://vote@127.0.0.1:{port}/postgres"
    finally:
        process.stdin.close()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> str | None:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None
