# SPDX-License-Identifier: MIT
"""Client of dom0's command server (tests/image/vexec/wire.h) over a socket."""

import queue
import socket
import struct
import threading
import time

MAGIC = 0x31455856
MAX_BODY = 64 * 1024
RUN, IN, KILL, OUT, ERR, EXIT = 1, 2, 3, 16, 17, 18
TIMED_OUT = 1
HEAD = struct.Struct("<IIII")


class ChannelLost(Exception):
    """The machine went away, or never came."""


class Result:
    """What a command did: rc (124 when it ran into its time-out), out and err as text, and the
    same two as bytes in out_bytes and err_bytes."""

    def __init__(self, rc, out, err, timed_out):
        self.rc, self.out_bytes, self.err_bytes, self.timed_out = rc, out, err, timed_out

    @property
    def out(self):
        return self.out_bytes.decode(errors="replace")

    @property
    def err(self):
        return self.err_bytes.decode(errors="replace")

    def __bool__(self):
        return self.rc == 0

    def __repr__(self):
        return f"Result(rc={self.rc}, out={self.out!r}, err={self.err!r})"


class Running:
    """A command on its way; `wait` ends with its Result, `lines` yields output as it comes."""

    def __init__(self, channel, number):
        self._channel, self._number = channel, number
        self._frames = queue.Queue()
        self._out, self._err = bytearray(), bytearray()
        self._exit = None

    def put(self, kind, body):
        self._frames.put((kind, body))

    def write(self, data):
        """Bytes for its standard input; none: end of file."""
        for start in range(0, len(data), MAX_BODY):
            self._channel.send(self._number, IN, data[start:start + MAX_BODY])
        if not data:
            self._channel.send(self._number, IN, b"")

    def kill(self):
        self._channel.send(self._number, KILL, b"")

    def _next(self, deadline):
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            kind, body = self._frames.get(timeout=left)
        except queue.Empty:
            return False
        if kind is None:
            raise ChannelLost(body)
        if kind == OUT:
            self._out += body
        elif kind == ERR:
            self._err += body
        elif kind == EXIT:
            self._exit = struct.unpack("<II", body)
        return True

    def wait(self, timeout=None):
        """The Result; after `timeout` seconds of this machine's time the command is killed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._exit is None:
            if not self._next(deadline):
                self.kill()
                self._channel.forget(self._number)
                return Result(124, bytes(self._out), bytes(self._err), True)
        status, flags = self._exit
        timed_out = bool(flags & TIMED_OUT)
        return Result(124 if timed_out else status, bytes(self._out), bytes(self._err), timed_out)

    def done(self, timeout=0):
        """Whether it has ended, looked at for `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self._exit is None and self._next(deadline):
            pass
        return self._exit is not None

    def lines(self, timeout):
        """Lines of standard output as they come, until it ends or `timeout` seconds are over."""
        deadline, taken = time.monotonic() + timeout, 0
        while True:
            end = self._out.find(b"\n", taken)
            if end >= 0:
                yield self._out[taken:end].decode(errors="replace")
                taken = end + 1
            elif self._exit is not None or not self._next(deadline):
                return


class Channel:
    """Connection to the server; commands may run side by side and from several threads."""

    def __init__(self, connection):
        self._socket = connection
        self._lock = threading.Lock()
        self._running = {}
        self._number = int(time.time()) & 0xffffff
        self._lost = None
        threading.Thread(target=self._receive, daemon=True).start()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def send(self, number, kind, body):
        try:
            with self._lock:
                self._socket.sendall(HEAD.pack(MAGIC, number, kind, len(body)) + body)
        except OSError as error:
            raise ChannelLost(f"the machine is gone: {error}") from error

    def forget(self, number):
        with self._lock:
            self._running.pop(number, None)

    def start(self, argv, timeout=None, stdin=b""):
        """Start argv (list of str); stdin=None keeps its standard input open for `write`."""
        with self._lock:
            if self._lost:
                raise ChannelLost(self._lost)
            self._number += 1
            running = self._running[self._number] = Running(self, self._number)
            number = self._number
        body = struct.pack("<I", int((timeout or 0) * 1000))
        body += b"".join(arg.encode() + b"\0" for arg in argv)
        if len(body) > MAX_BODY:
            raise ValueError("command too long; push a file instead")
        self.send(number, RUN, body)
        if stdin is not None:
            if stdin:
                running.write(stdin)
            running.write(b"")
        return running

    def _take(self, size):
        data = bytearray()
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise OSError("end of the connection")
            data += more
        return bytes(data)

    def _receive(self):
        try:
            while True:
                magic, number, kind, size = HEAD.unpack(self._take(HEAD.size))
                if magic != MAGIC:
                    raise OSError("not a frame of the command server")
                body = self._take(size)
                with self._lock:
                    running = self._running.get(number)
                    if kind == EXIT:
                        self._running.pop(number, None)
                if running:
                    running.put(kind, body)
        except OSError as error:
            with self._lock:
                self._lost = f"the machine is gone: {error}"
                for running in self._running.values():
                    running.put(None, self._lost)
