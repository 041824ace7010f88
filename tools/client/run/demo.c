#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "tools/client/jitos.h"
#include "tools/client/run/runner.h"
#include "tools/client/temporary.h"

/* The main job on real input, and its promise put to the test: a run, the same run killed in the
 * middle of a log write and recovered, and the same system cut differently over workers. */

#define FOLDERS 3

const struct cli_option jitos_demo_options[] = {
    CLI_OPTION(CLI_NUMBER, "ticks", 't', "N", "ticks of each run", .fallback = "200", .min = 4),
    CLI_OPTION(CLI_NUMBER, "seed", 's', "S", "of every draw and order, and of the instant of death",
               .fallback = "7"),
    CLI_OPTION(CLI_NUMBER, "workers", 'w', "N", "sandboxed workers", .fallback = "4", .min = 1,
               .max = 64),
    CLI_OPTION(CLI_NUMBER, "jobs", 'j', "N", "engine threads; never changes a hash",
               .fallback = "1", .min = 1, .max = 256),
    CLI_OPTION(CLI_TEXT, "keep", 0, "DIR", "keep the data folders in DIR, which must not exist"),
    {.name = NULL},
};

struct demo {
    struct cli *cli;
    struct temporary temporary; /* without --keep */
    char base[4200];
    char folders[FOLDERS][4300];
    char file[4400];
    uint64_t ticks;
    uint64_t seed;
    uint32_t workers;
    unsigned jobs;
    struct session_status whole;     /* the uninterrupted run */
    struct session_status recovered; /* the killed one, finished */
    struct session_status single;    /* with one worker */
};

/* In the tree, or where the package's data lie, or beside us when what was installed was moved. */
static int find_example(struct demo *demo)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 2; up++) { /* the folder above that of the program */
        char *slash = strrchr(self, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    snprintf(demo->file, sizeof demo->file, "%.4000s/examples/supply-chain/supply-chain.jitos",
             self);
    if (access(demo->file, R_OK) == 0) {
        return CLI_OK;
    }
    snprintf(demo->file, sizeof demo->file,
             "%.4000s/share/" PACKAGE "/examples/supply-chain/supply-chain.jitos", self);
    if (access(demo->file, R_OK) == 0) {
        return CLI_OK;
    }
    snprintf(demo->file, sizeof demo->file, "%s/examples/supply-chain/supply-chain.jitos",
             JIT_DATA_PATH);
    if (access(demo->file, R_OK) == 0) {
        return CLI_OK;
    }
    cli_what(demo->cli, "the example %s is not there", demo->file);
    cli_why(demo->cli, "%s", strerror(errno));
    cli_next(demo->cli, "make install, or run jitos from its source tree");
    return CLI_NOT_FOUND;
}

static int make_folders(struct demo *demo)
{
    const char *given = cli_text(demo->cli, "keep");
    const char *parent = demo->cli->env->get("TMPDIR");
    bool made = given != NULL ? mkdir(given, 0700) == 0
                              : temporary_make(&demo->temporary, parent, "jitos-demo");
    snprintf(demo->base, sizeof demo->base, "%.4100s",
             given != NULL ? given : demo->temporary.path);
    if (!made) {
        cli_what(demo->cli, "the folder %s cannot be made", demo->base);
        cli_why(demo->cli, "%s", strerror(errno));
        cli_next(demo->cli, "jitos demo --keep DIR, with a DIR that does not exist");
        return errno == ENOSPC ? CLI_HOST : CLI_USAGE;
    }
    static const char *const names[FOLDERS] = {"whole", "killed", "single"};
    for (size_t i = 0; i < FOLDERS; i++) {
        snprintf(demo->folders[i], sizeof demo->folders[i], "%s/%s", demo->base, names[i]);
    }
    return CLI_OK;
}

static void head_of(const struct jit_id *id, char out[13])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    memcpy(out, hex, 12);
    out[12] = '\0';
}

/* ---- steps ---- */

static struct load_request request_of(const struct demo *demo, uint32_t members)
{
    return (struct load_request){.file = demo->file, .seed = demo->seed, .members = members};
}

static struct runner runner_of(struct demo *demo, size_t folder, const char *label)
{
    return (struct runner){
        .cli = demo->cli,
        .data = demo->folders[folder],
        .jobs = demo->jobs,
        .durability = "tick",
        .die_at_log_offset = UINT64_MAX,
        .ticks = demo->ticks,
        .label = label,
        .quiet_ticks = true,
        .temporary = cli_text(demo->cli, "keep") == NULL,
    };
}

static int run_whole(struct demo *demo, struct rmg_collect *collect)
{
    struct cli *cli = demo->cli;
    char root[13];
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    struct runner runner = runner_of(demo, 0, "whole run");
    int code = runner_go(&runner, collect);
    if (code != CLI_OK) {
        return code;
    }
    demo->whole = runner.end;
    head_of(&runner.end.root, root);
    cli_print(cli,
              "2  %u sandboxed workers, %s ticks, seed %llu: %s rewrites applied, %s denied   "
              "root %s   %.1f s\n",
              demo->workers, cli_group(runner.end.tick, a), (unsigned long long)demo->seed,
              cli_group(runner.end.applied, b), cli_group(runner.end.denied, c), root,
              (double)runner.wall_ns / 1e9);
    cli_print(cli, "   %s\n", runner.first_denial);
    cli_print(cli, "   sandbox: %s\n", runner.end.grade);
    json_t *event = cli_event("run", "jitos.demo.run/1");
    cli_put_number(event, "ticks", runner.end.tick);
    cli_put_number(event, "applied", runner.end.applied);
    cli_put_number(event, "denied", runner.end.denied);
    cli_put_text(event, "denial", runner.first_denial);
    cli_put_text(event, "sandbox", runner.end.grade);
    return cli_emit(cli, event);
}

/* Where to die: somewhere in the middle half of what the whole run wrote, drawn from the seed. */
static uint64_t draw_offset(const struct demo *demo)
{
    struct jit_random random = jit_random_of(demo->seed);
    uint64_t quarter = demo->whole.log_bytes / 4;
    return quarter + jit_random_below(&random, 2 * quarter + 1);
}

static int run_killed(struct demo *demo, struct rmg_collect *collect)
{
    struct cli *cli = demo->cli;
    char a[CLI_NUMBER_SIZE];
    char root[13];
    struct runner runner = runner_of(demo, 1, "to be killed");
    runner.die_at_log_offset = draw_offset(demo);
    int code = runner_go(&runner, collect);
    if (code != CLI_OK) {
        return code;
    }
    if (!runner.died) {
        cli_what(cli, "the supervisor was to die at log byte %llu and did not",
                 (unsigned long long)runner.die_at_log_offset);
        return CLI_NO;
    }
    cli_print(cli,
              "3  the same again; SIGKILL in the middle of a log write, at byte %s: dead after "
              "tick %llu\n",
              cli_group(runner.die_at_log_offset, a), (unsigned long long)runner.last_tick);
    json_t *event = cli_event("killed", "jitos.demo.killed/1");
    cli_put_number(event, "log_offset", runner.die_at_log_offset);
    cli_put_number(event, "tick", runner.last_tick);
    code = cli_emit(cli, event);
    if (code != CLI_OK) {
        return code;
    }
    struct runner again = runner_of(demo, 1, "recovered");
    code = runner_go(&again, NULL);
    if (code != CLI_OK) {
        return code;
    }
    demo->recovered = again.end;
    if (again.begin.torn_why[0] != '\0') {
        cli_print(cli, "   torn record: %llu bytes at byte %s of %s: %s; erased\n",
                  (unsigned long long)again.begin.torn_bytes, cli_group(again.begin.torn_offset, a),
                  again.begin.torn_file, again.begin.torn_why);
    } else {
        cli_print(cli, "   the cut fell behind the end of a record: nothing was torn\n");
    }
    head_of(&again.end.root, root);
    cli_print(cli,
              "4  started again: tick %llu recovered, every root compared, finished   root %s   "
              "%.1f s   %s\n",
              (unsigned long long)again.begin.tick, root, (double)again.wall_ns / 1e9,
              jit_id_equal(&again.end.root, &demo->whole.root) ? "IDENTICAL" : "DIFFERENT");
    return CLI_OK;
}

static int run_single(struct demo *demo, struct load_made *made)
{
    struct load_request request = request_of(demo, 1);
    struct load_facts facts;
    char world[13];
    int code = load_again(demo->cli, &request, made, &facts);
    struct runner runner = runner_of(demo, 2, "one worker");
    if (code == CLI_OK) {
        code = runner_go(&runner, made->collect);
    }
    if (code != CLI_OK) {
        return code;
    }
    demo->single = runner.end;
    head_of(&runner.end.world, world);
    cli_print(demo->cli, "5  one worker instead of %u: the same /world   world %s   %.1f s   %s\n",
              demo->workers, world, (double)runner.wall_ns / 1e9,
              jit_id_equal(&runner.end.world, &demo->whole.world) ? "IDENTICAL" : "DIFFERENT");
    return CLI_OK;
}

/* ---- the end ---- */

static int finish(struct demo *demo)
{
    struct cli *cli = demo->cli;
    char root[JIT_ID_HEX];
    char world[JIT_ID_HEX];
    char recovered[JIT_ID_HEX];
    bool identical = jit_id_equal(&demo->whole.root, &demo->recovered.root) &&
                     jit_id_equal(&demo->whole.world, &demo->recovered.world) &&
                     jit_id_equal(&demo->whole.world, &demo->single.world);
    jit_id_to_hex(&demo->whole.root, root);
    jit_id_to_hex(&demo->whole.world, world);
    jit_id_to_hex(&demo->recovered.root, recovered);
    cli_print(cli, "\n%s\n",
              identical ? "IDENTICAL" : "DIFFERENT: this is a bug, please report it");
    const char *self = cli_word(cli, cli->self);
    cli_print(cli,
              "Try   %s demo --keep DIR             keep the three data folders\n"
              "      %s log --data DIR/killed -n 5  what the last ticks did\n"
              "      %s run %s --ticks 50 --seed 2\n",
              self, self, self, cli_word(cli, demo->file));
    json_t *event = cli_event("done", "jitos.demo/1");
    cli_put_number(event, "ticks", demo->whole.tick);
    cli_put_number(event, "workers", demo->workers);
    cli_put_number(event, "applied", demo->whole.applied);
    cli_put_number(event, "denied", demo->whole.denied);
    cli_put_text(event, "root", root);
    cli_put_text(event, "world", world);
    cli_put_text(event, "recovered_root", recovered);
    cli_put_bool(event, "identical", identical);
    int code = cli_emit(cli, event);
    return code != CLI_OK ? code : identical ? CLI_OK : CLI_DIVERGED;
}

/* Each step is seen when it is done, by who reads through a pipe as well; the end of the program
 * reports what could not be written. */
static int shown(const struct demo *demo, int code)
{
    (void)fflush(demo->cli->env->out);
    return code;
}

static int steps(struct demo *demo)
{
    struct cli *cli = demo->cli;
    struct load_made made = {.collect = NULL};
    struct load_request request = request_of(demo, demo->workers);
    struct load_facts facts;
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    uint64_t begun = cli->env->clock->now_ns(cli->env->clock);
    int code = load_system(cli, &request, &made, &facts);
    if (code == CLI_OK) {
        cli_print(cli,
                  "1  the package graph this machine knows: %s nodes (%s only named), %s "
                  "relations   %.1f s\n",
                  cli_group(facts.nodes, a), cli_group(facts.virtual_nodes, b),
                  cli_group(facts.edges, c),
                  (double)(cli->env->clock->now_ns(cli->env->clock) - begun) / 1e9);
        json_t *event = cli_event("import", "jitos.demo.import/1");
        cli_put_number(event, "nodes", facts.nodes);
        cli_put_number(event, "virtual", facts.virtual_nodes);
        cli_put_number(event, "edges", facts.edges);
        code = shown(demo, cli_emit(cli, event));
    }
    if (code == CLI_OK) {
        code = shown(demo, run_whole(demo, made.collect));
    }
    if (code == CLI_OK) {
        code = shown(demo, run_killed(demo, made.collect));
    }
    if (code == CLI_OK) {
        code = run_single(demo, &made);
    }
    load_release(&made);
    return code;
}

int jitos_demo(struct cli *cli)
{
    static struct demo demo;
    demo = (struct demo){
        .cli = cli,
        .ticks = cli_number(cli, "ticks"),
        .seed = cli_number(cli, "seed"),
        .workers = (uint32_t)cli_number(cli, "workers"),
        .jobs = (unsigned)cli_number(cli, "jobs"),
    };
    int code = find_example(&demo);
    if (code == CLI_OK) {
        code = make_folders(&demo);
    }
    if (code != CLI_OK) {
        return code;
    }
    bool keep = cli_text(cli, "keep") != NULL;
    cli_note(cli, "private supervisors in %s (%s)", demo.base,
             keep ? "kept" : "removed at the end; --keep DIR keeps them");
    code = steps(&demo);
    if (code == CLI_OK) {
        code = finish(&demo);
    }
    if (!keep) {
        temporary_remove(&demo.temporary);
    }
    return code;
}
