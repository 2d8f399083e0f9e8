/* SPDX-License-Identifier: MIT */
/* The public areas of endorsement and attestation keys. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "service/credential.h"
#include "verify/reader.h"
#include "verify/tpm.h"

#define TPM_ALG_AES 0x0006u
#define TPM_ALG_CFB 0x0043u
#define TPM_ECC_NIST_P256 0x0003u

#define FIXED (TPM_OBJECT_FIXED_TPM | TPM_OBJECT_FIXED_PARENT | TPM_OBJECT_SENSITIVE_DATA_ORIGIN)
#define EK_WANTED (FIXED | TPM_OBJECT_RESTRICTED | TPM_OBJECT_DECRYPT)
#define AK_WANTED (FIXED | TPM_OBJECT_RESTRICTED | TPM_OBJECT_SIGN)

/* The TPMT_PUBLIC in a TPM2B_PUBLIC; size 0: it is none. */
static struct cloister_bytes unwrap(struct cloister_bytes public)
{
    struct reader in = reader_begin(public);
    struct cloister_bytes inner = reader_sized(&in, CREDENTIAL_PUBLIC_MAX);

    return reader_complete(&in) ? inner : (struct cloister_bytes){NULL, 0};
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return key;
}

/* TPMS_RSA_PARMS after its symmetric part, and the modulus: part 2, 12.2.3.5. */
static EVP_PKEY *read_rsa(struct reader *in, OSSL_PARAM_BLD *builder)
{
    uint64_t scheme = reader_big(in, 2), bits = reader_big(in, 2), exponent = reader_big(in, 4);
    struct cloister_bytes modulus = reader_sized(in, TPM_RSA_SIZE);
    EVP_PKEY *key = NULL;
    BIGNUM *n;

    if (!reader_complete(in) || scheme != TPM_ALG_NULL || bits != 8 * TPM_RSA_SIZE ||
        modulus.size != TPM_RSA_SIZE || !(modulus.data[0] & 0x80) ||
        !(modulus.data[TPM_RSA_SIZE - 1] & 1) ||
        (exponent && exponent != TPM_RSA_DEFAULT_EXPONENT)) {
        return NULL;
    }
    n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    if (n && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_uint32(builder, OSSL_PKEY_PARAM_RSA_E, TPM_RSA_DEFAULT_EXPONENT)) {
        key = make_key("RSA", builder);
    }
    BN_free(n);
    return key;
}

/* TPMS_ECC_PARMS after its symmetric part, and the point: part 2, 12.2.3.6. */
static EVP_PKEY *read_ecc(struct reader *in, OSSL_PARAM_BLD *builder)
{
    uint64_t scheme = reader_big(in, 2), curve = reader_big(in, 2), kdf = reader_big(in, 2);
    struct cloister_bytes x = reader_sized(in, 32), y = reader_sized(in, 32);
    uint8_t point[65] = {0x04};

    if (!reader_complete(in) || scheme != TPM_ALG_NULL || curve != TPM_ECC_NIST_P256 ||
        kdf != TPM_ALG_NULL || !x.size || !y.size) {
        return NULL;
    }
    memcpy(point + 33 - x.size, x.data, x.size);
    memcpy(point + 65 - y.size, y.data, y.size);
    if (!OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point))) {
        return NULL;
    }
    return make_key("EC", builder); /* which refuses a point that is not on the curve */
}

EVP_PKEY *credential_ek(struct cloister_bytes public, const char **why)
{
    struct reader in = reader_begin(unwrap(public));
    uint64_t type = reader_big(&in, 2), name = reader_big(&in, 2), flags = reader_big(&in, 4);
    uint64_t algorithm, bits, mode;
    OSSL_PARAM_BLD *builder;
    EVP_PKEY *key = NULL;

    reader_sized(&in, 64); /* authPolicy */
    algorithm = reader_big(&in, 2);
    bits = reader_big(&in, 2);
    mode = reader_big(&in, 2);
    if (in.bad) {
        *why = "no TPM2B_PUBLIC";
    } else if (name != TPM_ALG_SHA256 || algorithm != TPM_ALG_AES || bits != 128 ||
               mode != TPM_ALG_CFB || (type != TPM_ALG_RSA && type != TPM_ALG_ECC)) {
        *why = "an endorsement key is RSA-2048 or ECC P-256, with SHA-256 and AES-128-CFB";
    } else if ((flags & (EK_WANTED | TPM_OBJECT_SIGN)) != EK_WANTED) {
        *why = "an endorsement key has the attributes fixedTPM, fixedParent, "
               "sensitiveDataOrigin, restricted, decrypt, and not sign";
    } else {
        builder = OSSL_PARAM_BLD_new();
        if (builder) {
            key = type == TPM_ALG_RSA ? read_rsa(&in, builder) : read_ecc(&in, builder);
        }
        OSSL_PARAM_BLD_free(builder);
        *why = "the endorsement key's parameters are no RSA-2048 or ECC P-256 key";
    }
    return key;
}

/* The profile's templates, B.3.3 and B.3.4, with a key in them. */
struct template
{
    uint8_t bytes[2 + CREDENTIAL_PUBLIC_MAX];
    size_t used;
};

static void put(struct template *public, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0;) {
        public->bytes[public->used++] = (uint8_t)(value >> (8 * i));
    }
}

/* A number as a TPM2B of `size` bytes. */
static bool put_number(struct template *public, EVP_PKEY *key, const char *parameter, int size)
{
    BIGNUM *number = NULL;
    bool good;

    put(public, (uint64_t)size, 2);
    good = EVP_PKEY_get_bn_param(key, parameter, &number) == 1 &&
           BN_bn2binpad(number, public->bytes + public->used, size) == size;
    public->used += (size_t)size;
    BN_free(number);
    return good;
}

bool credential_ek_digest(EVP_PKEY *ek, uint8_t digest[32])
{
    /* PolicyA for SHA-256: B.6.3. */
    static const uint8_t policy[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
                                       0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
                                       0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
                                       0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
    const bool rsa = EVP_PKEY_is_a(ek, "RSA");
    struct template public = {.used = 2};
    bool good;

    put(&public, rsa ? TPM_ALG_RSA : TPM_ALG_ECC, 2);
    put(&public, TPM_ALG_SHA256, 2);
    put(&public, EK_WANTED | TPM_OBJECT_ADMIN_WITH_POLICY, 4);
    put(&public, sizeof(policy), 2);
    memcpy(public.bytes + public.used, policy, sizeof(policy));
    public.used += sizeof(policy);
    put(&public, TPM_ALG_AES, 2);
    put(&public, 128, 2);
    put(&public, TPM_ALG_CFB, 2);
    put(&public, TPM_ALG_NULL, 2); /* scheme */
    if (rsa) {
        put(&public, 8 * TPM_RSA_SIZE, 2);
        put(&public, 0, 4); /* the default exponent */
        good = put_number(&public, ek, OSSL_PKEY_PARAM_RSA_N, TPM_RSA_SIZE);
    } else {
        put(&public, TPM_ECC_NIST_P256, 2);
        put(&public, TPM_ALG_NULL, 2); /* KDF */
        good = put_number(&public, ek, OSSL_PKEY_PARAM_EC_PUB_X, 32) &&
               put_number(&public, ek, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    }
    public.bytes[0] = (uint8_t)((public.used - 2) >> 8);
    public.bytes[1] = (uint8_t)(public.used - 2);
    return good && EVP_Digest(public.bytes, public.used, digest, NULL, EVP_sha256(), NULL) == 1;
}

bool credential_ak(struct cloister_bytes public, uint8_t digest[32], const char **why)
{
    struct cloister_bytes inner = unwrap(public);
    struct tpm_key key;

    if (!inner.size || tpm_read_key(inner, &key) || key.type != TPM_ALG_ECC) {
        *why = "an attestation key is a TPM2B_PUBLIC, ECDSA P-256 with SHA-256";
        return false;
    }
    if ((key.attributes & (AK_WANTED | TPM_OBJECT_DECRYPT)) != AK_WANTED) {
        *why = "an attestation key has the attributes fixedTPM, fixedParent, "
               "sensitiveDataOrigin, restricted, sign, and not decrypt";
        return false;
    }
    *why = "OpenSSL failed";
    return EVP_Digest(inner.data, inner.size, digest, NULL, EVP_sha256(), NULL) == 1;
}
