/* SPDX-License-Identifier: MIT */
/* What tests of refusals say: the scene's evidence is refused for exactly this reason. */
#ifndef CLOISTER_TEST_ATTEST_REFUSES_H
#define CLOISTER_TEST_ATTEST_REFUSES_H

#include <errno.h>
#include <string.h>

#include "scene.h"
#include "../suite.h"

static inline void check_refused(int rc, enum cloister_refusal_code code, const char *what)
{
    static const struct cloister_claims none;
    const struct cloister_refusal *refusal = &scene.refusal;

    ck_assert_msg(rc == -EACCES, "not refused: %d", rc);
    ck_assert_msg(refusal->code == code && strstr(refusal->what, what),
                  "refused at %s: %s: %s: expected %s, found %s", cloister_step_name(refusal->step),
                  cloister_refusal_name(refusal->code), refusal->what, refusal->expected,
                  refusal->found);
    ck_assert_str_ne(refusal->expected, refusal->found);
    ck_assert(!memcmp(&scene.claims, &none, sizeof(none)));
}

/* `what`: a part of the item's name. */
static inline void refuses(enum cloister_refusal_code code, const char *what)
{
    check_refused(scene_verify(), code, what);
}

static inline void accepts(void)
{
    int rc = scene_verify();

    ck_assert_msg(rc == 0, "%d: %s: %s: expected %s, found %s", rc,
                  cloister_refusal_name(scene.refusal.code), scene.refusal.what,
                  scene.refusal.expected, scene.refusal.found);
}

#endif
