# SPDX-License-Identifier: MIT
"""
How requests are framed: what RFC 9112 lets a server understand in one way only is answered, everything else is refused,
and the connection ends, so that nothing behind it is ever taken for a request. Bytes are written as they are.
"""

import socket
import ssl

HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
HOST = b"Host: x\r\n"


def connect(service, timeout=10, source=None):
    sock = socket.create_connection(("127.0.0.1", service.port), timeout, source_address=source)
    context = service.context()
    return context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)


class Reader:
    """Replies out of a stream of bytes; `ended`: None, or how it ended: clean (close_notify), or cut."""

    def __init__(self, link):
        self.link, self.data, self.ended = link, b"", None

    def more(self):
        try:
            got = self.link.recv(65536)
            self.data += got
            if not got:
                self.ended = "clean"
        except TimeoutError:
            self.ended = "open"
        except (ssl.SSLError, OSError):
            self.ended = "cut"
        return self.ended is None

    def reply(self, method="GET"):
        """(status, headers, body), or None where there is no more."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                return None
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        size = 0 if method == "HEAD" or status in (100, 204) else int(headers.get("content-length", 0))
        while len(self.data) < size and self.more():
            pass
        body, self.data = self.data[:size], self.data[size:]
        return status, headers, body


def talk(service, data, method="GET", timeout=4):
    """All replies to these bytes, and how the connection ended within `timeout`: clean, cut, or open."""
    link = connect(service, timeout)
    link.sendall(data)
    reader, replies = Reader(link), []
    while (reply := reader.reply(method)) is not None:
        replies.append(reply)
    link.close()
    return replies, reader.ended


def post(*lines, body=b""):
    return b"POST /v1/hosts/activate HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def get(*lines, version=b"1.1", host=HOST):
    return b"GET /v1/health HTTP/" + version + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


# Each must be refused with the status, and the connection must end; HEALTH that follows is no request.
REFUSED = [
    ("a blank before the colon of Content-Length", post(b"Content-Length : 5"), 400),
    ("a blank before the colon of Transfer-Encoding", post(b"Transfer-Encoding : chunked"), 400),
    ("a tab before a colon", get(b"X\t: y"), 400),
    ("xchunked", post(b"Transfer-Encoding: xchunked"), 400),
    ("chunked in quotes", post(b'Transfer-Encoding: "chunked"'), 400),
    ("chunked, then identity", post(b"Transfer-Encoding: chunked, identity"), 400),
    ("gzip, then chunked", post(b"Transfer-Encoding: gzip, chunked"), 501),
    ("an empty Transfer-Encoding", post(b"Transfer-Encoding:"), 400),
    ("chunked twice in one", post(b"Transfer-Encoding: chunked, chunked"), 501),
    ("chunked twice", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    ("chunked with a vertical tab", post(b"Transfer-Encoding: \x0bchunked"), 400),
    ("chunked in HTTP/1.0", post(b"Transfer-Encoding: chunked").replace(b"/1.1", b"/1.0"), 400),
    ("both lengths", post(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    ("both lengths, the other way round", post(b"Transfer-Encoding: chunked", b"Content-Length: 0"), 400),
    *((f"Content-Length {value!r}", post(b"Content-Length: " + value), 400)
      for value in (b"+2", b"-1", b"0x2", b"2 2", b"2,2", b"2, 2", b"2;2", b"2.0", b"1e1", b"", b"two", b'"2"', b"2 x",
                    b"\xb2", b"9" * 19, b"9" * 60)),
    ("Content-Length twice, the same", post(b"Content-Length: 2", b"Content-Length: 2"), 400),
    ("Content-Length twice, different", post(b"Content-Length: 2", b"Content-Length: 3"), 400),
    ("no Host", get(host=b""), 400),
    ("two Hosts", get(b"Host: x"), 400),
    ("two Hosts, different", get(b"host: y"), 400),
    ("a Host with a path", get(host=b"Host: x/y\r\n"), 400),
    ("a Host with a user", get(host=b"Host: u@x\r\n"), 400),
    ("a list of Hosts", get(host=b"Host: x, y\r\n"), 400),
    ("a Host with a blank inside", get(host=b"Host: x y\r\n"), 400),
    ("a zero byte in a value", get(b"X: a\0b"), 400),
    ("a zero byte at a value's end", get(b"Authorization: Bearer x\0"), 400),
    ("a zero byte in a name", get(b"X\0: a"), 400),
    ("a zero byte in the target", b"GET /v1/health\0x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a control character in a value", get(b"X: a\x01b"), 400),
    ("DEL in a value", get(b"X: a\x7fb"), 400),
    ("a bare CR in a value", get(b"X: a\rb"), 400),
    ("a bare CR before the colon", get(b"X\r: b"), 400),
    ("a bare LF at a line's end", HEALTH.replace(b"x\r\n", b"x\n", 1), 400),
    ("a bare LF in the request line", HEALTH.replace(b"\r\n", b"\n", 1), 400),
    ("a bare LF as the head's end", HEALTH[:-2] + b"\n", 400),
    ("two CRs", HEALTH[:-2] + b"\r\r\n", 400),
    ("a folded line", get(b"X: a", b" b"), 400),
    ("a folded line by a tab", get(b"X: a", b"\tb"), 400),
    ("a blank before the first header", b"GET /v1/health HTTP/1.1\r\n " + HOST + b"\r\n", 400),
    ("a header without a colon", get(b"hello"), 400),
    ("a header without a name", get(b": x"), 400),
    ("a name that is no token", get(b"X(y): z"), 400),
    ("a name that is not ASCII", get(b"X\xe4: z"), 400),
    ("two blanks in the request line", b"GET  /v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a blank behind the version", b"GET /v1/health HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    ("a tab in the request line", b"GET\t/v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("no version", b"GET /v1/health\r\n" + HOST + b"\r\n", 400),
    ("HTTP/0.9", b"GET /v1/health HTTP/0.9\r\n" + HOST + b"\r\n", 505),
    ("HTTP/2.0", get(version=b"2.0"), 505),
    ("http in lower case", b"GET /v1/health http/1.1\r\n" + HOST + b"\r\n", 400),
    ("HTTP/1.10", get(version=b"1.10"), 400),
    ("HTTP/+1.1", get(version=b"+1.1"), 400),
    ("a fragment", b"GET /v1/health#x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a target that is not ASCII", b"GET /v1/h\xc3\xa4 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a target without a slash", b"GET v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("* of GET", b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("another scheme", b"GET ftp://x/v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a target with a user", b"GET https://u@x/v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("CONNECT", b"CONNECT x:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    ("a method in lower case", b"get /v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    ("a method that nobody knows", b"BREW /v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    ("a method that is no token", b"G@T /v1/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("two empty lines first", b"\r\n\r\n" + HEALTH, 400),
    ("65 headers", get(*[b"X: y"] * 64), 431),
    ("a head of 8 KiB", get(b"X: " + b"y" * 8192), 431),
    *((f"a chunk {name}", post(b"Transfer-Encoding: chunked", body=body), 400)
      for name, body in (("of size 0x2", b"0x2\r\nab\r\n0\r\n\r\n"), ("of size +2", b"+2\r\nab\r\n0\r\n\r\n"),
                         ("of size -2", b"-2\r\nab\r\n0\r\n\r\n"), ("of no size", b"\r\nab\r\n0\r\n\r\n"),
                         ("with a blank before its size", b" 2\r\nab\r\n0\r\n\r\n"),
                         ("with a blank behind its size", b"2 \r\nab\r\n0\r\n\r\n"),
                         ("with a bare LF", b"2\nab\r\n0\r\n\r\n"), ("with LF behind it", b"2\r\nab\n0\r\n\r\n"),
                         ("that is longer than it says", b"2\r\nabc\r\n0\r\n\r\n"),
                         ("of nine digits", b"000000002\r\nab\r\n0\r\n\r\n"),
                         ("of a size beyond 64 bits", b"10000000000000002\r\nab\r\n0\r\n\r\n"),
                         ("with a zero byte in its extension", b"2;a\0\r\nab\r\n0\r\n\r\n"),
                         ("with a folded trailer", b"0\r\nX: a\r\n b\r\n\r\n"),
                         ("with a trailer without a colon", b"0\r\nhello\r\n\r\n"))),
]


def refusals(world, service):
    for name, data, status in REFUSED:
        replies, ended = talk(service, data + HEALTH)
        world.tap.ok(len(replies) == 1 and replies[0][0] == status and ended == "clean" and
                     replies[0][1].get("connection") == "close" and b'"message"' in replies[0][2],
                     f"{name}: {status}, and the end", f"{ended}: {replies}")


def accepted(world, service):
    """The twins of what is refused; HEALTH that follows is a request of its own."""
    activate = b'{"enrolment": "x", "secret": "' + b"A" * 43 + b'="}'  # well-formed, and nobody's: 403
    sized = b"Content-Length: %d" % len(activate)
    parts = b"".join(b"%x;e=1\r\n%c\r\n" % (1, byte) for byte in activate)
    for name, data, status in (
            ("a length with a blank behind the colon", post(sized, body=activate), 403),
            ("a length without", post(sized.replace(b": ", b":"), body=activate), 403),
            ("a length with leading zeros", post(sized.replace(b": ", b": 000"), body=activate), 403),
            ("blanks and tabs around a value", post(sized.replace(b": ", b": \t ") + b" \t", body=activate), 403),
            ("chunked", post(b"Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(activate), activate)), 403),
            ("CHUNKED", post(b"TRANSFER-ENCODING: CHUNKED", body=b"%X\r\n%s\r\n000\r\n\r\n" % (len(activate), activate)), 403),
            ("chunks of one byte, with extensions and trailers",
             post(b"Transfer-Encoding: chunked", body=parts + b"0;end\r\nX: y\r\nContent-Length: 7\r\n\r\n"), 403),
            ("an empty line first", b"\r\n" + HEALTH, 200),
            ("an empty Host", get(host=b"Host:\r\n"), 200), ("a Host with a port", get(host=b"Host: [::1]:8443\r\n"), 200),
            ("a value that is not ASCII", get(b"X: \xe4\xff"), 200), ("an empty value", get(b"X:"), 200),
            ("64 headers", get(*[b"X: y"] * 63), 200), ("HTTP/1.2", get(version=b"1.2"), 200),
            ("an absolute target", HEALTH.replace(b"/v1", b"https://x:1/v1"), 200),
            ("an absolute target, the scheme in capitals", HEALTH.replace(b"/v1", b"HTTPS://x/v1"), 200),
            ("Connection: keep-alive, x", get(b"Connection: keep-alive, x"), 200)):
        replies, ended = talk(service, data + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        world.tap.ok([reply[0] for reply in replies] == [status, 200] and ended == "clean", f"{name}: {status}, and on",
                     f"{ended}: {replies}")
    for name, data in (("Connection: close", get(b"Connection: close")), ("CLOSE in a list", get(b"Connection: x, CLOSE ")),
                       ("HTTP/1.0", get(version=b"1.0", host=b"")),
                       ("HTTP/1.0 that wants to stay", get(b"Connection: keep-alive", version=b"1.0"))):
        replies, ended = talk(service, data + HEALTH)
        world.tap.ok([reply[0] for reply in replies] == [200] and ended == "clean" and
                     replies[0][1].get("connection") == "close", f"{name}: answered, then close_notify", f"{ended}: {replies}")


def slowly(world, service):
    """A byte at a time it is the same request, and the same refusal."""
    for name, data, statuses in (("a request", HEALTH, [200]), ("a refusal", REFUSED[0][1], [400])):
        link = connect(service)
        for byte in data:
            link.sendall(bytes([byte]))
        reader = Reader(link)
        world.tap.equal([reader.reply()[0]], statuses, f"{name} by single bytes")
        link.close()


def methods(world, service):
    plain = talk(service, get(b"Connection: close"))[0][0]
    head, ended = talk(service, get(b"Connection: close").replace(b"GET", b"HEAD", 1), "HEAD")
    world.tap.ok(len(head) == 1 and head[0][0] == 200 and ended == "clean" and not head[0][2] and
                 abs(int(head[0][1]["content-length"]) - int(plain[1]["content-length"])) < 4 and
                 head[0][1]["content-type"] == "application/json", "HEAD: the headers of GET, and no body", str(head))
    replies, _ = talk(service, HEALTH.replace(b"GET", b"HEAD") + get(b"Connection: close"), "HEAD")
    world.tap.ok([reply[0] for reply in replies] == [200, 200], "HEAD, then another request", str(replies))
    for path, status, allow in (("/v1/health", 204, "GET, HEAD, OPTIONS"), ("/v1/policies/x", 204,
                                                                           "GET, HEAD, PUT, DELETE, OPTIONS"),
                                ("/v1/hosts/enrol", 204, "POST, OPTIONS"), ("/v1/hosts/x", 204, "GET, HEAD, DELETE, OPTIONS"),
                                ("*", 204, "GET, HEAD, PUT, POST, DELETE, OPTIONS"), ("/nothing", 404, None)):
        reply = service.ask("OPTIONS", path)
        world.tap.ok(reply.status == status and reply.headers.get("Allow") == allow, f"OPTIONS {path}: {allow}",
                     f"{reply!r} {reply.headers.get('Allow')}")
    for method, path, allow in (("PUT", "/v1/health", "GET, HEAD, OPTIONS"), ("GET", "/v1/attest", "POST, OPTIONS"),
                                ("HEAD", "/v1/introspect", "POST, OPTIONS"),
                                ("POST", "/v1/policies/x", "GET, HEAD, PUT, DELETE, OPTIONS")):
        reply = service.ask(method, path)
        world.tap.ok(reply.status == 405 and reply.headers.get("Allow") == allow, f"{method} {path}: 405, Allow: {allow}",
                     f"{reply!r} {reply.headers.get('Allow')}")


def tokens(world, service, host):
    for name, value, status in (("bearer", f"bearer {host.token}", 200), ("BEARER", f"BEARER {host.token}", 200),
                                ("two blanks", f"Bearer  {host.token}", 200), ("none", f"Bearer{host.token}", 401),
                                ("a tab", f"Bearer\t{host.token}", 401), ("Basic", f"Basic {host.token}", 401),
                                ("a comma behind it", f"Bearer {host.token},", 401),
                                ("the scheme alone", "Bearer", 401), ("a blank inside", f"Bearer {host.token} x", 401)):
        reply = service.post("/v1/challenge", headers={"Authorization": value})
        world.status(reply, status, f"Authorization: {name}")
        world.tap.ok((reply.status == 200) != ("WWW-Authenticate" in reply.headers), f"Authorization: {name}: what is asked for",
                     str(dict(reply.headers)))


def bodies(world, service, host):
    """What the head refuses is refused before the body comes; 100 Continue says that it may."""
    large = b"Content-Length: %d" % (384 << 10)
    bearer = f"Authorization: Bearer {host.token}".encode()
    stranger = f"Authorization: Bearer {'0' * 32}.{'A' * 43}".encode()
    attest = b"POST /v1/attest HTTP/1.1\r\n" + HOST
    for name, lines, status in (("nobody's", [large], 401), ("a stranger's", [large, stranger], 401),
                                ("a stranger's, chunked", [b"Transfer-Encoding: chunked", stranger], 401),
                                ("too large", [b"Content-Length: 393217", bearer], 413),
                                ("far too large", [b"Content-Length: 999999999999999999", bearer], 413),
                                ("a coding", [b"Content-Encoding: gzip", large, bearer], 415),
                                ("an expectation", [b"Expect: miracles", large, bearer], 417)):
        replies, ended = talk(service, attest + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        world.tap.ok([reply[0] for reply in replies] == [status] and ended == "clean", f"before the body: {name}: {status}",
                     f"{ended}: {replies}")
    for name, lines, statuses in (("a host's", [b"Content-Length: 2", bearer], [100, 400]),
                                  ("nobody's", [large], [401])):
        link = connect(service)
        link.sendall(attest + b"".join(line + b"\r\n" for line in lines) + b"Expect: 100-continue\r\n\r\n")
        reader = Reader(link)
        found = [reader.reply()[0]]
        if found == [100]:
            link.sendall(b"{}")
            found.append(reader.reply()[0])
        world.tap.equal(found, statuses, f"Expect: 100-continue: {name}")
        link.close()
    # All of it is sent without looking; the reply can be read all the same.
    link = connect(service)
    sent = 0
    try:
        link.sendall(attest + large + b"\r\n\r\n")
        for _ in range(12):
            link.sendall(bytes(32 << 10))
            sent += 32 << 10
    except (OSError, ssl.SSLError):
        pass
    reply = Reader(link).reply()
    world.tap.ok(reply and reply[0] == 401, f"{sent} bytes that nobody wants: the reply comes all the same", str(reply))
    link.close()
    small = service.connect()
    for token, status in (("x" * 20, 401), (host.token, 400), ("x" * 20, 401), (host.token, 400)):
        world.status(service.post("/v1/attest", b"{}", token=token, connection=small), status,
                     f"a small body, refused with {status}: the connection goes on")
    first = small.sock.getsockname()
    service.get("/v1/health", connection=small)
    world.tap.equal(small.sock.getsockname(), first, "it was one connection")
    small.close()


def run(world):
    service = world.service()
    host = world.enrol(service)
    refusals(world, service)
    accepted(world, service)
    slowly(world, service)
    methods(world, service)
    tokens(world, service, host)
    bodies(world, service, host)
    world.status(host.attest(), 200, "after all that: attest")
    world.tap.equal(service.stop(), 0, "it ends well")
