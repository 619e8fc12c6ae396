"""A PostgreSQL server of one's own, which may be killed; and a small disk, which may be filled."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from benchmarks.trust.site import free_port

READY_SECONDS = 60.0


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Mount a disk of a size on a folder; say whether that is allowed here."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    mounted = (
        shutil.which("mount") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free on the disk of a folder while the block lasts."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 4096):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


def tools() -> Path | None:
    """Find the folder of initdb and postgres, where they are installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    return found[-1].parent if found[-1].is_file() else None


class Cluster:
    """A server on a port of its own, run by the account postgres where this process is root."""

    def __init__(self, programs: Path) -> None:
        self.programs, self.port = programs, free_port()
        self.folder = Path(mkdtemp(prefix="noriai-cluster-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        if self._user:
            shutil.chown(self.folder, self._user)
        asked = ["-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "--wal-segsize=1", "-N"]
        self._run("initdb", *asked)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, user=self._user, cwd=self.folder, capture_output=True, check=True)

    def start(self) -> None:
        """Start the server, and return once it answers."""
        command = [
            str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port),
            "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1", "-c", "min_wal_size=8MB",
            "-c", "max_wal_size=24MB", "-c", "shared_buffers=32MB",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                command, user=self._user, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + READY_SECONDS
        while not self.answers():
            if time.monotonic() > until:
                raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def set(self, name: str, value: str) -> None:
        """Change a setting for good; it counts from the next start."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())

    def kill(self) -> None:
        """Kill the server and each of its processes at once: kill -9."""
        if self._server is None:
            return
        listed = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children")
        others = [int(pid) for pid in listed.read_text(encoding="ascii").split()] if listed.exists() else []
        for pid in (self._server.pid, *others):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.wait()
        self._server = None

    def remove(self) -> None:
        self.kill()
        for path in self.folder.iterdir():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        with suppress(OSError):
            self.folder.rmdir()
