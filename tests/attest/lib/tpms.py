# SPDX-License-Identifier: MIT
"""TPMs: swtpm with tpm2-tools, and one of Python that can do no more than activate a credential."""

import hashlib
import hmac
import os
import pathlib
import struct
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

EK_FLAGS = 0x000300b2  # fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt
PCRS = "sha256:0,2,4,7,8,9,13"


def sized(data):
    return struct.pack(">H", len(data)) + data


class Maker:
    """The program evidence-maker: a simulated monitor. Any thread may ask."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._asking = threading.Lock()

    def ask(self, *words):
        with self._asking:  # two readers of one pipe: one gets both lines, the other waits for ever
            self.process.stdin.write(" ".join(words) + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().strip()

    def bytes(self, *words):
        return bytes.fromhex(self.ask(*words))

    def evidence(self, nonce):
        return self.bytes("evidence", nonce)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class SoftEk:
    """An endorsement key outside of any TPM, and TPM2_ActivateCredential, from the specification."""

    def __init__(self, kind="ecc", flags=EK_FLAGS):
        self.kind = kind
        head = struct.pack(">HHI", 0x23 if kind == "ecc" else 1, 0x0b, flags) + sized(bytes(32))
        head += struct.pack(">HHH", 6, 128, 0x43)
        if kind == "ecc":
            self.key = ec.generate_private_key(ec.SECP256R1())
            point = self.key.public_key().public_numbers()
            self.x = point.x.to_bytes(32, "big")
            area = head + struct.pack(">HHH", 0x10, 3, 0x10) + sized(self.x) + sized(point.y.to_bytes(32, "big"))
        else:
            self.key = rsa.generate_private_key(65537, 2048)
            modulus = self.key.public_key().public_numbers().n.to_bytes(256, "big")
            area = head + struct.pack(">HHI", 0x10, 2048, 0) + sized(modulus)
        self.public = sized(area)

    def _seed(self, encrypted):
        if self.kind == "rsa":
            oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0")
            return self.key.decrypt(encrypted, oaep)
        x, y = encrypted[2:34], encrypted[36:68]
        peer = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
        z = self.key.exchange(ec.ECDH(), peer.public_key())
        return hashlib.sha256(b"\0\0\0\1" + z + b"IDENTITY\0" + x + self.x).digest()

    def activate(self, ak_public, blob, encrypted):
        """The secret; ValueError where a TPM would refuse."""
        def kdfa(seed, label, context, bits):
            text = b"\0\0\0\1" + label + b"\0" + context + struct.pack(">I", bits)
            return hmac.new(seed, text, hashlib.sha256).digest()[:bits // 8]

        name = b"\0\x0b" + hashlib.sha256(ak_public[2:]).digest()
        seed = self._seed(encrypted[2:])
        mac, cipher = blob[4:36], blob[36:]
        if hmac.new(kdfa(seed, b"INTEGRITY", b"", 256), cipher + name, hashlib.sha256).digest() != mac:
            raise ValueError("integrity")
        key = kdfa(seed, b"STORAGE", name, 128)
        plain = Cipher(algorithms.AES(key), modes.CFB(bytes(16))).decryptor().update(cipher)
        return plain[2:]


class Swtpm:
    """A TPM of its own process, used through tpm2-tools."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        state = self.folder / "state"
        state.mkdir(parents=True)
        socket = self.folder / "socket"
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--flags", "not-need-init,startup-clear",
             "--server", f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={socket}.ctrl"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.environment = {**os.environ, "TPM2TOOLS_TCTI": f"swtpm:path={socket}"}
        while not socket.exists() and self.process.poll() is None:
            time.sleep(0.02)

    def run(self, tool, *arguments):
        """True if it did what it should."""
        done = subprocess.run([f"tpm2_{tool}", *map(str, arguments)], cwd=self.folder, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        subprocess.run(["tpm2_flushcontext", "-t"], env=self.environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.said = done.stderr.decode(errors="replace")
        return done.returncode == 0

    def must(self, tool, *arguments):
        if not self.run(tool, *arguments):
            raise RuntimeError(f"tpm2_{tool}: {self.said}")

    def read(self, name):
        return (self.folder / name).read_bytes()

    def write(self, name, data):
        (self.folder / name).write_bytes(data)

    def make_keys(self, kind):
        """An EK by the TCG's template and an AK: their TPM2B_PUBLIC."""
        self.must("createek", "-c", "ek.ctx", "-G", kind, "-u", "ek.pub")
        self.must("createak", "-C", "ek.ctx", "-c", "ak.ctx", "-G", "ecc", "-g", "sha256", "-s", "ecdsa", "-u",
                  "ak.pub", "-n", "ak.name")
        return self.read("ek.pub"), self.read("ak.pub")

    def activate(self, blob, encrypted):
        """TPM2_ActivateCredential: the secret, or None."""
        self.write("credential", struct.pack(">II", 0xBADCC0DE, 1) + blob + encrypted)
        self.must("startauthsession", "--policy-session", "-S", "session")
        self.must("policysecret", "-S", "session", "-c", "e")
        done = self.run("activatecredential", "-c", "ak.ctx", "-C", "ek.ctx", "-i", "credential", "-o", "secret",
                        "-P", "session:session")
        said = self.said
        self.run("flushcontext", "session")
        self.said = said
        return self.read("secret") if done else None

    def quote(self, binding):
        self.must("quote", "-c", "ak.ctx", "-g", "sha256", "-l", PCRS, "-q", binding, "-m", "attest", "-s", "signature")
        self.must("pcrread", PCRS, "-o", "pcrs")
        return self.read("attest"), self.read("signature"), self.read("pcrs")

    def close(self):
        self.process.terminate()
        self.process.wait(10)
