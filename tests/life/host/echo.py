# SPDX-License-Identifier: MIT
"""usage: echo.py ADDRESS PORT: sends 256 KiB there and wants the same back. Exit status 0: it came."""

import os
import socket
import sys
import threading

data = os.urandom(1 << 18)
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30) as link:
    threading.Thread(target=link.sendall, args=(data,), daemon=True).start()
    got = b""
    while len(got) < len(data):
        chunk = link.recv(65536)
        if not chunk:
            break
        got += chunk
print(f"{len(got)} of {len(data)} bytes came back{'' if data.startswith(got) else ', others than were sent'}")
sys.exit(0 if got == data else 1)
