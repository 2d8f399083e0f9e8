/* SPDX-License-Identifier: MIT */
/* A trace log in a directory of its own, with a disk that can be full. */
#ifndef CLOISTER_TEST_FAKE_LOG_H
#define CLOISTER_TEST_FAKE_LOG_H

#include "log/chainlog.h"
#include "log/verify.h"

extern const struct chainlog_io fake_io;
extern struct fake_disk {
    long room;       /* bytes that still fit; -1: no end */
    int write_error; /* what write says when nothing fits */
    bool sync_fails, open_fails, truncate_fails;
    unsigned int syncs;
} fake_disk;

/* A fresh directory and a disk without faults; the name lives until fake_log_remove. */
const char *fake_log_directory(void);
void fake_log_remove(void);

/* Opens the log there with the fake disk; fails the test if that does not work. */
void fake_log_open(struct chainlog *log, uint64_t file_size, unsigned int files);

/* Lines that the log can be filled with. */
void fake_log_records(struct chainlog *log, unsigned int cpu, unsigned int count);

/* The whole of file `number`; *size bytes, to be freed. */
char *fake_log_read(uint32_t number, size_t *size);
void fake_log_write(uint32_t number, const char *text, size_t size);

/* Verifies and fails the test where the verdict is not as expected. */
struct verify_result fake_log_verify(bool broken);

#endif
