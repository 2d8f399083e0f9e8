# SPDX-License-Identifier: MIT
"""What the client of a host has around it: cloisterd with the real helper and a TPM, and a line to the service that fails."""

import base64
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time

from service import Client, b64
from tpms import PCRS, Swtpm

HANDLE = 0x8100c105


def wait(condition, seconds=30):
    for _ in range(seconds * 20):
        if condition():
            return True
        time.sleep(0.05)
    return False


class FakeHost:
    """cloisterd's socket. The TPM's jobs are done by the real cloister-tpm; the monitor is simulated."""

    def __init__(self, world, folder):
        self.maker, self.helper = world.maker, world.build / "hv/host/tpm/cloister-tpm"
        self.tpm = Swtpm(folder / "tpm")
        self.tpm.must("pcrextend", f"13:sha256={self.maker.ask('record')}")
        self.path, self.problem, self.asked = folder / "cloisterd.sock", None, []
        self.ak = base64.b64decode(self.job("identity")["ak_public"])
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def job(self, command, **more):
        request = {"command": command, "tpm": f"swtpm:path={self.tpm.folder}/socket", "key_handle": HANDLE, **more}
        done = subprocess.run([self.helper], input=json.dumps(request), stdout=subprocess.PIPE, text=True, timeout=60,
                              check=False)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def evidence(self, nonce):
        self.tpm.must("quote", "-c", hex(HANDLE), "-g", "sha256", "-l", PCRS, "-q", self.maker.ask("bind", nonce), "-m", "attest",
                      "-s", "signature")
        self.tpm.must("pcrread", PCRS, "-o", "pcrs")
        quote = [self.tpm.read(name).hex() for name in ("attest", "signature", "pcrs")]
        return {"ok": True, "evidence": b64(self.maker.bytes("quoted", nonce, self.ak.hex(), *quote))}

    def answer(self, request):
        command = request["command"]
        self.asked.append(command)
        if self.problem:
            return {"ok": False, "error": "EIO", "message": self.problem}
        if command == "evidence":
            return self.evidence(request["nonce"])
        return self.job({"tpm": "identity"}.get(command, command), **{key: request[key] for key in request if key != "command"})

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rw") as stream:
                line = stream.readline()
                if line:
                    stream.write(json.dumps(self.answer(json.loads(line))) + "\n")

    def close(self):
        self.listener.close()
        self.tpm.close()


class Proxy(Client):
    """Between a client and the service, with the service's certificate. What the service did is done, whatever the client hears."""

    def __init__(self, world, service, address="127.0.0.1"):
        super().__init__(world.keys, None)
        self.service, self.seen, self.rules, self.headers = service, [], [], {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.relay(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def do_GET(self):
                outer.relay(self, None)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(world.keys.path("service.pem"), world.keys.path("service.key"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def relay(self, handler, body):
        """The first rule for this path is used up: "lose" the answer, or give this one (status, headers, bytes)."""
        rule = next((rule for rule in self.rules if rule[0] == handler.path), None)
        if rule:
            self.rules.remove(rule)
        self.seen.append((handler.path, body))
        handler.close_connection = True
        if rule and rule[1] != "lose":
            self.send(handler, *rule[1])
            return
        headers = {name: handler.headers[name] for name in ("Authorization", "Content-Type") if handler.headers[name]}
        try:
            reply = self.service.ask(handler.command, handler.path, body, headers={**headers, **self.headers})
        except OSError:
            reply = None
        if rule or not reply:
            handler.connection.close()
        else:
            self.send(handler, reply.status, dict(reply.headers), reply.data)

    @staticmethod
    def send(handler, status, headers, data):
        handler.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "date"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def close(self):
        self.server.shutdown()


class Cloister:
    """The client's program, and what it keeps."""

    def __init__(self, world, host, folder):
        self.program, self.ctl = world.build / "hv/host/attest/cloister-attest", world.build / "hv/host/ctl/cloisterctl"
        self.host, self.state, self.config = host, folder / "state", folder / "attest.conf"
        self.settings()

    def settings(self, **values):
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in {"policy": "any-boot", **values}.items()),
                               encoding="ascii")

    def command(self, *words, socket_path=None, state=None):
        return [self.program, "--config", self.config, "--state", state or self.state, "--socket", socket_path or self.host.path,
                *map(str, words)]

    def run(self, *words, data="", **places):
        """(status, all that it said)."""
        done = subprocess.run(self.command(*words, **places), input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True,
                              timeout=120, check=False)
        return done.returncode, done.stdout

    def start(self, *words, log):
        with open(log, "ab") as out:
            return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def file(self, name):
        return self.state / name

    def modes(self):
        return {path.name: oct(os.stat(path).st_mode & 0o7777) for path in self.state.iterdir()}
