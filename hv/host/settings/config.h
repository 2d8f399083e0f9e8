/* SPDX-License-Identifier: MIT */
/* cloisterd's settings: defaults, then the file (cloisterd(8)), then the command line. */
#ifndef CLOISTER_HOST_CONFIG_H
#define CLOISTER_HOST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_FILE CLOISTER_ETC "/cloisterd.conf"
#define CONFIG_ADMISSION CLOISTER_ETC "/admission.conf"
#define CONFIG_SOCKET "/run/cloister/cloisterd.sock"
#define CONFIG_LOG_DIRECTORY "/var/log/cloister"
#define CONFIG_STATE_DIRECTORY "/var/lib/cloister"
#define CONFIG_TPM "/dev/tpmrm0"
#define CONFIG_KEY_HANDLE "0x8100c105"
#define CONFIG_EVENT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define CONFIG_TPM_HELPER CLOISTER_LIBEXEC "/cloister-tpm"
#define CONFIG_TEXT 108u /* what fits into sockaddr_un.sun_path */

struct config {
    char log_directory[CONFIG_TEXT];
    char state_directory[CONFIG_TEXT];
    char socket[CONFIG_TEXT];
    char admission[CONFIG_TEXT];
    char libvirt_uri[CONFIG_TEXT];
    uint64_t log_file_size;   /* bytes */
    unsigned int log_files;   /* 0: keep all */
    char tpm[CONFIG_TEXT];    /* as tpm2-tss names it; empty: do without */
    uint32_t tpm_key_handle;  /* 0: the attestation key is not kept */
    unsigned int tpm_timeout; /* seconds, of each command */
    char tpm_helper[CONFIG_TEXT];
    char event_log[CONFIG_TEXT]; /* empty: none */
    /* seconds between commits of counters; 0: they are not committed */
    unsigned int counter_interval;
    unsigned int counter_commits; /* in a day; 0: without a limit */
    unsigned int anchor_interval; /* seconds between anchors of the log; 0: it has none */
    bool verbose;
};

void config_initialise(struct config *config);

/* The four of base/settings.h, for this table. */
__attribute__((warn_unused_result)) int config_set(struct config *config, const char *key,
                                                   const char *value, char *why, size_t why_size);
__attribute__((warn_unused_result)) int config_parse(struct config *config, const char *text,
                                                     char *why, size_t why_size);
__attribute__((warn_unused_result)) int config_load(struct config *config, const char *path,
                                                    char *why, size_t why_size);

#endif
