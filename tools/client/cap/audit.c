/* jitos cap audit - the smallest set of grants under which a run would have passed.
 *
 * What a run asks for depends on what it may do: so what it asked for is granted, the same genesis
 * is run again under exactly that, and what it asks for then is the next set, until nothing is
 * denied. The set is what that last run used, no more; it is run once more under it, with the
 * limits it kept within, so that what is printed is what was seen to pass. A rule that had an owner
 * when the run began has him again, with the right to write where it is invoked, and nowhere else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/log/blob.h"
#include "kernel/core/record.h"
#include "kernel/log/io_posix.h"
#include "tools/formats/graph.h"
#include "tools/client/history/history.h"
#include "tools/client/cap/cap.h"
#include "tools/client/run/runner.h"
#include "tools/client/temporary.h"

#define AUDIT_ROUNDS_MAX 8u
#define AUDIT_NEEDS_MAX  65536u

/* One grant: all members of a process have it. */
struct need {
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
    struct need *needs;
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

/* ---- what a run asked for ---- */

static uint32_t first_member(const struct authority *a, const struct jit_id *process)
{
    const struct kern_config *config = a->config;
    for (uint32_t p = 0; p < config->process_count; p++) {
        if (jit_id_equal(&config->processes[p].id, process)) {
            return p - config->processes[p].index; /* members lie side by side */
        }
    }
    return SYS_CAP_NONE;
}

static enum jit_err note(struct audit *x, uint32_t process, const struct rmg_asked *request,
                         bool denied)
{
    size_t i = 0;
    while (i < x->count &&
           (x->needs[i].process != process || !jit_id_equal(&x->needs[i].rule, &request->rule_id) ||
            !jit_id_equal(&x->needs[i].instance, &request->instance) ||
            x->needs[i].params_size != request->params_size ||
            memcmp(x->needs[i].params, request->params, request->params_size) != 0)) {
        i++;
    }
    if (i == x->count) {
        void *data = x->needs;
        if (x->count == AUDIT_NEEDS_MAX) {
            return JIT_ELIMIT;
        }
        if (jit_heap_grow(jit_heap_libc(), &data, &x->capacity, x->count + 1, sizeof *x->needs) !=
            0) {
            return JIT_ENOMEM;
        }
        x->needs = data;
        uint8_t *params = malloc(request->params_size + 1u);
        if (params == NULL) {
            return JIT_ENOMEM;
        }
        memcpy(params, request->params, request->params_size);
        x->needs[x->count++] = (struct need){.process = process,
                                             .params_size = request->params_size,
                                             .rule = request->rule_id,
                                             .instance = request->instance,
                                             .params = params};
    }
    x->needs[i].asked++;
    x->needs[i].denied += denied;
    return JIT_OK;
}

static enum jit_err read_tick(void *user, const struct log_record *record)
{
    struct audit *x = user;
    const struct kern_config *config = x->a->config;
    struct kern_record_view view;
    struct rmg_asked request;
    struct rmg_receipt receipt;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    if (err == JIT_OK && view.flags == KERN_RECORD_GENESIS) {
        x->has_genesis = true;
        x->genesis = view.blob;
        x->genesis_size = view.blob_size;
    }
    x->last_tick = record->tick;
    memset(x->in_tick, 0, (config->process_count + 1u) * sizeof *x->in_tick);
    struct jit_cursor cur = jit_cursor_of(view.requests, view.requests_size);
    for (uint64_t i = 0; err == JIT_OK && i < view.request_count; i++) {
        err = rmg_asked_next(&cur, &request);
        if (err == JIT_OK) {
            err = kern_record_receipt(&view, i, &receipt);
        }
        uint32_t process = err == JIT_OK ? first_member(x->a, &request.process) : SYS_CAP_NONE;
        if (err != JIT_OK || process == SYS_CAP_NONE) {
            continue;
        }
        uint32_t member = process;
        while (!jit_id_equal(&config->processes[member].id, &request.process)) {
            member++;
        }
        x->in_tick[member]++;
        x->most[process] =
            x->in_tick[member] > x->most[process] ? x->in_tick[member] : x->most[process];
        x->requests++;
        x->denied += receipt.result == RMG_DENIED;
        x->over += receipt.result == RMG_OVER_QUOTA;
        err = note(x, process, &request, receipt.result == RMG_DENIED);
    }
    return err;
}

static void forget(struct audit *x)
{
    for (size_t i = 0; i < x->count; i++) {
        free(x->needs[i].params);
    }
    x->count = 0;
    x->requests = 0;
    x->denied = 0;
    x->over = 0;
    memset(x->most, 0, (x->a->config->process_count + 1u) * sizeof *x->most);
}

static int read_run(struct cli *cli, const char *data, struct audit *x)
{
    struct log_report report;
    return history_each(cli, data, read_tick, x, &report);
}

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

static int print_owned(const struct audit *x)
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
        const struct need *need = &x->needs[i];
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

static int read_genesis(struct cli *cli, const char *data, const struct audit *x, uint8_t **bytes)
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

static int rewrite(const struct audit *x, const uint8_t *genesis, uint64_t size, bool limited,
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

/* ---- running it again ---- */

struct again {
    struct temporary folder;
    const uint8_t *genesis; /* of the run that is looked at */
    uint64_t genesis_size;
    uint64_t ticks;
    unsigned rounds;
};

/* Under what `set` says; what it asks for then is `seen`. */
static int run_again(struct again *r, const struct audit *set, bool limited, struct audit *seen)
{
    struct format_graph graph;
    struct rmg_collect *collect = NULL;
    char data[400];
    snprintf(data, sizeof data, "%s/%u", r->folder.path, r->rounds++);
    struct runner runner = {.cli = set->cli,
                            .data = data,
                            .jobs = 1,
                            .durability = "none",
                            .die_at_log_offset = UINT64_MAX,
                            .ticks = r->ticks,
                            .label = "audit",
                            .quiet_ticks = true,
                            .temporary = true};
    int code = rewrite(set, r->genesis, r->genesis_size, limited, &graph, &collect);
    if (code == CLI_OK && mkdir(data, 0700) != 0) {
        cli_what(set->cli, "%s cannot be made", data);
        cli_why(set->cli, "%s", strerror(errno));
        code = CLI_HOST;
    }
    if (code == CLI_OK) {
        code = runner_go(&runner, collect);
    }
    rmg_collect_free(collect);
    format_graph_release(&graph);
    if (code == CLI_OK) {
        forget(seen);
        code = read_run(set->cli, data, seen);
    }
    return code;
}

/* The needs of `more` that `set` has not. */
static int merge(struct audit *set, const struct audit *more)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < more->count; i++) {
        const struct rmg_asked request = {.rule_id = more->needs[i].rule,
                                          .instance = more->needs[i].instance,
                                          .params = more->needs[i].params,
                                          .params_size = more->needs[i].params_size};
        err = note(set, more->needs[i].process, &request, false);
    }
    if (err != JIT_OK) {
        cli_what(set->cli, "the grants cannot be put together");
        cli_why(set->cli, "%s", jit_err_text(err));
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

static int not_settled(struct cli *cli, const char *why)
{
    cli_what(cli, "no set of grants was found under which the run passes");
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos log --denied --data %s", cli_text(cli, "data"));
    return CLI_NO;
}

/* set: in, what the run asked for; out, what is enough. shown: the run under exactly that. */
static int settle(struct again *r, struct audit *set, struct audit *shown)
{
    int code = run_again(r, set, false, shown);
    while (code == CLI_OK && shown->denied > 0 && r->rounds < AUDIT_ROUNDS_MAX) {
        code = merge(set, shown);
        if (code == CLI_OK) {
            code = run_again(r, set, false, shown);
        }
    }
    if (code != CLI_OK) {
        return code;
    }
    if (shown->denied > 0) {
        return not_settled(set->cli, "with each round it asks for more");
    }
    struct audit enough = *shown; /* what was used, and no more */
    *shown = *set;
    *set = enough;
    code = run_again(r, set, true, shown);
    return code == CLI_OK && (shown->denied > 0 || shown->over > 0)
               ? not_settled(set->cli, "the run differs from time to time: it is not deterministic")
               : code;
}

/* ---- the answer ---- */

static void print_grants(const struct audit *x, uint32_t process, const struct audit *was)
{
    const struct kern_process_config *config = &x->a->config->processes[process];
    char text[8 * AUTHORITY_TEXT] = "";
    uint64_t denied = 0;
    for (size_t i = 0; i < x->count; i++) {
        const struct need *need = &x->needs[i];
        const struct rmg_rule *rule = authority_rule(x->a, &need->rule);
        char call[AUTHORITY_TEXT];
        char place[AUTHORITY_TEXT];
        size_t used = strlen(text);
        bool mapped = false;
        if (need->process != process || rule == NULL) {
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            mapped = mapped || (x->needs[k].process == process &&
                                jit_id_equal(&x->needs[k].instance, &need->instance));
        }
        authority_call(rule, need->params, need->params_size, call);
        authority_instance(x->a, &need->instance, place);
        if (mapped) {
            snprintf(text + used, sizeof text - used, "; invoke %s on %s", call, place);
        } else {
            snprintf(text + used, sizeof text - used, "%smap %s; invoke %s on %s",
                     used > 0 ? "; " : "", place, call, place);
        }
    }
    for (size_t i = 0; i < was->count; i++) {
        denied += was->needs[i].process == process ? was->needs[i].denied : 0;
    }
    if (text[0] == '\0') {
        return;
    }
    cli_print(x->cli, "grant %s: %s; limit %llu per tick", config->name, text,
              (unsigned long long)x->most[process]);
    if (denied > 0) {
        cli_print(x->cli, "    # %llu of its requests were denied", (unsigned long long)denied);
    }
    cli_print(x->cli, "\n");
    json_t *event = cli_event("grant", "jitos.cap.audit/1");
    cli_put_text(event, "process", config->name);
    cli_put_text(event, "rights", text);
    cli_put_number(event, "limit", x->most[process]);
    cli_put_number(event, "denied", denied);
    cli_emit(x->cli, event);
}

static int answer(const struct audit *x, const struct audit *was)
{
    for (uint32_t p = 0; p < x->a->config->process_count; p++) {
        if (x->a->config->processes[p].index == 0) {
            print_grants(x, p, was);
        }
    }
    (void)print_owned(x);
    cli_print(x->cli,
              "run again under exactly these for %llu ticks: %llu requests, none denied "
              "(before: %llu, %llu denied)\n",
              (unsigned long long)x->last_tick, (unsigned long long)x->requests,
              (unsigned long long)was->requests, (unsigned long long)was->denied);
    json_t *event = cli_event("done", "jitos.cap.audit/1");
    cli_put_number(event, "ticks", x->last_tick);
    cli_put_number(event, "requests", x->requests);
    cli_put_number(event, "denied", x->denied);
    cli_put_number(event, "requests_before", was->requests);
    cli_put_number(event, "denied_before", was->denied);
    return cli_emit(x->cli, event);
}

static bool audit_init(struct audit *x, struct cli *cli, const struct authority *a,
                       const struct authority *first)
{
    size_t count = a->config->process_count + 1u;
    *x = (struct audit){.cli = cli, .a = a, .first = first};
    x->in_tick = calloc(count, sizeof *x->in_tick);
    x->most = calloc(count, sizeof *x->most);
    return x->in_tick != NULL && x->most != NULL;
}

static void audit_release(struct audit *x)
{
    if (x->most != NULL) {
        forget(x);
    }
    free(x->needs);
    free(x->in_tick);
    free(x->most);
}

static int audit(struct cli *cli, const char *data, struct audit x[3], struct cap_folder *first,
                 bool *opened, uint8_t **genesis)
{
    struct again again = {.rounds = 0};
    struct audit *was = &x[0];
    int code = read_run(cli, data, was);
    if (code == CLI_OK && (!was->has_genesis || was->last_tick == 0)) {
        cli_what(cli, "the run of %s cannot be repeated", data);
        cli_why(cli, "%s",
                was->has_genesis ? "it has no ticks"
                                 : "it begins at a checkpoint, not at a genesis");
        cli_next(cli, "audit the run that the checkpoint was taken from");
        return CLI_NOT_FOUND;
    }
    if (code == CLI_OK) {
        code = cap_folder_open(cli, "cap audit", true, 0, first);
        *opened = code == CLI_OK;
    }
    if (code == CLI_OK) {
        code = read_genesis(cli, data, was, genesis);
    }
    if (code == CLI_OK && !temporary_make(&again.folder, cli->env->get("TMPDIR"), "jitos-audit")) {
        cli_what(cli, "no temporary folder %s", again.folder.path);
        cli_why(cli, "%s", strerror(errno));
        code = CLI_HOST;
    } else if (code == CLI_OK) {
        again.genesis = *genesis;
        again.ticks = was->last_tick;
        again.genesis_size = was->genesis_size;
        code = merge(&x[1], was);
        if (code == CLI_OK) {
            code = settle(&again, &x[1], &x[2]);
        }
        temporary_remove(&again.folder);
    }
    if (code == CLI_OK) {
        memcpy(x[2].most, x[1].most, was->a->config->process_count * sizeof *x[2].most);
        code = answer(&x[2], was);
    }
    return code;
}

int cap_audit(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_folder first = {.authority = {.store = NULL}};
    bool opened = false;
    struct audit x[3] = {{.cli = NULL}};
    uint8_t *genesis = NULL;
    const char *data = cli_text(cli, "data");
    int code = cap_folder_open(cli, "cap audit", false, 0, &folder);
    if (code != CLI_OK) {
        return code;
    }
    bool room = true;
    for (size_t i = 0; i < 3; i++) {
        room = audit_init(&x[i], cli, &folder.authority, &first.authority) && room;
    }
    if (!room) {
        cli_what(cli, "out of memory");
        code = CLI_HOST;
    } else {
        code = audit(cli, data, x, &first, &opened, &genesis);
    }
    free(genesis);
    for (size_t i = 0; i < 3; i++) {
        audit_release(&x[i]);
    }
    if (opened) {
        cap_folder_close(&first);
    }
    cap_folder_close(&folder);
    return code;
}
