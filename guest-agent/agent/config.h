/* SPDX-License-Identifier: MIT */
/*
 * /etc/cloister/agent.conf: lines `key = value`, comments from '#' on, and sections `[user NAME]`
 * (a name or a number) that set max_enclaves and max_frames for one user: base/settings.h.
 * cloister-agent(8) has the keys.
 */
#ifndef CLOISTER_AGENT_CONFIG_H
#define CLOISTER_AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFIG_PATH CLOISTER_ETC "/agent.conf"
#define CONFIG_MAX_USERS 256u

struct limits {
    uint32_t max_enclaves;
    uint64_t max_frames; /* pages of 4 KiB in the images of all the user's enclaves */
};

struct user_limits {
    uid_t uid;
    struct limits limits;
};

struct config {
    char socket[108]; /* as sun_path */
    char state[200];  /* folder of what must survive a restart of the agent */
    gid_t group;      /* of the socket */
    mode_t mode;
    bool balloon;
    uint64_t balloon_keep;        /* bytes of available memory that ballooning leaves */
    uint64_t max_image;           /* bytes of an image file */
    uint64_t low_memory;          /* bytes of available memory below which the agent complains */
    uint32_t timeout;             /* seconds that the host may take for one request */
    uint32_t grant_limit;         /* pages xen-gntalloc may grant; 0: leave it as it is */
    uint32_t max_connections;     /* of one user */
    uint32_t requests_per_second; /* of one user; twice as many at a stretch */
    uint32_t total_enclaves;      /* of all users together */
    uint64_t total_frames;
    struct limits limits; /* of users who have no section */
    struct user_limits users[CONFIG_MAX_USERS];
    unsigned int user_count;
};

void config_defaults(struct config *config);
/*
 * Reads `path` over what is in *config. 0, or a negative errno with one sentence in `problem` that
 * names file and line: -EINVAL for what the file says, else why it cannot be read. After an error
 * *config is as before.
 */
__attribute__((warn_unused_result)) int config_read(struct config *config, const char *path,
                                                    char *problem, size_t problem_size);
const struct limits *config_limits(const struct config *config, uid_t uid);

#endif
