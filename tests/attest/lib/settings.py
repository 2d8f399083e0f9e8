# SPDX-License-Identifier: MIT
"""The configuration: what is wrong is named, with its line, and nothing starts."""

import resource
import subprocess

from service import openssl


def run(world):
    tap, service = world.tap, world.service(start=False)
    service.write_config()
    status, said = service.run("--config", service.config, "--check")
    tap.ok(status == 0, "--check: a good configuration", said)
    for options, status, word in ((["--help"], 0, "--config FILE"), (["--version"], 0, "cloister-attestd"),
                                  (["--what"], 2, "--help"), (["x"], 2, "'x'"), (["--config"], 2, "--help"),
                                  (["--config", "/missing", "--check"], 3, "/missing"),
                                  (["--config", world.folder, "--check"], 3, "directory")):
        found, said = service.run(*options)
        tap.ok(found == status and word in said, f"{' '.join(map(str, options))}: {status}", f"{found}: {said}")
    lines(world, service)
    keys(world, service)


def checked(world, service, name, text, word):
    service.config.write_text(text, encoding="utf-8")
    status, said = service.run("--config", service.config, "--check")
    world.tap.ok(status == 3 and word in said,
                 f"settings: {name}: named", f"{status}: {said}")


def lines(world, service):
    good = service.config.read_text(encoding="utf-8")
    for name, line, word in (
            ("no equals sign", "hello", "line 8: 'key = value'"), ("unknown", "colour = red", "no setting 'colour'"),
            ("twice", "issuer = https://x", "issuer is set twice"), ("a relative path", "ek-roots = x.pem", "absolute"),
            ("empty", "next-signing-key =", "1 to 511"), ("too long", f"next-signing-key = /{'x' * 600}", "1 to 511"),
            ("no number", "queue = many", "from 1 to 100000"), ("too large", "queue = 100001", "from 1 to 100000"),
            ("too small", "token-lifetime = 9", "from 10"), ("negative", "workers = -1", "from 0"),
            ("huge", "queue = 99999999999999999999", "from 1"), ("a fraction", "queue = 1.5", "from 1"),
            ("no such roots", "ek-roots = /missing", "ek-roots"), ("no such key", "next-signing-key = /missing", "next")):
        checked(world, service, name, good + line + "\n", word)
    for key in "certificate", "certificate-key", "signing-key", "issuer":
        text = "".join(line + "\n" for line in good.splitlines() if not line.startswith(key + " "))
        checked(world, service, f"{key} missing", text, f"{key} must be set")
    for value, word in (("http://x", "https://"), ("https://x/", "slash"), ('https://x"y', "quotation")):
        checked(world, service, f"issuer {value}", good.replace("https://attest.example", value), word)
    checked(world, service, "no address", good.replace("127.0.0.1:", "nowhere:"), "listen")
    for where in "127.0.0.1", "127.0.0.1:0", "[::1]", "[::1]:0":
        checked(world, service, f"listen {where}", good.replace(service.settings["listen"], where), "ADDRESS:PORT")
    for name, text, word in (("an address that is not ours", good.replace("127.0.0.1:", "203.0.113.1:"), "listen"),
                             ("more connections than descriptors", good + "connections = 100000\n", "connections")):
        service.config.write_text(text, encoding="utf-8")
        done = subprocess.run([service.program, "--config", service.config], stderr=subprocess.PIPE, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)), timeout=30)
        world.tap.ok(done.returncode == 3 and word in done.stderr, f"settings: {name}: named", done.stderr)


def keys(world, service):
    folder = world.folder
    openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", folder / "p384.key")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", folder / "rsa.key")
    openssl("pkcs8", "-topk8", "-in", world.keys.path("signing.key"), "-out", folder / "locked.key", "-passout", "pass:x")
    openssl("pkey", "-in", world.keys.path("signing.key"), "-pubout", "-out", folder / "public.key")
    service.write_config()
    good = service.config.read_text(encoding="utf-8")
    (folder / "public.key").chmod(0o640)
    for name in "p384.key", "rsa.key", "locked.key", "public.key":
        checked(world, service, f"signing key {name}", good.replace(str(world.keys.path("signing.key")),
                                                                    str(folder / name)), "P-256")
    checked(world, service, "the key of another certificate",
            good.replace(str(world.keys.path("service.key")), str(world.keys.path("ca.key"))), "ca.key")
    for store, status in (("mysql://x", 3), ("sqlite:store", 3), ("", 3), ("postgres://x", 3),
                          (f"sqlite:{folder}/missing/store", 1), ("postgresql://127.0.0.1:1/x", 1)):
        service.config.write_text(good.replace(str(service.settings["store"]), store), encoding="utf-8")
        found, said = service.run("--config", service.config, "--check")
        world.tap.ok(found == status, f"store {store.split(':')[0]}: not to be used", f"{found}: {said}")
