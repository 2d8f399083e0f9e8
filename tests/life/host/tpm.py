# SPDX-License-Identifier: MIT
"""TPM2_GetRandom (TPM 2.0 Library, Part 3, 16.1) by /dev/tpm0. Exit status 0: 16 bytes came."""

import struct
import sys

SESSIONS_NONE, GET_RANDOM, WANTED = 0x8001, 0x17B, 16

with open("/dev/tpm0", "r+b", buffering=0) as device:
    device.write(struct.pack(">HIIH", SESSIONS_NONE, 12, GET_RANDOM, WANTED))
    answer = device.read(64)
_, size, code, count = struct.unpack(">HIIH", answer[:12])
print(f"answer of {size} bytes, code {code:#x}, {count} random bytes")
sys.exit(0 if code == 0 and count == WANTED and size == 12 + WANTED and any(answer[12:]) else 1)
