# SPDX-License-Identifier: MIT
"""The plan of the house: parts, rooms from the ground up, and what still runs against the plan."""

from includes import Part

PUBLIC = ["cloister/\\w+\\.h"]
# What the monitor may take from its host's C library: Xen's tree has it in hv/xen/shim.
FREESTANDING = ["errno.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "bearssl\\w*.h",
                "ec/ec_p256_m31.c", "ec/ecdsa_i31_sign_raw.c", "ec/ecdsa_i31_vrfy_raw.c"]

PARTS = [
    Part("hv/base", [""], below=["hv"]),
    Part("hv/monitor", [("core", "tpm", "vault", "machine")], angled=PUBLIC + FREESTANDING,
         circles=["core/enclave core/enclaves core/tenant core/thread machine/lockdown vault/counters "
                  "vault/identity vault/report vault/seal",
                  "tpm/tpm tpm/tpm_transport"]),
    Part("hv/xen", [("shim", "world", "lockdown", "glue")], below=["hv"]),
    Part("hv/host", ["settings", "monitor", "log", "domains", "proof", "agents", "control", "", ("ctl", "tpm", "attest")],
         below=["hv", "hv/include", "attest/include"],
         circles=["tpm/chip tpm/internal"]),
    Part("guest-agent", ["libcloister", ("agent", "command", "examples")], below=["hv", "hv/include", "enclave"],
         circles=["agent/agent agent/listing agent/relay agent/status"]),
    Part("enclave/runtime", [""], below=["hv/include", "enclave/include"]),
    Part("attest", ["include/cloister", "verify", "server", ("service", "command", "keyservice")],
         below=["hv", "hv/include", "attest/include", "enclave/samples/keyvault"],
         circles=["server/connection server/exchange server/http server/worker server/writer",
                  "verify/json verify/policy verify/policy_boot"],
         # The server has one service only, as long as there is no second.
         up=[("server/loop.h", "service/service.h"), ("server/http.h", "service/service.h"),
             ("server/worker.h", "service/service.h"), ("server/writer.c", "service/store.h"),
             ("server/writer.h", "service/service.h")]),
]

# Texts that the rule of paragraphs does not hold for yet.
LATER = ["README.md"]

# Headers that are not ours, or made when Xen is built.
FOREIGN = {"../../hvm/svm/svm.h", "../../../../drivers/passthrough/ats.h", "../../pv/mm.h", "source.h"}
