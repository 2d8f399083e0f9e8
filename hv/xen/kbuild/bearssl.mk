# SPDX-License-Identifier: MIT
# The part of BearSSL that the monitor needs: SHA-256, SHA-384, ECDSA P-256, HMAC-DRBG, HKDF.
obj-y += src/

CFLAGS-y += -I$(srctree)/arch/x86/cloister/shim
