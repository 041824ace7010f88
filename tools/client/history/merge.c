/* jitos merge - two histories become one again: a tick with two parents. */
#include <stdio.h>
#include <string.h>

#include "kernel/startup.h"
#include "rmg/change/merge.h"
#include "tools/client/history/ancestry.h"
#include "tools/client/history/branches.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/rmgtool/settle.h"

const struct cli_option jitos_merge_options[] = {
    CLI_OPTION(CLI_TEXT, "data", 'd', "DIR", "the data folder that REV is of", .fallback = "."),
    CLI_OPTION(CLI_TEXT, "into", 'i', "BRANCH",
               "a branch, main, or the path of another data folder (with a /)"),
    CLI_OPTION(CLI_FLAG, "dry-run", 'n', NULL, "say what would come of it"),
    SETTLE_OPTIONS("ours (BRANCH) or theirs (REV)"),
    {.name = NULL},
};

enum { BASE, OURS, THEIRS, SIDES };

struct merging {
    struct cli *cli;
    struct ancestry all;
    const struct ancestry_tick *at[SIDES];
    struct shell_system system[SIDES];
    bool open[SIDES];
    struct format_graph graph[SIDES]; /* borrow the systems' stores */
};

static int find_sides(struct merging *m, const char *ours, const char *theirs, uint64_t tick)
{
    struct cli *cli = m->cli;
    uint32_t a = 0;
    uint32_t b = 0;
    /* A branch is read with the folder it lies in: what it came from is there. */
    int code = ancestry_add(cli, &m->all, branches_top(cli), &b);
    if (code == CLI_OK) {
        code = ancestry_add(cli, &m->all, theirs, &b);
    }
    if (code == CLI_OK) {
        code = ancestry_add(cli, &m->all, ours, &a);
    }
    if (code != CLI_OK) {
        return code;
    }
    const struct ancestry_folder *target = &m->all.folders[a];
    m->at[OURS] = target->count > 0 ? &target->ticks[target->count - 1] : NULL;
    m->at[THEIRS] = ancestry_at(&m->all, b, tick);
    if (m->at[OURS] == NULL || m->at[THEIRS] == NULL) {
        cli_what(cli, "there is nothing to merge");
        cli_why(cli, m->at[OURS] == NULL ? "%s has no tick" : "%s has no such tick",
                m->at[OURS] == NULL ? ours : theirs);
        return CLI_NOT_FOUND;
    }
    if (ancestry_common(&m->all, m->at[OURS], m->at[THEIRS], &m->at[BASE]) != JIT_OK) {
        return cli_no_memory(cli);
    }
    if (m->at[BASE] == NULL) {
        cli_what(cli, "%s and %s have nothing in common", ours, theirs);
        cli_why(cli, "no commit is an ancestor of both");
        cli_next(cli, "compare their states: jitos export --to rmg, rmg diff");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int open_sides(struct merging *m, bool own)
{
    /* The one that is changed first: the others may lie in the same folder, and are read beside it.
     */
    static const int order[SIDES] = {OURS, BASE, THEIRS};
    for (int k = 0; k < SIDES; k++) {
        int i = order[k];
        struct history_opening opening = {.label = "merge",
                                          .data = m->all.folders[m->at[i]->folder].path,
                                          .own = own && i == OURS,
                                          .bounded = !(own && i == OURS),
                                          .tick = m->at[i]->tick};
        int code = history_open(m->cli, &opening, &m->system[i]);
        if (code != CLI_OK) {
            return code;
        }
        m->open[i] = true;
        if (!jit_id_equal(&m->system[i].replay.commit, &m->at[i]->commit)) {
            cli_what(m->cli, "%s has gone on meanwhile", opening.data);
            cli_why(m->cli, "somebody runs it");
            cli_next(m->cli, "the same command again");
            return CLI_USAGE;
        }
        m->graph[i] = (struct format_graph){.heap = jit_heap_libc(),
                                            .store = m->system[i].store,
                                            .version = m->system[i].replay.version};
    }
    return CLI_OK;
}

static int report(struct merging *m, struct settle *settle, const struct rmg_merge_result *result,
                  bool dry)
{
    struct cli *cli = m->cli;
    char hex[JIT_ID_HEX];
    const struct kern_replay *ours = &m->system[OURS].replay;
    const char *what = dry ? "would be" : "merged";
    uint64_t tick = dry ? ours->tick + 1 : ours->tick;
    jit_id_to_hex(&m->at[BASE]->commit, hex);
    cli_print(cli, "base   @%llu %.12s in %s\n", (unsigned long long)m->at[BASE]->tick, hex,
              cli_word(cli, m->all.folders[m->at[BASE]->folder].path));
    settle_print(settle, result);
    json_t *event = cli_event("done", "jitos.merge/1");
    cli_put_text(event, "result", what);
    cli_put_text(event, "base", hex);
    cli_put_number(event, "base_tick", m->at[BASE]->tick);
    settle_put(event, result);
    cli_put_number(event, "tick", tick);
    cli_print(cli, "%s  tick %llu\n", what, (unsigned long long)tick);
    if (dry) {
        return cli_emit(cli, event); /* its root and head are made by carrying it out */
    }
    jit_id_to_hex(&ours->version.state_root, hex);
    cli_print(cli, "root   %s\n", hex);
    cli_put_text(event, "root", hex);
    jit_id_to_hex(&ours->commit, hex);
    cli_print(cli, "head   %s\n", hex);
    cli_put_text(event, "head", hex);
    return cli_emit(cli, event);
}

/* What both sides wrote beside each other may be no conflict of graphs and still be nothing that
 * can be run: two owners of one rule, two capabilities in one slot. A supervisor is asked, as it
 * would start on the tick that comes of it. Nothing is written then. */
static int judge(struct merging *m, const struct rmg_version *merged)
{
    struct kern_replay *ours = &m->system[OURS].replay;
    struct kern_core_options options = shell_startup_options(&m->system[BASE], jit_exec_inline());
    char why[512] = "";
    options.version = *merged;
    options.commit = ours->commit;
    options.tick = ours->tick + 1;
    options.deviations = &ours->deviations;
    options.beside = &ours->beside;
    enum jit_err err = shell_startup_judge_as(&m->system[BASE], &options, why, sizeof why);
    if (err == JIT_OK) {
        return CLI_OK;
    }
    if (!shell_startup_refuses(err)) {
        cli_what(m->cli, "whether what would come of the merge can be run was not found out");
        cli_why(m->cli, "%s", why);
        cli_next(m->cli, "both branches are as they were; the same command again");
        return (int)cli_exit_of(err);
    }
    cli_what(m->cli, "what would come of the merge cannot be run");
    cli_why(m->cli, "%s", why);
    cli_next(m->cli, "both branches are as they were; undo it in one of them (jitos cap own, jitos "
                     "cap revoke), then the same command again");
    return CLI_NO;
}

/* The merged state, made on the base, as a patch on ours: its tick. */
static int commit(struct merging *m, const struct rmg_merge_result *result, bool dry)
{
    struct jit_buf patch;
    struct rmg_state ours = {m->graph[OURS].store, m->graph[OURS].version};
    int code =
        settle_write(m->cli, &m->graph[BASE], result->patch.data, result->patch.size, NULL, NULL);
    if (code != CLI_OK) {
        return code;
    }
    struct rmg_state merged = {m->graph[BASE].store, m->graph[BASE].version};
    code = judge(m, &merged.version);
    if (code != CLI_OK || dry) {
        return code;
    }
    jit_buf_init(&patch, jit_heap_libc(), JIT_PATCH_BYTES_MAX);
    enum jit_err err = rmg_diff_patch(jit_heap_libc(), &ours, &merged, &patch, NULL);
    const char *why = jit_err_text(err);
    if (err == JIT_OK) {
        err = shell_system_edit(&m->system[OURS], patch.data, patch.size, &m->at[THEIRS]->commit);
        why = m->system[OURS].message;
    }
    jit_buf_release(&patch);
    if (err != JIT_OK) {
        cli_what(m->cli, "the merge could not be written");
        cli_why(m->cli, "%s", why);
        cli_next(m->cli, "both branches are as they were; mend that, then the same command again");
        return (int)cli_exit_of(err);
    }
    return CLI_OK;
}

static int merge(struct merging *m, bool dry)
{
    const struct format_graph *const shown[SIDES] = {&m->graph[OURS], &m->graph[THEIRS],
                                                     &m->graph[BASE]};
    const struct format_graph *const all[SIDES] = {&m->graph[BASE], &m->graph[OURS],
                                                   &m->graph[THEIRS]};
    struct settle settle = {.cli = m->cli};
    struct rmg_merge_result result;
    struct rmg_state side[SIDES];
    struct delta delta;
    for (int i = 0; i < SIDES; i++) {
        side[i] = (struct rmg_state){m->graph[i].store, m->graph[i].version};
    }
    int code = settle_begin(&settle, m->cli, all, SIDES);
    if (code != CLI_OK) {
        settle_end(&settle);
        return code;
    }
    enum jit_err err = rmg_merge(&settle.options, &side[BASE], &side[OURS], &side[THEIRS], &result);
    if (err != JIT_OK) {
        code = settle_failed(&settle, err, &result);
    } else if (result.conflict_count > 0) {
        err = delta_begin(&delta, m->cli, shown, SIDES);
        code = err == JIT_OK ? settle_conflicts(&settle, &delta, &result, "jitos.merge/1")
                             : settle_failed(&settle, err, &result);
        delta_end(&delta);
    } else {
        code = commit(m, &result, dry);
        if (code == CLI_OK) {
            code = report(m, &settle, &result, dry);
        }
    }
    if (err == JIT_OK) {
        rmg_merge_result_release(&result);
    }
    settle_end(&settle);
    return code;
}

int jitos_merge(struct cli *cli)
{
    struct merging m = {.cli = cli};
    char ours[BRANCH_PATH_SIZE];
    const char *theirs = cli_text(cli, "data");
    const char *into = cli_text(cli, "into");
    bool dry = cli_given(cli, "dry-run");
    uint64_t tick = 0;
    if (into == NULL) {
        cli_what(cli, "nothing to merge into");
        cli_why(cli, "--into names the branch that gets the tick");
        cli_next(cli, "jitos branch --data %s", branches_top(cli));
        return CLI_USAGE;
    }
    branches_path(branches_top(cli), into, ours);
    int code = history_resolve(cli, theirs, cli->operands[0], &tick);
    if (code == CLI_OK) {
        code = find_sides(&m, ours, theirs, tick);
    }
    if (code == CLI_OK && m.at[BASE]->tick == m.at[THEIRS]->tick &&
        jit_id_equal(&m.at[BASE]->commit, &m.at[THEIRS]->commit)) {
        cli_print(cli, "%s has it already\n", cli_word(cli, into));
        json_t *event = cli_event("done", "jitos.merge/1");
        cli_put_text(event, "result", "nothing to do");
        code = cli_emit(cli, event);
        ancestry_release(&m.all);
        return code;
    }
    if (code == CLI_OK) {
        code = open_sides(&m, !dry);
    }
    if (code == CLI_OK) {
        code = merge(&m, dry);
    }
    for (int i = 0; i < SIDES; i++) {
        if (m.open[i]) {
            shell_system_close(&m.system[i]);
        }
    }
    ancestry_release(&m.all);
    return code;
}
