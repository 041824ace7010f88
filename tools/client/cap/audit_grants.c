/* The same genesis under other grants, and under other owners. */
#include "tools/client/cap/audit_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/log/blob.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/history.h"
#include "tools/formats/graph.h"

/* ---- the same genesis under other grants ---- */

struct rewriting {
    struct rmg_collect *collect;
    struct jit_id sec;
    struct jit_id sec_root;
    enum jit_err err;
};

/* All but what lies in /sec. */
static bool keep_op(void *user, const struct rmg_op *op)
{
    struct rewriting *w = user;
    bool in_sec = jit_id_equal(&op->instance, &w->sec);
    struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
    switch (op->kind) {
    case RMG_OP_UPSERT_INSTANCE:
        w->err = rmg_collect_instance(w->collect, &op->instance, &op->from,
                                      op->parent->present ? op->parent : NULL);
        break;
    case RMG_OP_UPSERT_NODE:
        if (!in_sec || jit_id_equal(&op->id, &w->sec_root)) {
            w->err = rmg_collect_node(w->collect, &op->instance, &op->id, &op->type);
        }
        break;
    case RMG_OP_UPSERT_EDGE:
        w->err = in_sec ? JIT_OK : rmg_collect_edge(w->collect, &op->instance, &edge);
        break;
    case RMG_OP_SET_ATTACHMENT:
        if (!in_sec || jit_id_equal(&op->id, &w->sec_root)) {
            w->err = rmg_collect_attachment(w->collect, &op->instance, op->plane, &op->id,
                                            &op->attachment);
        }
        break;
    default:
        w->err = JIT_EFORMAT; /* a genesis takes nothing away */
        break;
    }
    return w->err == JIT_OK;
}

/* ---- owners ---- */

/* The innermost instance in which both lie. */
static struct jit_id around_both(const struct authority *a, const struct jit_id *x,
                                 const struct jit_id *y)
{
    struct jit_id outer[JIT_DEPTH_MAX + 1];
    struct jit_id now = *y;
    uint32_t count = 0;
    outer[0] = *x;
    authority_lineage(a, x, outer + 1, &count);
    for (unsigned depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        struct rmg_instance at;
        for (uint32_t i = 0; i <= count; i++) {
            if (jit_id_equal(&outer[i], &now)) {
                return now;
            }
        }
        if (rmg_store_instance(a->store, &a->version, &now, &at) != JIT_OK || !at.parent.present) {
            break;
        }
        now = at.parent.instance;
    }
    return outer[count];
}

/* The process that owns a rule when the run begins (SYS_CAP_NONE: the operator does), and where the
 * rule is invoked. False: nobody invokes it. */
static bool owner_of(const struct audit *x, const struct rmg_rule *rule, uint32_t *process,
                     struct jit_id *place)
{
    uint32_t node = SYS_CAP_NONE;
    bool any = false;
    for (size_t i = 0; i < x->count; i++) {
        if (jit_id_equal(&x->needs[i].rule, &rule->id)) {
            *place =
                any ? around_both(x->first, place, &x->needs[i].instance) : x->needs[i].instance;
            any = true;
        }
    }
    *process = authority_owner(x->first, &rule->id, false, &node) == AUTHORITY_OWNED
                   ? sys_caps_node(x->first->caps, node)->holder
                   : SYS_CAP_NONE;
    return any;
}

/* A right to write for each rule that a process owns. */
static enum jit_err grant_owner(const struct audit *x, uint32_t p, uint32_t *slot,
                                struct rmg_collect *collect)
{
    const struct kern_process_config *config = &x->a->config->processes[p];
    enum jit_err err = JIT_OK;
    for (uint32_t r = 0; err == JIT_OK && r < x->a->config->rule_count; r++) {
        const struct rmg_rule *rule = x->a->config->rules[r];
        struct kern_root_capability cap = {
            .slot = *slot, .generation = 1, .rights = SYS_RIGHT_WRITE, .limit = UINT64_MAX};
        struct jit_id id;
        uint32_t owner = SYS_CAP_NONE;
        if (!owner_of(x, rule, &owner, &cap.instance) || owner == SYS_CAP_NONE ||
            owner - x->a->config->processes[owner].index != p - config->index) {
            continue;
        }
        cap.limit_group = 1 + *slot; /* not that of what it asks for itself */
        err = kern_root_capability(collect, config->name, config->index, &config->id, &cap);
        kern_capability_id(config->name, config->index, cap.slot, &id);
        if (err == JIT_OK && config->index == 0) { /* the first member owns it */
            err = kern_root_owned(collect, "rule", &rule->id, &id);
        }
        (*slot)++;
    }
    return err;
}

int audit_print_owned(const struct audit *x)
{
    int code = CLI_OK;
    for (uint32_t r = 0; code == CLI_OK && r < x->a->config->rule_count; r++) {
        const struct rmg_rule *rule = x->a->config->rules[r];
        struct jit_id where;
        uint32_t owner = SYS_CAP_NONE;
        char place[AUTHORITY_TEXT];
        char text[2 * AUTHORITY_TEXT];
        if (!owner_of(x, rule, &owner, &where) || owner == SYS_CAP_NONE) {
            continue;
        }
        authority_instance(x->a, &where, place);
        snprintf(text, sizeof text, "write %s; own %s", place, rule->name);
        cli_print(x->cli, "grant %s: %s\n", x->a->config->processes[owner].name, text);
        json_t *event = cli_event("grant", "jitos.cap.audit/1");
        cli_put_text(event, "process", x->a->config->processes[owner].name);
        cli_put_text(event, "rights", text);
        code = cli_emit(x->cli, event);
    }
    return code;
}

/* What one member is granted: a map for each instance it asks in, and each request it makes. */
static enum jit_err grant_member(const struct audit *x, uint32_t p, bool limited,
                                 struct rmg_collect *collect)
{
    const struct kern_process_config *config = &x->a->config->processes[p];
    uint32_t process = p - config->index;
    struct sys_bound bound[SYS_ATTENUATOR_BOUND_MAX];
    uint32_t slot = 0;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < x->count; i++) {
        const struct audit_need *need = &x->needs[i];
        struct kern_root_capability cap = {.slot = slot,
                                           .generation = 1,
                                           .rights = SYS_RIGHT_MAP,
                                           .limit = limited ? x->most[process] : UINT64_MAX,
                                           .instance = need->instance};
        bool mapped = false;
        if (need->process != process) {
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            mapped = mapped || (x->needs[k].process == process &&
                                jit_id_equal(&x->needs[k].instance, &need->instance));
        }
        if (!mapped) {
            err = kern_root_capability(collect, config->name, config->index, &config->id, &cap);
            cap.slot = ++slot;
        }
        struct sys_attenuators narrow = {.given = SYS_GIVEN_BOUND, .bound = bound};
        struct jit_cursor cur = jit_cursor_of(need->params, need->params_size);
        while (cur.left > 0 && !cur.bad && narrow.bound_count < SYS_ATTENUATOR_BOUND_MAX) {
            uint64_t size = jit_get_u64(&cur);
            const uint8_t *bytes = jit_get_bytes(&cur, size);
            bound[narrow.bound_count] = (struct sys_bound){
                .index = narrow.bound_count, .size = (uint32_t)size, .bytes = bytes};
            narrow.bound_count++;
        }
        cap.rights = SYS_RIGHT_INVOKE;
        cap.rule_id = need->rule;
        cap.attenuators = narrow.bound_count > 0 ? &narrow : NULL;
        if (err == JIT_OK) {
            err = kern_root_capability(collect, config->name, config->index, &config->id, &cap);
        }
        slot++;
    }
    return err == JIT_OK ? grant_owner(x, p, &slot, collect) : err;
}

int audit_read_genesis(struct cli *cli, const char *data, const struct audit *x, uint8_t **bytes)
{
    struct jit_io *io = NULL;
    struct blob_reader reader;
    int fd = -1;
    *bytes = malloc(x->genesis_size + 1);
    int code = *bytes == NULL ? CLI_HOST : history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = blob_open(io, &x->genesis, x->genesis_size, &reader);
    uint64_t got = 0;
    if (err == JIT_OK) { /* a byte more than there is: so the end is seen, and the hash proved */
        err = blob_read(&reader, *bytes, x->genesis_size + 1, &got);
        blob_close(&reader);
    }
    io_posix_close(io);
    close(fd);
    if (err != JIT_OK) {
        cli_what(cli, "the genesis of %s cannot be read", data);
        cli_why(cli, "%s", jit_err_text(err));
        cli_next(cli, "jitos verify --data %s", data);
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int audit_rewrite(const struct audit *x, const uint8_t *genesis, uint64_t size, bool limited,
                  struct format_graph *graph, struct rmg_collect **out)
{
    struct rewriting w = {.err = JIT_OK};
    struct jit_id base;
    kern_place_id("/sec", &w.sec, &w.sec_root);
    *out = NULL;
    enum jit_err err = format_graph_init(graph, jit_heap_libc());
    if (err == JIT_OK) {
        err = rmg_collect_new(jit_heap_libc(), graph->store, out);
    }
    if (err == JIT_OK) {
        w.collect = *out;
        err = rmg_patch_each(jit_heap_libc(), genesis, size, &base, keep_op, &w);
        err = w.err != JIT_OK ? w.err : err;
    }
    for (uint32_t p = 0; err == JIT_OK && p < x->a->config->process_count; p++) {
        err = grant_member(x, p, limited, *out);
    }
    if (err != JIT_OK) {
        cli_what(x->cli, "the run cannot be repeated under other grants");
        cli_why(x->cli, "%s", jit_err_text(err));
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}
