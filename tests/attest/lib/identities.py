# SPDX-License-Identifier: MIT
"""Who may ask what: administrators by certificate, hosts by token, never both."""

import re
import socket
import ssl

ADMINISTRATOR = [("POST", "/v1/tickets"), ("GET", "/v1/hosts"), ("GET", "/v1/hosts/x"), ("DELETE", "/v1/hosts/x"),
                 ("GET", "/v1/policies"), ("GET", "/v1/policies/good"), ("PUT", "/v1/policies/good"),
                 ("DELETE", "/v1/policies/good"), ("GET", "/v1/metrics"), ("GET", "/v1/audit"), ("GET", "/v1/tickets"),
                 ("DELETE", "/v1/tickets/x"), ("POST", "/v1/introspect")]
HOST = [("POST", "/v1/challenge"), ("POST", "/v1/attest"), ("GET", "/v1/attest/x"), ("POST", "/v1/hosts/enrol")]
ANYBODY = ["/v1/health", "/v1/jwks.json", "/v1/openapi.json", "/.well-known/openid-configuration"]


def run(world):
    service = world.service()
    host = world.enrol(service)
    for method, path in ADMINISTRATOR:
        world.status(service.ask(method, path), 403, f"{method} {path} by nobody", "forbidden")
        world.status(service.ask(method, path, token=host.token), 403, f"{method} {path} by a host", "forbidden")
    for method, path in HOST:
        world.status(service.ask(method, path), 401, f"{method} {path} by nobody", "unauthorized")
        world.status(service.admin(method, path), 403, f"{method} {path} by an administrator", "forbidden")
    for method, path in ADMINISTRATOR + HOST + [("GET", path) for path in ANYBODY]:
        world.status(service.admin(method, path, token=host.token), 400, f"{method} {path} with both",
                     "two-identities")
    for path in ANYBODY:
        world.status(service.get(path), 200, f"GET {path} by nobody")
    world.status(service.admin("GET", "/v1/policies/good"), 200, "the policy is still there")
    log = service.log.read_text(encoding="utf-8")
    world.tap.ok("CN=administrator: PUT /v1/policies/{id} good: 200" in log and
                 log.count(" DELETE ") < len(ADMINISTRATOR), "changes are in the log, with who made them; no strangers",
                 log[-1000:])
    strangers(world, service)
    plain(world, service)
    without_ca(world)
    described(world, service, host)


def strangers(world, service):
    try:
        status = service.get("/v1/health", identity="stranger").status
        world.tap.ok(False, "a certificate of another CA ends the connection", str(status))
    except (ssl.SSLError, OSError) as error:
        world.tap.ok(True, f"a certificate of another CA ends the connection: {type(error).__name__}")
    context = service.context()
    old = ssl.create_default_context(cafile=service.keys.path("ca.pem"))
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    for name, version in (("TLS 1.3", context), ("TLS 1.1", old)):
        try:
            with socket.create_connection(("127.0.0.1", service.port), 5) as sock, \
                    version.wrap_socket(sock, server_hostname="localhost") as stream:
                spoken = stream.version()
        except (ssl.SSLError, OSError) as error:
            spoken = type(error).__name__
        world.tap.ok((spoken == "TLSv1.3") == (version is context), f"{name}: {spoken}")


def plain(world, service):
    with socket.create_connection(("127.0.0.1", service.port), 5) as sock:
        sock.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            said = sock.recv(100)
        except OSError:
            said = b""
    world.tap.ok(b"HTTP" not in said, "without TLS nothing is answered", repr(said))


def without_ca(world):
    service = world.service(start=False, name="no-ca", administrator_ca=None)
    service.settings["administrator-ca"] = None
    service.start()
    world.status(service.admin("GET", "/v1/hosts"), 403, "without a CA nobody is an administrator", "forbidden")
    service.stop()


KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def misfits(whole, schema, value, where):
    """What of the value is not as the schema has it."""
    if "oneOf" in schema:
        all_found = [misfits(whole, one, value, where) for one in schema["oneOf"]]
        return [] if [] in all_found else all_found[0]
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if not isinstance(value, KINDS[schema["type"]]):
        return [f"{where}: no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"] or "pattern" in schema and not re.match(schema["pattern"], value):
        return [f"{where}: {value}"]
    if isinstance(value, list) and "items" in schema:
        return [wrong for one in value for wrong in misfits(whole, schema["items"], one, where + "[]")]
    if not isinstance(value, dict):
        return []
    known, found = schema.get("properties", {}), [f"{where}: {name} is missing" for name in schema.get("required", [])
                                                  if name not in value]
    for name, inner in value.items():
        part = known.get(name, schema.get("additionalProperties"))
        found += misfits(whole, part, inner, f"{where}.{name}") if part else [f"{where}: {name} is not described"]
    return found


def described(world, service, host):
    """The OpenAPI description names every path that there is, and what a verdict has in it."""
    whole = service.get("/v1/openapi.json").json
    paths = whole.get("paths", {})
    operations = [one for path in paths.values() for method, one in path.items() if method != "parameters"]
    ids, tags = [one.get("operationId") for one in operations], {tag["name"] for tag in whole["tags"]}
    world.tap.ok(None not in ids and len(set(ids)) == len(ids), f"OpenAPI: {len(ids)} operations, each with its own id", str(ids))
    world.tap.ok(all(set(one["tags"]) <= tags and one["tags"] for one in operations) and whole["servers"],
                 "OpenAPI: each has a tag, and there is a server", str(tags))
    reply, schema = host.attest(audience="me").json, {"$ref": "#/components/schemas/AttestReply"}
    world.tap.equal(misfits(whole, schema, reply, "reply"), [], "OpenAPI: a verdict is as it is described")
    for name, changes in (("a nonce and PCRs", {"nonce": "0a" * 8, "include": "pcrs"}), ("an EAR", {"format": "ear"})):
        more = host.attest(**changes).json
        world.tap.equal(misfits(whole, schema, more, "reply"), [], f"OpenAPI: a verdict with {name} is as it is described")
    reply["claims"]["cloister"].pop("boot")
    reply["claims"]["cloister"].update(boot_id="x", more=1)
    world.tap.equal(len(misfits(whole, schema, reply, "reply")), 3, "OpenAPI: what is not as described is noticed")
    for method, path in ADMINISTRATOR + HOST + [("GET", path) for path in ANYBODY]:
        template = path.replace("/x", "/{id}").replace("/good", "/{id}")
        world.tap.ok(method.lower() in paths.get(template, {}), f"OpenAPI: {method} {template}")
