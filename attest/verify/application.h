/* SPDX-License-Identifier: MIT */
/* A PE file: where its parts stand (Microsoft PE Format). */
#ifndef CLOISTER_VERIFY_APPLICATION_H
#define CLOISTER_VERIFY_APPLICATION_H

#include <stddef.h>
#include <stdint.h>

#define APPLICATION_MAX_SECTIONS 96u /* "COFF File Header" */
#define APPLICATION_SECTION_SIZE 40u

struct application_piece {
    uint32_t offset, size;
};

struct application {
    const uint8_t *data;
    size_t size;
    size_t checksum, certificate; /* where these fields stand */
    size_t header_size;
    size_t certificate_size;
    /* of sections: `section_count` of APPLICATION_SECTION_SIZE bytes, all in the file */
    size_t table;
    uint32_t section_count;
    struct application_piece sections[APPLICATION_MAX_SECTIONS]; /* in the file, by offset */
};

/* A number of the file, which must be in it. */
uint32_t application_number(const struct application *application, size_t offset, size_t size);

/*
 * What Xen takes from elsewhere when it is started as this file: its configuration and options,
 * dom0's kernel and whatever else has no section here, so that its digest does not cover them. A
 * static text; NULL: nothing.
 */
const char *application_outside(const struct application *application);

#endif
