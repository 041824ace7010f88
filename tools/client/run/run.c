#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/client/run/runner.h"
#include "tools/client/temporary.h"

static const char *const durabilities[] = {"tick", "group", "none", NULL};

const struct cli_option jitos_run_options[] = {
    CLI_OPTION(CLI_NUMBER, "ticks", 't', "N",
               "the tick to reach; a folder that is there already ends at once", .fallback = "100"),
    CLI_OPTION(CLI_NUMBER, "seed", 's', "S",
               "of every draw and order; the same seed gives the same run", .fallback = "1"),
    CLI_OPTION(CLI_LIST, "param", 'p', "K=V",
               "another value for a parameter than FILE says: p=0.3, or infect.p=0.3"),
    CLI_OPTION(CLI_TEXT, "data", 'd', "DIR",
               "the data folder; without it a temporary one, removed at the end"),
    CLI_OPTION(CLI_NUMBER, "jobs", 'j', "N", "engine threads; never changes a hash",
               .fallback = "1", .min = 1, .max = 256),
    CLI_OPTION(CLI_CHOICE, "durability", 0, "MODE",
               "when a tick counts as done: tick (on the disk, at once), group (on the disk, "
               "with others), none (the disk is not waited for)",
               .fallback = "tick", .choices = durabilities),
    CLI_OPTION(CLI_TEXT, "guests", 0, "PATH",
               "let in whoever shows a token, through a socket made there (jitos cap submit)"),
    CLI_OPTION(CLI_NUMBER, "hang-wall", 0, "SECONDS",
               "a worker that takes longer for a tick hangs: exit 7, or its policy (default 60)",
               .max = 86400),
    CLI_OPTION(CLI_FLAG, "dry-run", 0, NULL,
               "run nothing: say which runs of FILE would be denied, and why; exit 1 if any"),
    CLI_OPTION(CLI_NUMBER, "die-at-log-offset", 0, "B",
               "for tests: the supervisor dies in the middle of the log write that reaches byte B"),
    {.name = NULL},
};

/* ---- what the folder's system was made from ---- */

/* SOURCE in the data folder: hashes of the file and the genesis, so that another file, input or
 * seed on an existing folder is named. It is written by who holds the folder, before the genesis is
 * sent; a folder whose genesis was not durable is fresh and gets a new one. */
struct source {
    struct jit_id file;
    struct jit_id genesis;
    uint64_t seed;
};

static bool read_source(const char *data, struct source *out)
{
    char path[4300];
    char file[JIT_ID_HEX];
    char genesis[JIT_ID_HEX];
    unsigned long long seed = 0;
    snprintf(path, sizeof path, "%.4200s/SOURCE", data);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return false;
    }
    int got = fscanf(stream, "file %64s\ngenesis %64s\nseed %llu\n", file, genesis, &seed);
    fclose(stream);
    out->seed = seed;
    return got == 3 && jit_id_from_hex(file, strlen(file), &out->file) == JIT_OK &&
           jit_id_from_hex(genesis, strlen(genesis), &out->genesis) == JIT_OK;
}

static int write_source(struct cli *cli, const char *data, const struct source *source)
{
    char path[4300];
    char temporary[4310];
    char file[JIT_ID_HEX];
    char genesis[JIT_ID_HEX];
    snprintf(path, sizeof path, "%.4200s/SOURCE", data);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    jit_id_to_hex(&source->file, file);
    jit_id_to_hex(&source->genesis, genesis);
    FILE *stream = fopen(temporary, "we");
    bool done = stream != NULL && fprintf(stream, "file %s\ngenesis %s\nseed %llu\n", file, genesis,
                                          (unsigned long long)source->seed) > 0;
    done = stream != NULL && fflush(stream) == 0 && fsync(fileno(stream)) == 0 && done;
    if (stream != NULL && fclose(stream) != 0) {
        done = false;
    }
    if (!done || rename(temporary, path) != 0) {
        cli_what(cli, "%s cannot be written", path);
        cli_why(cli, "%s", strerror(errno));
        return errno == ENOSPC ? CLI_HOST : CLI_USAGE;
    }
    return CLI_OK;
}

static int other(struct cli *cli, const char *data, const char *what)
{
    cli_what(cli, "%s was made from another %s", data, what);
    cli_why(cli, "a run goes on with what it began with; its history could not be repeated else");
    cli_next(cli, "leave FILE and --seed out to go on, or name a new folder with --data");
    return CLI_USAGE;
}

/* An existing folder: does it come from the same file, inputs and seed? */
static int compare_source(struct cli *cli, const char *data, const struct source *now,
                          bool seed_given)
{
    struct source then;
    if (!read_source(data, &then)) {
        return CLI_OK; /* made by other means: runner_go compares the genesis itself */
    }
    if (!jit_id_equal(&then.file, &now->file)) {
        return other(cli, data, "system file");
    }
    if (seed_given && then.seed != now->seed) {
        return other(cli, data, "seed");
    }
    if (then.seed == now->seed && !jit_id_equal(&then.genesis, &now->genesis)) {
        return other(cli, data, "input (what the system file imports, or a --param, has changed)");
    }
    return CLI_OK;
}

/* ---- the folder ---- */

static int make_folder(struct cli *cli, const char *data)
{
    if (mkdir(data, 0700) != 0 && errno != EEXIST) {
        cli_what(cli, "the data folder %s cannot be made", data);
        cli_why(cli, "%s", strerror(errno));
        cli_next(cli, "jitos run FILE --ticks N --data OTHER");
        return errno == ENOSPC ? CLI_HOST : CLI_USAGE;
    }
    return CLI_OK;
}

static int temporary_folder(struct cli *cli, struct temporary *folder)
{
    if (cli->operand_count == 0) {
        cli_what(cli, "nothing to run");
        cli_why(cli, "a run needs a system file, or a data folder to go on in");
        cli_next(cli, "jitos run FILE --ticks 100");
        return CLI_USAGE;
    }
    if (!temporary_make(folder, cli->env->get("TMPDIR"), "jitos")) {
        cli_what(cli, "no temporary folder %s", folder->path);
        cli_why(cli, "%s", strerror(errno));
        cli_next(cli, "jitos run FILE --ticks N --data DIR");
        return CLI_HOST;
    }
    cli_note(cli, "no --data: using %s, removed at the end", folder->path);
    return CLI_OK;
}

/* ---- the end ---- */

static bool hung(const struct session_deviation *deviation)
{
    return strcmp(deviation->what, "hung") == 0;
}

static void print_deviations(struct cli *cli, const struct session_status *end)
{
    for (uint32_t i = 0; i < end->deviation_count; i++) {
        const struct session_deviation *d = &end->deviations[i];
        cli_print(cli, "note   tick %llu: %s %s\n", (unsigned long long)d->tick, d->process,
                  hung(d) ? "hung and was killed; the tick was made without it"
                          : "died and is not started again");
    }
    if (!end->deterministic) {
        cli_print(cli, "note   so this run is not deterministic: its log repeats it, another run "
                       "need not\n");
    }
}

static void put_deviations(json_t *event, const struct session_status *end)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < end->deviation_count; i++) {
        const struct session_deviation *d = &end->deviations[i];
        json_t *item = json_object();
        cli_put_number(item, "tick", d->tick);
        cli_put_text(item, "process", d->process);
        cli_put_text(item, "what", d->what);
        if (json_array_append_new(list, item) != 0) {
            json_decref(
                list); /* no memory: without a list the event is not sent, and that is said */
            list = NULL;
            break;
        }
    }
    cli_put(event, "deviations", list);
}

static int report(struct cli *cli, const struct runner *runner)
{
    const struct session_status *end = &runner->end;
    char root[JIT_ID_HEX];
    char world[JIT_ID_HEX];
    char head[JIT_ID_HEX];
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    jit_id_to_hex(&end->root, root);
    jit_id_to_hex(&end->world, world);
    jit_id_to_hex(&end->head, head);
    cli_print(cli, "done   %s ticks: %s requests applied, %s denied\n", cli_group(end->tick, a),
              cli_group(end->applied, b), cli_group(end->denied, c));
    cli_print(cli, "root   %s\nworld  %s\nhead   %s\n", root, world, head);
    print_deviations(cli, end);
    if (runner->temporary) {
        cli_print(cli, "repeat %s run %s --ticks %llu --seed %llu", cli->self, cli->operands[0],
                  (unsigned long long)end->tick, (unsigned long long)end->seed);
        const char *set = NULL;
        for (uint32_t i = 0; (set = cli_list(cli, "param", i)) != NULL; i++) {
            cli_print(cli, " --param '%s'", set);
        }
        cli_print(cli, "\n");
    } else {
        cli_print(cli, "repeat %s replay --data %s --verify\n", cli_word(cli, cli->self),
                  cli_word(cli, runner->data));
    }
    json_t *event = json_object(); /* these keys and no others: other programs rely on it; of a
                                    * run that is not deterministic `deviations` as well */
    cli_put_text(event, "event", "done");
    cli_put_number(event, "ticks", end->tick);
    cli_put_text(event, "root", root);
    cli_put_text(event, "world", world);
    cli_put_text(event, "head", head);
    cli_put_number(event, "applied", end->applied);
    cli_put_number(event, "denied", end->denied);
    cli_put_bool(event, "deterministic", end->deterministic);
    if (!end->deterministic) {
        put_deviations(event, end);
    }
    return cli_emit(cli, event);
}

static int keep_source(const struct runner *runner)
{
    return write_source(runner->cli, runner->data, runner->user);
}

#define PARAMS_MAX 64u

static int load_and_compare(struct cli *cli, const char *data, bool exists, struct load_made *made,
                            struct source *source)
{
    struct load_facts facts;
    const char *set[PARAMS_MAX];
    struct load_request request = {
        .file = cli->operands[0], .seed = cli_number(cli, "seed"), .set = set};
    while (request.set_count < PARAMS_MAX &&
           cli_list(cli, "param", (uint32_t)request.set_count) != NULL) {
        set[request.set_count] = cli_list(cli, "param", (uint32_t)request.set_count);
        request.set_count++;
    }
    if (exists && !cli_given(cli, "seed")) {
        struct source then;
        if (read_source(data, &then)) {
            request.seed = then.seed;
        }
    }
    int code = load_system(cli, &request, made, &facts);
    *source = (struct source){.file = facts.file_hash, .seed = request.seed};
    if (code == CLI_OK) {
        code = runner_genesis_id(cli, made->collect, &source->genesis);
    }
    if (code == CLI_OK && exists) {
        code = compare_source(cli, data, source, cli_given(cli, "seed"));
    } else if (code == CLI_OK) {
        code = make_folder(cli, data);
    }
    return code;
}

int jitos_run(struct cli *cli)
{
    struct temporary folder;
    const char *data = cli_text(cli, "data");
    bool temporary = data == NULL;
    struct load_made made = {.collect = NULL};
    struct source source = {.seed = 0};
    int code = CLI_OK;
    if (cli_given(cli, "dry-run")) {
        return jitos_dry_run(cli);
    }
    if (temporary) {
        code = temporary_folder(cli, &folder);
        if (code != CLI_OK) {
            return code;
        }
        data = folder.path;
    }
    bool exists = history_begun(data);
    if (cli->operand_count > 0) {
        code = load_and_compare(cli, data, exists, &made, &source);
    } else if (!exists && access(data, F_OK) != 0) {
        cli_what(cli, "%s has no system yet", data);
        cli_why(cli, "the folder is new, or its first start did not finish");
        cli_next(cli, "jitos run FILE --data %s --ticks N", data);
        code = CLI_USAGE;
    } else if (exists && cli_given(cli, "seed")) {
        struct source then;
        if (read_source(data, &then) && then.seed != cli_number(cli, "seed")) {
            code = other(cli, data, "seed");
        }
    }
    struct runner runner = {
        .cli = cli,
        .data = data,
        .jobs = (unsigned)cli_number(cli, "jobs"),
        .durability = cli_text(cli, "durability"),
        .die_at_log_offset =
            cli_given(cli, "die-at-log-offset") ? cli_number(cli, "die-at-log-offset") : UINT64_MAX,
        .hang_wall_s = cli_number(cli, "hang-wall"),
        .guests = cli_text(cli, "guests"),
        .genesis = made.collect != NULL ? &source.genesis : NULL,
        .on_fresh = made.collect != NULL ? keep_source : NULL,
        .user = &source,
        .ticks = cli_number(cli, "ticks"),
        .label = "run",
        .temporary = temporary,
    };
    if (code == CLI_OK) {
        code = runner_go(&runner, made.collect);
    }
    load_release(&made);
    if (code == CLI_OK && runner.died) {
        cli_note(cli, "the supervisor died as it was told; run again to go on");
        code = 128 + 9;
    } else if (code == CLI_OK) {
        code = report(cli, &runner);
    }
    if (temporary) {
        temporary_remove(&folder);
    }
    return code;
}
