/* tools/client/cap/authority.h - who may do what in one state: the capabilities of /sec, in words,
 * and asking them. What `jitos cap`, `jitos cap audit` and `jitos run --dry-run` share. Spec:
 * DESIGN 8; docs/spec/capabilities.md. Layer: tools. */
#ifndef JIT_TOOLS_AUTHORITY_H
#define JIT_TOOLS_AUTHORITY_H

#include "kernel/core/core.h"
#include "kernel/system.h"
#include "tools/cli/cli.h"

struct authority {
    const struct rmg_store *store; /* borrowed; NULL: no state is at hand, names are believed */
    struct rmg_version version;
    uint64_t tick; /* that is judged */
    struct kern_config *config;
    struct sys_caps *caps;
    struct rmg_graph schema; /* names of types; */
    bool has_schema;
};

/* Of a version: judged as in `tick`. Returns an exit code; what failed has been said. Release it
 * also after an error. */
int authority_read(struct cli *cli, const struct rmg_store *store,
                   const struct rmg_version *version, uint64_t tick, struct authority *out);
void authority_release(struct authority *a);

/* ---- words ---- */
#define AUTHORITY_TEXT 1024u
void authority_process(const struct authority *a, uint32_t process, char text[AUTHORITY_TEXT]);
void authority_instance(const struct authority *a, const struct jit_id *id,
                        char text[AUTHORITY_TEXT]);
/* retire(section = "libs"): params as a request has them; NULL: no parentheses. */
void authority_call(const struct rmg_rule *rule, const uint8_t *params, size_t size,
                    char text[AUTHORITY_TEXT]);
/* invoke retire(section = "libs") on /world; until 500 */
void authority_cap(const struct authority *a, uint32_t node, char text[AUTHORITY_TEXT]);

/* ---- reading what people write ---- */
/* "w[1]", "w": its first member. Returns an exit code; said. */
int authority_find_process(struct cli *cli, const struct authority *a, const char *text,
                           uint32_t *out);
/* "w[1]/3": a capability. */
int authority_find_cap(struct cli *cli, const struct authority *a, const char *text, uint32_t *out);
/* "/world/x", or 64 hex digits. */
int authority_find_instance(struct cli *cli, const struct authority *a, const char *text,
                            struct jit_id *out);
int authority_find_type(struct cli *cli, const struct authority *a, const char *text,
                        struct jit_id *out);
/* "retire", "retire(section = libs)": which parameters are given, and their canonical bytes one
 * after another in `bytes` (initialised; the caller's). */
struct authority_call {
    const struct rmg_rule *rule;
    struct sys_bound bound[SYS_ATTENUATOR_BOUND_MAX];
    uint32_t bound_count;
    struct jit_buf bytes;
};
int authority_parse_call(struct cli *cli, const struct authority *a, const char *text,
                         struct authority_call *out); /* release out->bytes either way */

/* ---- asking ---- */
struct authority_need {
    uint32_t right;
    const struct rmg_rule *rule; /* NULL: not asked for */
    struct jit_id instance;
    const uint8_t *params; /* all of them; NULL: not asked for */
    uint32_t params_size;
};
/* Does this capability allow it? The first check that fails; with the types of the rule's pattern
 * and of what it writes as far as its text says them. */
enum sys_cap_verdict authority_check(const struct authority *a, uint32_t node,
                                     const struct authority_need *need);
/* The one of a process that allows it, or the one that comes nearest to it; SYS_CAP_NONE: it holds
 * none at all. */
enum sys_cap_verdict authority_best(const struct authority *a, uint32_t process,
                                    const struct authority_need *need, uint32_t *node);

/* The instances that it lies in, nearest first; outer has room for JIT_DEPTH_MAX. */
void authority_lineage(const struct authority *a, const struct jit_id *instance,
                       struct jit_id *outer, uint32_t *count);

/* ---- owners (authority_owner.c) ---- */
enum authority_owner {
    AUTHORITY_OPERATORS, /* it is not listed */
    AUTHORITY_NOBODYS,   /* its capability was taken away */
    AUTHORITY_OWNED
};
/* Of a rule or an instance, by its id. inherits: an instance that is not listed has the owner of
 * the nearest one that it lies in and that is. */
enum authority_owner authority_owner(const struct authority *a, const struct jit_id *id,
                                     bool inherits, uint32_t *node);
/* "w[1]/3: write on /world", "the operator", "nobody: ..." */
void authority_owner_text(const struct authority *a, enum authority_owner owner, uint32_t node,
                          char text[AUTHORITY_TEXT]);
/* May the rule's owner write what the rule does, as far as its text says it? */
enum sys_cap_verdict authority_check_owner(const struct authority *a, const struct rmg_rule *rule,
                                           const struct sys_cap_need *need);
/* Are elements of this type within what it is narrowed to? NULL: it is not narrowed. */
bool authority_covers(const struct sys_attenuators *n, bool edge, const struct jit_id *type);

#endif
