# SPDX-License-Identifier: MIT
"""A Debian mirror on loopback, with small source packages, some of which it lists and does not have."""

import hashlib
import http.server
import os
import pathlib
import subprocess
import threading

SUITES = ("bookworm", "bookworm-updates", "trixie", "trixie-updates")
SECURITY = ("bookworm-security", "trixie-security")
MAKEFILE = """export XEN_VERSION       = 4
export XEN_SUBVERSION    = {sub}
export XEN_EXTRAVERSION ?= .{extra}$(XEN_VENDORVERSION)
"""


def tree(folder, version):
    """A source as far as hv/fetch and tests/series look: "4.17.5+72-gabc-1" is a Xen 4.17.5."""
    _, sub, extra = version.split("+")[0].split("-")[0].split(".")
    (folder / "xen").mkdir(parents=True)
    (folder / "config").mkdir()
    (folder / "Config.mk").write_text("# nothing\n")
    (folder / "xen/Makefile").write_text(MAKEFILE.format(sub=sub, extra=extra))
    return folder


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """apt may close a connection whenever it likes."""


class Mirror:
    """with Mirror(folder) as mirror: mirror.add(...); mirror.publish(); `url` is for CLOISTER_MIRROR."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.asked = []  # paths, since the last publish()
        self._packages = {}  # suite -> stanzas
        self._server = None

    def __enter__(self):
        mirror = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(mirror.folder))

            def do_GET(self):
                mirror.asked.append(self.path)
                super().do_GET()

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/debian"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def add(self, version, suite="bookworm", package="xen", lost=()):
        """A version in a suite's index; files whose name ends with one of `lost` are not to be had."""
        work = self.folder / "work" / version
        source = tree(work / f"{package}-{version}", version)
        (source / "debian/source").mkdir(parents=True)
        (source / "debian/source/format").write_text("1.0\n")
        (source / "debian/control").write_text(
            f"Source: {package}\nMaintainer: Nobody <nobody@example.org>\nStandards-Version: 4.6.0\n\n"
            f"Package: {package}\nArchitecture: all\nDescription: nothing\n")
        (source / "debian/changelog").write_text(
            f"{package} ({version}) {suite}; urgency=low\n\n  * Nothing.\n\n"
            " -- Nobody <nobody@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n")
        subprocess.run(["dpkg-source", "-sn", "-b", source.name], cwd=work, check=True, capture_output=True)
        root = self._root(suite)
        pool = root / "pool" / package
        pool.mkdir(parents=True, exist_ok=True)
        dsc = (work / f"{package}_{version}.dsc").read_text()
        files = [work / f"{package}_{version}.dsc", *work.glob("*.tar.*")]
        for file in files:
            if not file.name.endswith(tuple(lost)) or not lost:
                (pool / file.name).write_bytes(file.read_bytes())
        self._packages.setdefault(suite, []).append(self._stanza(dsc, package, files))

    def _root(self, suite):
        return self.folder / ("debian-security" if suite in SECURITY else "debian")

    @staticmethod
    def _stanza(dsc, package, files):
        """Of the index Sources: the .dsc's fields, with the .dsc itself among the files."""
        head = dsc.split("Checksums-Sha1:")[0].replace("Source:", "Package:", 1)
        sums = "".join(f" {hashlib.sha256(file.read_bytes()).hexdigest()} {file.stat().st_size} {file.name}\n"
                       for file in files)
        md5 = "".join(f" {hashlib.md5(file.read_bytes()).hexdigest()} {file.stat().st_size} {file.name}\n"
                      for file in files)
        return f"{head}Directory: pool/{package}\nFiles:\n{md5}Checksums-Sha256:\n{sums}"

    def publish(self):
        """Writes the indexes."""
        for suite in SUITES + SECURITY:
            place = self._root(suite) / "dists" / suite
            (place / "main/source").mkdir(parents=True, exist_ok=True)
            index = "\n".join(self._packages.get(suite, [])).encode()
            (place / "main/source/Sources").write_bytes(index)
            (place / "Release").write_text(
                f"Suite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: amd64\n"
                "Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
                f" {hashlib.sha256(index).hexdigest()} {len(index)} main/source/Sources\n")
        self.asked.clear()


def environment(mirror, folder):
    """For hv/fetch: that mirror, unsigned as it is, a cache of its own, and no proxy."""
    configuration = folder / "apt.conf"
    configuration.write_text('Acquire::AllowInsecureRepositories "true";\nAPT::Get::AllowUnauthenticated "true";\n'
                             'Acquire::Languages "none";\nAcquire::Retries "0";\n'
                             'Acquire::http::Proxy::127.0.0.1 "DIRECT";\n')
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return dict(kept, APT_CONFIG=str(configuration), CLOISTER_CACHE=str(folder / "cache"),
                CLOISTER_MIRROR=mirror.url)
