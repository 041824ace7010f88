/* Merges of ten changes a side, in one store; and for the record what git takes for the same with a
 * file a node: `git diff --raw` and `git merge-tree --write-tree`, each with the start of its
 * process. Where there is no such git, a line says so. */
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/random.h"
#include "rmg/store/codec.h"
#include "rmg/change/merge.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define CHANGES  10u
#define RUNS     201u
#define GIT_RUNS 11u
#define GIT_MAX  100000u

/* ---- here ---- */

struct forest {
    uint64_t n;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct jit_id instance;
};

static struct rmg_attachment state_of(uint8_t bytes[8], uint64_t value)
{
    jit_put_le64(bytes, value);
    return (struct rmg_attachment){
        "state", 5, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
}

static void forest_begin(struct forest *forest, uint64_t n)
{
    struct rmg_bulk bulk = {.nodes = calloc(n, sizeof *bulk.nodes),
                            .node_count = n,
                            .edges = calloc(n, sizeof *bulk.edges),
                            .edge_count = n - 1,
                            .attachments = calloc(n, sizeof *bulk.attachments),
                            .attachment_count = n};
    static uint8_t zero[8];
    struct rmg_tx *tx = NULL;
    assert(bulk.nodes != NULL && bulk.edges != NULL && bulk.attachments != NULL);
    *forest = (struct forest){.n = n, .instance = bench_id("warp:", 0)};
    for (uint64_t i = 0; i < n; i++) {
        bulk.nodes[i] = (struct rmg_bulk_node){bench_id("node:", i), bench_id("type:", 0)};
        bulk.attachments[i] =
            (struct rmg_bulk_attachment){bulk.nodes[i].id, RMG_PLANE_ALPHA, state_of(zero, 0)};
        if (i > 0) {
            bulk.edges[i - 1] = (struct rmg_edge){bench_id("edge:", i), bulk.nodes[(i - 1) / 2].id,
                                                  bulk.nodes[i].id, bench_id("type:", 1)};
        }
    }
    must(rmg_arena_new(jit_heap_libc(), (n + 1000) * 2000, &forest->arena));
    struct rmg_store_options options = {.arenas = {forest->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &forest->store));
    forest->version = rmg_version_empty();
    const struct jit_id root = bulk.nodes[0].id;
    must(rmg_tx_begin(forest->store, &forest->version, &tx));
    must(rmg_tx_upsert_instance(tx, &forest->instance, &root, NULL));
    must(rmg_tx_load(tx, &forest->instance, &bulk));
    must(rmg_tx_seal(tx, &forest->version));
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

static void forest_end(struct forest *forest)
{
    rmg_store_free(forest->store);
    rmg_arena_free(jit_heap_libc(), forest->arena);
}

static void set(struct forest *forest, const uint64_t *nodes, uint64_t value)
{
    uint8_t bytes[8];
    struct rmg_attachment state = state_of(bytes, value);
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(forest->store, &forest->version, &tx));
    for (unsigned i = 0; i < CHANGES; i++) {
        struct jit_id id = bench_id("node:", nodes[i]);
        must(rmg_tx_set_attachment(tx, &forest->instance, RMG_PLANE_ALPHA, &id, &state));
    }
    must(rmg_tx_seal(tx, &forest->version));
}

/* Ours: ten changes of the base. Theirs, in the same store: those undone, and ten others. */
static double merge_once(struct forest *forest, struct jit_random *random, uint64_t run)
{
    struct rmg_merge_options options = {.heap = jit_heap_libc(), .strategy = RMG_SIDE_NONE};
    struct rmg_merge_result result;
    struct rmg_state state[3];
    uint64_t nodes[2][CHANGES];
    for (unsigned i = 0; i < CHANGES; i++) {
        /* even numbers and odd ones, so that no node is changed twice */
        nodes[0][i] = jit_random_below(random, forest->n / 2) * 2;
        nodes[1][i] = jit_random_below(random, forest->n / 2) * 2 + 1;
    }
    for (int side = 0; side < 3; side++) {
        if (side > 0) {
            set(forest, nodes[side - 1], run + 1);
        }
        state[side] = (struct rmg_state){forest->store, forest->version};
        must(rmg_store_pin(forest->store, &forest->version));
        if (side == 1) {
            set(forest, nodes[0], 0);
        }
    }
    uint64_t before = bench_now_ns();
    must(rmg_merge(&options, &state[0], &state[1], &state[2], &result));
    double spent = (double)(bench_now_ns() - before);
    assert(result.conflict_count == 0);
    assert(result.operations > CHANGES && result.operations <= 2 * CHANGES);
    rmg_merge_result_release(&result);
    for (int side = 0; side < 3; side++) {
        rmg_store_unpin(forest->store, &state[side].version);
    }
    set(forest, nodes[1], 0);
    return spent;
}

static void merge10(const struct bench *bench, uint64_t n)
{
    double samples[RUNS];
    struct jit_random random = jit_random_of(n);
    struct forest forest;
    forest_begin(&forest, n);
    for (size_t i = 0; i < RUNS; i++) {
        samples[i] = merge_once(&forest, &random, i);
    }
    bench_report(bench, "merge10", n, samples, RUNS);
    forest_end(&forest);
}

/* ---- git ---- */

extern char **environ;

static int run(char *const *argv, const char *input)
{
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, input == NULL ? "/dev/null" : input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0 || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_file(FILE *to, uint64_t node, uint64_t value)
{
    const struct jit_id id = bench_id("node:", node);
    char hex[JIT_ID_HEX];
    char text[32];
    jit_id_to_hex(&id, hex);
    int size = snprintf(text, sizeof text, "%llu\n", (unsigned long long)value);
    fprintf(to, "M 100644 inline %.2s/%.2s/%s\ndata %d\n%s", hex, hex + 2, hex, size, text);
}

static void put_commit(FILE *to, const char *name, const char *from)
{
    fprintf(to, "commit refs/heads/%s\ncommitter a <a> 0 +0000\ndata 0\n", name);
    if (from != NULL) {
        fprintf(to, "from refs/heads/%s\n", from);
    }
}

static int write_repository(const char *folder, uint64_t n)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/stream", folder);
    FILE *to = fopen(path, "w");
    if (to == NULL) {
        return -1;
    }
    put_commit(to, "base", NULL);
    for (uint64_t i = 0; i < n; i++) {
        put_file(to, i, 0);
    }
    for (uint64_t side = 0; side < 2; side++) {
        put_commit(to, side == 0 ? "ours" : "theirs", "base");
        for (uint64_t i = 0; i < CHANGES; i++) {
            put_file(to, (i * 7919 % (n / 2)) * 2 + side, 1);
        }
    }
    fprintf(to, "done\n");
    int failed = ferror(to);
    failed = fclose(to) != 0 || failed != 0;
    char *const init[] = {"git", "init", "-q", "--bare", (char *)(uintptr_t)folder, NULL};
    char *const import[] = {"git", "-C", (char *)(uintptr_t)folder, "fast-import", "--quiet", NULL};
    return failed || run(init, NULL) != 0 ? -1 : run(import, path);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static void measure(const struct bench *bench, const char *name, uint64_t n, char *const *argv)
{
    double samples[GIT_RUNS];
    for (size_t i = 0; i < GIT_RUNS && bench_wants(bench, name, n); i++) {
        uint64_t before = bench_wall_ns();
        int code = run(argv, NULL);
        samples[i] = (double)(bench_wall_ns() - before);
        if (code != 0) {
            printf("{\"name\":\"%s\",\"n\":%llu,\"not_available\":\"git exits with %d\"}\n", name,
                   (unsigned long long)n, code);
            return;
        }
    }
    bench_report(bench, name, n, samples, GIT_RUNS);
}

static void git(const struct bench *bench, uint64_t n)
{
    const char *temp = getenv("TMPDIR");
    char folder[4096];
    snprintf(folder, sizeof folder, "%.4000s/bench-git-XXXXXX", temp == NULL ? "/tmp" : temp);
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return;
    }
    char *const diff[] = {"git", "-C", folder, "diff", "--raw", "base", "ours", NULL};
    char *const merge[] = {"git",          "-C",   folder,   "merge-tree",
                           "--write-tree", "ours", "theirs", NULL};
    if (write_repository(folder, n) == 0) {
        measure(bench, "git_diff", n, diff);
        measure(bench, "git_merge", n, merge);
    } else {
        printf("{\"name\":\"git_merge\",\"n\":%llu,\"not_available\":\"no git, or no space\"}\n",
               (unsigned long long)n);
    }
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void bench_merge(const struct bench *bench)
{
    static const uint64_t sizes[] = {1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint64_t n = sizes[i];
        if (bench_wants(bench, "merge10", n)) {
            merge10(bench, n);
        }
        if (n <= GIT_MAX &&
            (bench_wants(bench, "git_merge", n) || bench_wants(bench, "git_diff", n))) {
            git(bench, n);
        }
    }
}
