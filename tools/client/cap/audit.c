/* jitos cap audit - the smallest set of grants under which a run would have passed.
 *
 * What a run asks for depends on what it may do: so what it asked for is granted, the same genesis
 * is run again under exactly that, and what it asks for then is the next set, until nothing is
 * denied. The set is what that last run used, no more; it is run once more under it, with the
 * limits it kept within, so that what is printed is what was seen to pass. A rule that had an owner
 * when the run began has him again, with the right to write where it is invoked, and nowhere else.
 */
#include "tools/client/cap/audit_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/client/cap/cap.h"
#include "tools/client/run/runner.h"
#include "tools/client/temporary.h"
#include "tools/formats/graph.h"

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
    int code = audit_rewrite(set, r->genesis, r->genesis_size, limited, &graph, &collect);
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
        audit_forget(seen);
        code = audit_read_run(set->cli, data, seen);
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
        err = audit_note(set, more->needs[i].process, &request, false);
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
        const struct audit_need *need = &x->needs[i];
        const struct rmg_rule *rule = kern_config_rule(x->a->config, &need->rule);
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
    (void)audit_print_owned(x);
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
        audit_forget(x);
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
    int code = audit_read_run(cli, data, was);
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
        code = audit_read_genesis(cli, data, was, genesis);
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
        code = cli_no_memory(cli);
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
