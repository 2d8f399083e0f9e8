# SPDX-License-Identifier: MIT
"""Roles of administrators: who may do what, what a refusal says, and that it is noted."""

import json
import signal
import time

ORDER = ["none", "relying-party", "viewer", "operator", "admin"]
WHO = {"none": "nobody", "admin": "administrator"}
FILE = """# roles
relying-party CN=relying-party
viewer        CN=viewer
operator      CN=operator
admin         CN=administrator
"""


def operations(service):
    """Each operation for administrators, as the description has it: method, path, role."""
    for path, methods in service.get("/v1/openapi.json").json["paths"].items():
        for method, said in methods.items():
            for need in said["security"]:
                if "administrator" in need:
                    yield method.upper(), path, need["administrator"]


def ask(service, role, method, path, **options):
    return service.ask(method, path.replace("{id}", "missing"), identity=WHO.get(role, role), **options)


def refusals(world, service):
    """Each role at each operation: it is refused below the role that the description names, and not from there on."""
    tap, wrong, tried, noted = world.tap, [], 0, []
    for method, path, needed in operations(service):
        if not tap.ok(len(needed) == 1 and needed[0] in ORDER[1:], f"OpenAPI: {method} {path} needs one role: {needed}"):
            continue
        for role in ORDER:
            reply = ask(service, role, method, path)
            tried += 1
            if ORDER.index(role) >= ORDER.index(needed[0]):
                good = reply.status != 403
            else:
                said = reply.json
                good = reply.status == 403 and reply.headers["Content-Type"] == "application/problem+json" and \
                    (said["status"], said["role_held"], said["role_needed"], said["error"]) == \
                    (403, role, needed[0], "forbidden") and needed[0] in said["detail"] and said["title"] and said["type"]
                noted.append((f"CN={WHO.get(role, role)}", f"{method} {path}", f"{role}, not {needed[0]}"))
            if not good:
                wrong.append((role, method, path, repr(reply)))
    tap.ok(tried >= 60 and not wrong, f"{tried} pairs of role and operation: refused exactly below the role that is named",
           str(wrong))
    found = [(event["administrator"], event["subject"], event["result"])
             for event in service.admin("GET", "/v1/audit").json["events"] if event["event"] == "forbidden"]
    tap.ok(found == noted and len(found) > 25, f"the audit has each of the {len(noted)} refusals, with who, what, and the roles",
           str([one for one in noted if one not in found][:3]))


def bodies(world, service):
    """What is refused is refused by its head: a large body is not waited for, and nothing is changed."""
    policy = world.maker.ask("policy").encode()
    for role in "none", "viewer", "operator":
        reply = ask(service, role, "PUT", "/v1/policies/good", body=policy + b" " * 100000)
        world.status(reply, 403, f"{role}: a policy of 100 kB", "forbidden")
    reply = ask(service, "viewer", "PUT", "/v1/policies/good", body=b" " * 500000)
    world.status(reply, 403, "viewer: a policy that would be too large", "forbidden")
    world.status(service.admin("PUT", "/v1/policies/large", policy + b" " * 100000), 200, "admin: a policy of 100 kB")
    both = service.ask("GET", "/v1/hosts", identity="viewer", token="x")
    world.status(both, 400, "viewer, and a bearer token", "two-identities")
    world.status(service.get("/v1/health", identity="nobody"), 200, "who has no role asks what anybody may ask")


def reload(world, service):
    """A role that is taken away counts at SIGHUP; a wrong file changes nothing."""
    path, config = world.folder / "roles", service.settings["administrator-roles"]
    world.status(ask(service, "viewer", "GET", "/v1/hosts"), 200, "before: a viewer")
    path.write_text(FILE.replace("viewer        CN=viewer\n", "viewer CN=x,, y\nvewer CN=viewer\n"), encoding="ascii")
    said = hang_up(service, "line 3")
    world.tap.ok("administrator-roles" in said and str(config) in said, "a wrong file is refused, by line", said[-300:])
    world.status(ask(service, "viewer", "GET", "/v1/hosts"), 200, "a wrong file: the roles of before are used on")
    path.write_text(FILE.replace("viewer        CN=viewer\n", ""), encoding="ascii")
    for _ in range(50):
        service.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        reply = ask(service, "viewer", "GET", "/v1/hosts")
        if reply.status == 403:
            break
    world.status(reply, 403, "after SIGHUP: the role is gone", "forbidden")
    world.tap.equal(reply.json.get("role_held"), "none", "it says none")
    (world.folder / "roles-2").write_text(FILE, encoding="ascii")
    service.settings["administrator-roles"] = world.folder / "roles-2"
    service.write_config()
    for _ in range(50):
        service.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        reply = ask(service, "viewer", "GET", "/v1/hosts")
        if reply.status == 200:
            break
    world.status(reply, 200, "after SIGHUP: another file is named, and counts")


def hang_up(service, wanted):
    service.process.send_signal(signal.SIGHUP)
    for _ in range(50):
        said = service.log.read_text(encoding="utf-8")
        if wanted in said:
            break
        time.sleep(0.1)
    return said


def settings(world):
    """Files that nobody can have meant."""
    for name, text, says in (("nobody", "# empty\n", "gives nobody a role"),
                             ("twice", FILE + "viewer CN=administrator\n", "two lines"),
                             ("slashes", "admin /CN=administrator\n", "RFC 4514"), ("no role", "CN=administrator\n", "line 1")):
        path = world.folder / "wrong-roles"
        path.write_text(text, encoding="ascii")
        service = world.service(start=False, name="wrong", administrator_roles=path)
        service.write_config()
        status, said = service.run("--config", service.config, "--check")
        world.tap.ok(status == 3 and says in said and str(path) in said, f"--check, {name}: refused", said)
    service = world.service(start=False, name="no-ca-roles", administrator_ca=None, administrator_roles=world.folder / "roles")
    service.write_config()
    status, said = service.run("--config", service.config, "--check")
    world.tap.ok(status == 3 and "there is no administrator-ca" in said, "--check, roles without a CA: refused", said)


def run(world):
    (world.folder / "roles").write_text(FILE, encoding="ascii")
    service = world.service(administrator_roles=world.folder / "roles")
    refusals(world, service)
    bodies(world, service)
    log = json.dumps(service.log.read_text(encoding="utf-8"))
    world.tap.ok("CN=viewer: PUT /v1/policies/{id} good: 403" in log, "the log has what was tried", log[-400:])
    reload(world, service)
    world.tap.equal(service.stop(), 0, "it ends well")
    settings(world)
