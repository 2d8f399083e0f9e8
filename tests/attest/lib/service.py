# SPDX-License-Identifier: MIT
"""The real service, its keys and certificates, and a client that speaks TLS with it."""

import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def openssl(*arguments, cwd=None, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


class Keys:
    """A folder with a CA, the service's certificate, an administrator's, a stranger's, signing keys."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for ca in "ca", "strange-ca":
            self._make(ca, ["-x509", "-days", "2"])
        self._leaf("service", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._leaf("administrator", "ca", "extendedKeyUsage=clientAuth\n")
        for name in "viewer", "operator", "relying-party", "nobody":
            self._leaf(name, "ca", "extendedKeyUsage=clientAuth\n")
        self._leaf("stranger", "strange-ca", "extendedKeyUsage=clientAuth\n")
        for name in "signing", "next":
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path(f"{name}.key"))

    def path(self, name):
        return self.folder / name

    def _make(self, name, options):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"), "-subj", f"/CN={name}", *options)

    def _leaf(self, name, ca, extensions):
        self._make(name, [])
        self.path("extensions").write_text(extensions, encoding="ascii")
        openssl("x509", "-req", "-in", self.path(f"{name}.pem"), "-CA", self.path(f"{ca}.pem"), "-CAkey",
                self.path(f"{ca}.key"), "-days", "2", "-extfile", self.path("extensions"), "-out",
                self.path(f"{name}.pem"))


class Reply:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    @property
    def json(self):
        try:
            return json.loads(self.data)
        except ValueError:
            return {}

    def __repr__(self):
        return f"{self.status} {self.data[:300]!r}"


class Client:
    """Speaks TLS with what listens on a port of this machine; who it is says its certificate, if it shows one."""

    def __init__(self, keys, port):
        self.keys, self.port = keys, port
        self.contexts = {}

    def context(self, identity=None):
        if identity not in self.contexts:
            context = ssl.create_default_context(cafile=self.keys.path("ca.pem"))
            if identity:
                context.load_cert_chain(self.keys.path(f"{identity}.pem"), self.keys.path(f"{identity}.key"))
            self.contexts[identity] = context
        return self.contexts[identity]

    def connect(self, identity=None, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context(identity), timeout=timeout)

    def ask(self, method, path, body=None, token=None, identity=None, headers=(), connection=None):
        """One request; a dict becomes JSON. `connection`: one that is kept."""
        link = connection or self.connect(identity)
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        given = dict(headers)
        if token:
            given["Authorization"] = f"Bearer {token}"
        link.request(method, path, data, given)
        reply = link.getresponse()
        result = Reply(reply.status, reply.headers, reply.read())
        if not connection:
            link.close()
        return result

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.ask("POST", path, body, **options)

    def admin(self, method, path, body=None, **options):
        return self.ask(method, path, body, identity="administrator", **options)


class Service(Client):
    """One instance; `settings` overrides lines of its configuration."""

    def __init__(self, program, keys, folder, name="service", wrapper=(), environment=None, **settings):
        super().__init__(keys, free_port())
        self.program, self.name = program, name
        self.wrapper, self.environment = list(wrapper), environment or {}
        self.folder = pathlib.Path(folder)
        self.settings = {
            "listen": f"127.0.0.1:{self.port}",
            "certificate": keys.path("service.pem"), "certificate-key": keys.path("service.key"),
            "administrator-ca": keys.path("ca.pem"), "signing-key": keys.path("signing.key"),
            "issuer": "https://attest.example", "store": f"sqlite:{self.folder}/{name}.sqlite",
            **{key.replace("_", "-"): value for key, value in settings.items()},
        }
        self.config = self.folder / f"{name}.conf"
        self.log = self.folder / f"{name}.log"
        self.process = None

    def write_config(self):
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in self.settings.items()
                                       if value is not None), encoding="utf-8")

    def run(self, *options):
        """One run to its end: (status, standard error)."""
        done = subprocess.run([self.program, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def start(self, wait=True):
        self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, self.program, "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment})
        for _ in range(200):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-500:]}")
            try:
                if self.get("/v1/health").status == 200 or not wait:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer: {self.log.read_text()[-500:]}")

    def stop(self, how=signal.SIGTERM):
        """Its exit status."""
        if self.process is None:
            return None
        self.process.send_signal(how)
        status = self.process.wait(60)
        self.process = None
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def b64(data):
    return base64.b64encode(data).decode()


class Host:
    """An enrolled host: how it gets challenges and answers them."""

    def __init__(self, service, token, make_evidence, policy="good"):
        self.service, self.token, self.make, self.policy = service, token, make_evidence, policy

    def challenge(self, **options):
        return self.service.post("/v1/challenge", token=self.token, **options).json

    def body(self, challenge, **changes):
        return {"challenge": challenge["challenge"], "evidence": b64(self.make(challenge["nonce"])),
                "policy": self.policy, **changes}

    def attest(self, challenge=None, headers=(), connection=None, **changes):
        challenge = challenge or self.challenge(connection=connection)
        return self.service.post("/v1/attest", self.body(challenge, **changes), token=self.token, headers=headers,
                                 connection=connection)


class KeyService(Client):
    """cloister-keyservice with a key of its own; `options` change those of its command, None leaves one out."""

    def __init__(self, build, keys, folder, issuer, **options):
        super().__init__(keys, free_port())
        self.folder = pathlib.Path(folder)
        self.program = build / "attest/keyservice/cloister-keyservice"
        self.key, jwks = self.folder / "customer.key", self.folder / "jwks.json"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        jwks.write_bytes(issuer.get("/v1/jwks.json").data)
        self.options = {
            "listen": f"127.0.0.1:{self.port}", "key": self.key, "issuer": issuer.settings["issuer"], "issuer-keys": jwks,
            "certificate": keys.path("service.pem"), "certificate-key": keys.path("service.key"),
            **{name.replace("_", "-"): value for name, value in options.items()},
        }

    def command(self, **changes):
        options = {**self.options, **{name.replace("_", "-"): value for name, value in changes.items()}}
        return [self.program, *(f"--{name}={value}" for name, value in options.items() if value is not None)]

    def run(self, *more, **changes):
        """One run that must end by itself: (status, all it said)."""
        done = subprocess.run([*self.command(**changes), *more], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def __enter__(self):
        log = self.folder / "keyservice.log"
        with open(log, "wb") as file:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        for _ in range(100):
            if "ready at" in log.read_text(encoding="ascii"):
                return self
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError(f"the key service did not start: {log.read_text(encoding='ascii')}")

    def __exit__(self, *_):
        self.process.terminate()
        self.status = self.process.wait(10)

    def challenge(self):
        return self.post("/v1/challenge").json["challenge"]

    def give(self, challenge, transport, token):
        return self.post("/v1/key", {"challenge": challenge, "transport_key": b64(transport), "token": token})
