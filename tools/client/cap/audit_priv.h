/* tools/client/cap/audit_priv.h - an audit at work, shared by its files. Layer: tools. */
#ifndef JIT_TOOLS_CLIENT_CAP_AUDIT_PRIV_H
#define JIT_TOOLS_CLIENT_CAP_AUDIT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/core/record.h"
#include "tools/client/cap/cap.h"
#include "tools/formats/graph.h"

#define AUDIT_ROUNDS_MAX 8u
#define AUDIT_NEEDS_MAX  65536u

/* One grant: all members of a process have it. */
struct audit_need {
    uint32_t process; /* the first member */
    uint32_t params_size;
    struct jit_id rule;
    struct jit_id instance;
    uint8_t *params;
    uint64_t asked;
    uint64_t denied;
};

struct audit {
    struct cli *cli;
    const struct authority *a;     /* of the run that is looked at */
    const struct authority *first; /* as it began: its owners */
    struct audit_need *needs;
    size_t count;
    size_t capacity;
    uint64_t *in_tick; /* requests of each process in the tick being read */
    uint64_t *most;    /* in any tick, of any member; at the first member */
    uint64_t last_tick;
    uint64_t requests;
    uint64_t denied;
    uint64_t over;
    struct jit_id genesis;
    uint64_t genesis_size;
    bool has_genesis; /* the log begins with one */
};

/* ---- audit_needs.c ---- */
JIT_MUST_CHECK enum jit_err audit_note(struct audit *x, uint32_t process,
                                       const struct rmg_asked *request, bool denied);
void audit_forget(struct audit *x);
int audit_read_run(struct cli *cli, const char *data, struct audit *x);

/* ---- audit_grants.c ---- */
int audit_print_owned(const struct audit *x);
int audit_read_genesis(struct cli *cli, const char *data, const struct audit *x, uint8_t **bytes);
int audit_rewrite(const struct audit *x, const uint8_t *genesis, uint64_t size, bool limited,
                  struct format_graph *graph, struct rmg_collect **out);

#endif
