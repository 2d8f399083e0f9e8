# SPDX-License-Identifier: MIT
"""A PostgreSQL that is started, shot and started again."""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess

from service import free_port


class Cluster:
    """A PostgreSQL of our own, by a user that is not root."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        self.tools = found[-1] if found else None
        self.usable = bool(self.tools and (os.getuid() or shutil.which("runuser")))
        self.data = self.folder / "data"
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, tool, *arguments):
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*user, f"{self.tools}/{tool}", "-D", self.data, *arguments], check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)

    def make(self):
        self.folder.mkdir()
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()

    def start(self):
        self.run("pg_ctl", "-w", "-l", self.folder / "log", "-o",
                 f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1", "start")

    def use_tls(self, certificate, key):
        for name, source in (("server.crt", certificate), ("server.key", key)):
            shutil.copy(source, self.data / name)
            os.chmod(self.data / name, 0o600)
            if os.getuid() == 0:
                user = pwd.getpwnam("postgres")
                os.chown(self.data / name, user.pw_uid, user.pw_gid)
        self.execute("ALTER SYSTEM SET ssl = on")
        self.stop("fast")
        self.start()

    def stop(self, how="immediate"):
        self.run("pg_ctl", "-w", "-m", how, "stop")

    def execute(self, *statements):
        """Each in a transaction of its own."""
        words = [word for statement in statements for word in ("-c", statement)]
        subprocess.run([f"{self.tools}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, self.url], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=120)
