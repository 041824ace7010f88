/* tools/client/mute.h - what a command says while the supervisor that it has asked does not answer.
 * Layer: tools. */
#ifndef JIT_TOOLS_MUTE_H
#define JIT_TOOLS_MUTE_H

#include "kernel/hub/hub_client.h"
#include "tools/cli/cli.h"

struct mute {
    struct hub_watch watch; /* for hub_client_open() */
    struct cli *cli;
    const char *where; /* the data folder, or the guests' socket */
    bool news_only;    /* what is waited for are news, not an answer: silence is a matter of course,
                          unless the supervisor is stopped. To be set when this begins */
    uint64_t heard_ms; /* of this wait, when silence was last a matter of course */
    uint64_t said_ms;  /* the silence of which it was told last; 0: none yet */
    unsigned said;
};

/* On stderr, with -q as well: after 5 s without an answer, then after 20, 80 and 320, that there is
 * none, and what to do; waiting goes on. `cli` and `where` are kept. */
void mute_init(struct mute *mute, struct cli *cli, const char *where);

#endif
