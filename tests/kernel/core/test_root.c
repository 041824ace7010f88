/* Goal:   the first state of a system is that of docs/spec/root-graph.md, and the kernel reads out
 *         of it exactly what was put in; what does not follow the page is refused and named.
 * Method: the page's example compiled, made by the genesis patch and by loading it, compared with
 *         the hashes of the page; the configuration read back; broken root graphs by hand; every
 *         refused allocation. */
#include <stdio.h>

#include "base/hash.h"
#include "base/le.h"
#include "kernel/core/replay.h"
#include "kernel/core/root.h"
#include "kernel/core/root_priv.h"
#include "rmg/store/arena.h"
#include "syscall/abi.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tools/client/run/genesis.h"

#define ARENA_BYTES (4u << 20)

static struct fault_heap mem;
static struct jit_heap *heap;
static struct rmg_arena *arenas[2];
static struct kern_private_places places;
static struct rmg_store *store;
static struct rmg_collect *collect;
static char page[65536];

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    heap = &mem.heap;
    kern_private_places_init(&places);
    struct rmg_store_options options = {
        .arena_count = 2, .arena_of = kern_arena_of, .user = &places};
    for (size_t i = 0; i < 2; i++) {
        must(rmg_arena_new(heap, ARENA_BYTES, &arenas[i]));
        options.arenas[i] = arenas[i];
    }
    must(rmg_store_new(heap, &options, &store));
    must(rmg_collect_new(heap, store, &collect));
}

static void teardown(void)
{
    rmg_collect_free(collect);
    rmg_store_free(store);
    rmg_arena_free(heap, arenas[0]);
    rmg_arena_free(heap, arenas[1]);
    ck_assert_int_eq(mem.live, 0);
}

static void read_page(void)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    (void)snprintf(path, sizeof path, "%s/docs/spec/root-graph.md", top != NULL ? top : ".");
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no %s", path);
    size_t size = fread(page, 1, sizeof page - 1, file);
    ck_assert_uint_lt(size, sizeof page - 1);
    page[size] = '\0';
    (void)fclose(file);
}

/* The page's example, seed 7, into the collection. */
static void collect_example(void)
{
    static const char fence[] = "\n```\n";
    struct lang_system *system = NULL;
    struct jit_buf messages;
    char what[256];
    read_page();
    const char *at = strstr(page, "## Example");
    ck_assert(at != NULL);
    at = strstr(at, fence);
    ck_assert(at != NULL);
    at += sizeof fence - 1;
    const char *end = strstr(at, fence);
    ck_assert(end != NULL);
    jit_buf_init(&messages, heap, 1u << 16);
    enum jit_err err =
        lang_parse(heap, "page", (const uint8_t *)at, (size_t)(end - at) + 1, &system, &messages);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)messages.size, (const char *)messages.data);
    err = genesis_collect(system, 7, 0, collect, what, sizeof what);
    ck_assert_msg(err == JIT_OK, "%s", what);
    lang_system_free(heap, system);
    jit_buf_release(&messages);
}

static struct rmg_version load(void)
{
    struct rmg_version empty = rmg_version_empty();
    struct rmg_version made;
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    must(rmg_tx_begin(store, &empty, &tx));
    must(rmg_collect_load(collect, tx, &at));
    must(rmg_tx_seal(tx, &made));
    return made;
}

/* The page has a line "example WHAT = HEX". */
static void expect(const char *what, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    char line[128];
    jit_id_to_hex(id, hex);
    (void)snprintf(line, sizeof line, "\nexample %s = %s\n", what, hex);
    ck_assert_msg(strstr(page, line) != NULL, "docs/spec/root-graph.md has no line:%s", line);
}

static enum jit_err feed(void *user, const uint8_t *bytes, size_t size)
{
    return kern_replay_genesis_feed(user, bytes, size);
}

START_TEST(golden)
{
    struct kern_replay replay;
    struct jit_id at;
    collect_example();
    kern_replay_init(&replay, heap, store);
    must(kern_replay_genesis_begin(&replay));
    must(rmg_collect_patch(collect, feed, &replay, &at));
    must(kern_replay_genesis_end(&replay, NULL, NULL));
    expect("state_root", &replay.version.state_root);
    expect("commit", &replay.commit);
    kern_replay_release(&replay);
}
END_TEST

START_TEST(read_back)
{
    struct kern_config *config = NULL;
    const char *where = NULL;
    struct jit_id world;
    struct jit_id root_node;
    collect_example();
    struct rmg_version version = load();
    expect("state_root", &version.state_root);
    must(kern_config_read(heap, store, &version, &config, &where));
    ck_assert_uint_eq(config->seed, 7);
    ck_assert_uint_eq(config->language, 1);
    ck_assert_uint_eq(config->rule_count, 1);
    ck_assert_str_eq(config->rules[0]->name, "heal");
    ck_assert_uint_eq(config->process_count, 2);
    kern_place_id("/world", &world, &root_node);
    for (uint32_t i = 0; i < 2; i++) {
        const struct kern_process_config *process = &config->processes[i];
        ck_assert_str_eq(process->name, "w");
        ck_assert_uint_eq(process->index, i);
        ck_assert_uint_eq(process->count, 2);
        ck_assert(!process->exited);
        ck_assert_int_eq(process->policy.restart, KERN_RESTART_ON_FAILURE);
        ck_assert_uint_eq(process->policy.restarts, 5);
        ck_assert_uint_eq(process->policy.ticks, 100);
        ck_assert(!process->policy.then_stop);
        ck_assert(!process->policy.hang_kill);
        ck_assert_uint_eq(process->run_count, 1);
        ck_assert(jit_id_equal(&process->runs[0].rule_id, &config->rules[0]->id));
        ck_assert(jit_id_equal(&process->runs[0].instance, &world));
        ck_assert_uint_eq(process->capability_count, 2);
        ck_assert_uint_eq(process->capabilities[0].rights, SYS_RIGHT_MAP);
        ck_assert_uint_eq(process->capabilities[1].rights, SYS_RIGHT_INVOKE);
        ck_assert_uint_eq(process->capabilities[1].slot, 1);
        ck_assert_uint_eq(process->capabilities[1].generation, 1);
        ck_assert_uint_eq(process->capabilities[1].limit, 100);
        struct jit_id digest;
        must(rmg_params_check(config->rules[0], process->runs[0].params,
                              process->runs[0].params_size, &digest));
        ck_assert(jit_id_equal(&process->capabilities[1].params_digest, &digest));
    }
    kern_config_free(heap, config);
}
END_TEST

static void refused(const char *why)
{
    struct kern_config *config = NULL;
    const char *where = NULL;
    struct rmg_version version = load();
    ck_assert_int_eq(kern_config_read(heap, store, &version, &config, &where), JIT_EINVALID);
    ck_assert(config == NULL);
    ck_assert_str_eq(where, why);
}

START_TEST(no_places)
{
    struct kern_config *config = NULL;
    const char *where = NULL;
    struct rmg_version version = rmg_version_empty();
    ck_assert_int_eq(kern_config_read(heap, store, &version, &config, &where), JIT_EINVALID);
    ck_assert_str_eq(where, "one of the instances /, /schema, /sys, /sec, /proc is missing");
}
END_TEST

START_TEST(no_seed)
{
    struct jit_id instance;
    for (int place = 0; place < KERN_PLACE_COUNT; place++) {
        must(rmg_collect_path(collect, kern_place_path((enum kern_place)place), &instance));
    }
    refused("/sys has no atom `seed` of type u64");
}
END_TEST

START_TEST(bad_program)
{
    static const uint8_t program[] = {1, 2, 3};
    must(kern_root_begin(collect, 1));
    must(kern_root_rule(collect, "r", "text", 4, program, sizeof program));
    refused("a rule's program in /sys does not verify");
}
END_TEST

START_TEST(another_rules_id)
{
    struct rmg_rule_element element = {0};
    struct rmg_rule rule = {.name = "good", .elements = &element, .element_count = 1};
    struct jit_buf buf;
    jit_buf_init(&buf, heap, JIT_PROGRAM_BYTES_MAX);
    must(rmg_rule_encode(&rule, &buf));
    must(kern_root_begin(collect, 1));
    must(kern_root_rule(collect, "other", "text", 4, buf.data, buf.size));
    jit_buf_release(&buf);
    refused("a rule in /sys lies under another rule's id");
}
END_TEST

START_TEST(a_member_past_the_last)
{
    must(kern_root_begin(collect, 1));
    struct kern_policy usual = kern_policy_usual();
    must(kern_root_process(collect, "w", 2, 2, NULL, 0, NULL, 0, &usual));
    refused("the program of a process in /proc does not follow the specification");
}
END_TEST

/* ---- owners ---- */

/* A capability of w, and something that it owns: a rule or an instance that is there, or not. */
static void owned(const char *type, const char *text)
{
    static const struct kern_root_capability cap = {.rights = SYS_RIGHT_WRITE};
    const struct kern_policy usual = kern_policy_usual();
    struct jit_id process;
    struct jit_id object;
    struct jit_id held;
    must(kern_root_begin(collect, 1));
    must(kern_root_process(collect, "w", 0, 1, NULL, 0, NULL, 0, &usual));
    jit_hash_named("node:", "/proc/w/0", 9, &process);
    must(kern_root_capability(collect, "w", 0, &process, &cap));
    kern_capability_id("w", 0, 0, &held);
    jit_hash_named(strcmp(type, "rule") == 0 ? "rule:" : "warp:", text, strlen(text), &object);
    must(kern_root_owned(collect, type, &object, &held));
}

START_TEST(an_owner_of_nothing) /* _i */
{
    static const char *const rows[][3] = {
        {"rule", "gone", "/sec names the owner of a rule that is not in /sys"},
        {"rule", "/world", "/sec names the owner of a rule that is not in /sys"},
        {"instance", "/world/gone", "/sec names the owner of an instance that is not there"}};
    owned(rows[_i][0], rows[_i][1]);
    refused(rows[_i][2]);
}
END_TEST

START_TEST(an_owner_of_what_is_there)
{
    struct kern_config *config = NULL;
    const char *where = NULL;
    owned("instance", "/world");
    struct rmg_version version = load();
    ck_assert_msg(kern_config_read(heap, store, &version, &config, &where) == JIT_OK, "%s", where);
    ck_assert_uint_eq(config->owner_count, 1);
    kern_config_free(heap, config);
}
END_TEST

/* ---- policies ---- */

static const struct jit_id *one_process(const struct kern_policy *policy)
{
    static struct jit_id id;
    must(kern_root_begin(collect, 1));
    must(kern_root_process(collect, "w", 0, 1, NULL, 0, NULL, 0, policy));
    jit_hash_named("node:", "/proc/w/0", 9, &id);
    return &id;
}

START_TEST(policies_read_back)
{
    static const struct kern_policy policy = {
        KERN_RESTART_ALWAYS, 1000, 1000000, true, true, 86400, 8, false, {100, 2000, UINT64_MAX}};
    struct kern_config *config = NULL;
    const char *where = NULL;
    one_process(&policy);
    struct rmg_version version = load();
    must(kern_config_read(heap, store, &version, &config, &where));
    const struct kern_policy *got = &config->processes[0].policy;
    ck_assert_int_eq(got->restart, KERN_RESTART_ALWAYS);
    ck_assert_uint_eq(got->restarts, 1000);
    ck_assert_uint_eq(got->ticks, 1000000);
    ck_assert(got->then_stop && got->hang_kill);
    ck_assert_uint_eq(got->hang_seconds, 86400);
    ck_assert_uint_eq(got->keep, 8);
    ck_assert_uint_eq(got->graph.nodes, 100);
    ck_assert_uint_eq(got->graph.edges, 2000);
    ck_assert_uint_eq(got->graph.bytes, UINT64_MAX);
    kern_config_free(heap, config);
}
END_TEST

/* The three forms of the atom: with neither word, with `keep`, with `replay rerun`. */
START_TEST(policies_forms) /* _i */
{
    static const struct {
        struct kern_policy policy;
        uint32_t words[15];
        uint32_t count;
    } rows[] = {
        {{KERN_RESTART_NEVER, 0, 0, true, false, 3, 1, false, RMG_AMOUNT_ANY},
         {1, 1, 0, 0, 1, 0, 3},
         7},
        {{KERN_RESTART_ON_FAILURE, 5, 100, false, false, 0, 2, false, RMG_AMOUNT_ANY},
         {2, 0, 5, 100, 0, 0, 0, 2},
         8},
        {{KERN_RESTART_ALWAYS, 1, 1, false, true, 0, 64, false, RMG_AMOUNT_ANY},
         {2, 2, 1, 1, 0, 1, 0, 64},
         8},
        {{KERN_RESTART_ON_FAILURE, 5, 100, false, false, 0, 1, true, RMG_AMOUNT_ANY},
         {3, 0, 5, 100, 0, 0, 0, 1, 1},
         9},
        {{KERN_RESTART_ALWAYS, 9, 8, true, true, 7, 64, true, RMG_AMOUNT_ANY},
         {3, 2, 9, 8, 1, 1, 7, 64, 1},
         9},
        {{KERN_RESTART_ALWAYS, 9, 8, true, true, 7, 1, true, {1, 0, UINT64_MAX - 1}},
         {4, 2, 9, 8, 1, 1, 7, 1, 1, 1, 0, 0, 0, -2u, -1u},
         15},
    };
    struct kern_policy got;
    struct jit_buf buf;
    uint8_t bytes[60];
    for (uint32_t i = 0; i < rows[_i].count; i++) {
        jit_put_le32(bytes + (size_t)i * 4, rows[_i].words[i]);
    }
    jit_buf_init(&buf, heap, 64);
    kern_policy_encode(&rows[_i].policy, &buf);
    ck_assert_int_eq(buf.err, JIT_OK);
    ck_assert_uint_eq(buf.size, 4u * rows[_i].count);
    ck_assert_mem_eq(buf.data, bytes, buf.size);
    must(kern_policy_decode(bytes, buf.size, &got));
    const struct kern_policy *wanted = &rows[_i].policy;
    ck_assert(got.restart == wanted->restart && got.restarts == wanted->restarts &&
              got.ticks == wanted->ticks && got.then_stop == wanted->then_stop &&
              got.hang_kill == wanted->hang_kill && got.hang_seconds == wanted->hang_seconds &&
              got.keep == wanted->keep && got.rerun == wanted->rerun);
    ck_assert_mem_eq(&got.graph, &wanted->graph, sizeof got.graph);
    for (size_t size = 0; size < buf.size; size++) { /* every part of it */
        ck_assert_int_eq(kern_policy_decode(bytes, size, &got), JIT_EFORMAT);
    }
    jit_buf_put_u32(&buf, 0);
    ck_assert_int_eq(kern_policy_decode(buf.data, buf.size, &got), JIT_EFORMAT);
    jit_buf_release(&buf);
}
END_TEST

/* Not what the page says, or not the one way to say it: the words of the atom, u32 each. */
START_TEST(policies_refused) /* _i */
{
    static const struct {
        uint32_t words[16];
        uint32_t count;
    } rows[] = {
        {{2, 1, 0, 0, 0, 0, 0}, 7},       /* another version */
        {{1, 3, 5, 100, 0, 0, 0}, 7},     /* no such word */
        {{1, 1, 5, 100, 0, 0, 0}, 7},     /* never, five times */
        {{1, 1, 0, 7, 0, 0, 0}, 7},       /* never, in seven ticks */
        {{1, 2, 0, 100, 0, 0, 0}, 7},     /* always, not once */
        {{1, 2, 5, 0, 0, 0, 0}, 7},       /* always, in no tick */
        {{1, 2, 1001, 100, 0, 0, 0}, 7},  /* one past the limits */
        {{1, 2, 5, 1000001, 0, 0, 0}, 7}, /* */
        {{1, 2, 5, 100, 0, 0, 86401}, 7}, /* */
        {{1, 2, 5, 100, 2, 0, 0}, 7},     /* no bool */
        {{1, 2, 5, 100, 0, 2, 0}, 7},     /* */
        {{1, 0, 5, 100, 0, 0, 0}, 7},     /* the usual ones have no atom */
        {{1, 2, 5, 100, 0, 0}, 6},        /* too short */
        {{1, 2, 5, 100, 0, 0, 0, 0}, 8},  /* too long */
        {{2, 0, 5, 100, 0, 0, 0, 0}, 8},  /* none is kept */
        {{2, 0, 5, 100, 0, 0, 0, 1}, 8},  /* one is kept without a word */
        {{2, 0, 5, 100, 0, 0, 0, 65}, 8}, /* one past the limit */
        {{2, 0, 5, 100, 0, 0, 0, 1000000}, 8},
        {{2, 0, 5, 100, 0, 0, 0, 2, 1}, 9},                    /* `rerun` is another form */
        {{3, 0, 5, 100, 0, 0, 0, 0, 1}, 9},                    /* none is kept */
        {{3, 0, 5, 100, 0, 0, 0, 65, 1}, 9},                   /* one past the limit */
        {{3, 0, 5, 100, 0, 0, 0, 1, 0}, 9},                    /* it is not run again */
        {{3, 0, 5, 100, 0, 0, 0, 2, 2}, 9},                    /* no bool */
        {{3, 0, 5, 100, 0, 0, 0, 1}, 8},                       /* too short */
        {{3, 1, 5, 0, 0, 0, 0, 1, 1}, 9},                      /* never, five times */
        {{3, 0, 5, 100, 0, 0, 0, 1, 1, 0}, 10},                /* too long */
        {{5, 0, 5, 100, 0, 0, 0, 1, 1}, 9},                    /* a form that does not exist */
        {{4, 2, 5, 100, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0}, 15}, /* no node: its graph has a root */
        {{4, 2, 5, 100, 0, 0, 0, 1, 0, -1u, -1u, -1u, -1u, -1u, -1u}, 15}, /* bounds nothing */
        {{4, 2, 5, 100, 0, 0, 0, 1, 2, 1, 0, 1, 0, 1, 0}, 15},             /* no bool */
        {{4, 2, 5, 100, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0}, 15},             /* keeps nothing */
        {{4, 2, 5, 100, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1}, 14},                /* too short */
    };
    struct kern_policy usual = kern_policy_usual();
    const struct jit_id *id = one_process(&usual);
    struct jit_id instance;
    struct jit_id root_node;
    uint8_t bytes[64];
    ck_assert_uint_lt((unsigned)_i, sizeof rows / sizeof *rows);
    for (uint32_t i = 0; i < rows[_i].count; i++) {
        jit_put_le32(bytes + (size_t)i * 4, rows[_i].words[i]);
    }
    kern_place_id("/proc", &instance, &root_node);
    struct rmg_datum datum = {.codec = RMG_CODEC_BYTES, .bytes = bytes, .size = 4 * rows[_i].count};
    must(rmg_collect_datum(collect, &instance, RMG_PLANE_ALPHA, id, "policies", &datum));
    refused("the atom `policies` of a process in /proc does not follow the specification");
}
END_TEST

START_TEST(no_memory)
{
    collect_example();
    struct rmg_version version = load();
    int64_t refusals = 0;
    for (bool done = false; !done; refusals++) {
        struct kern_config *config = NULL;
        const char *where = NULL;
        int64_t live = mem.live;
        mem.refuse_at = mem.calls + refusals;
        enum jit_err err = kern_config_read(heap, store, &version, &config, &where);
        mem.refuse_at = -1;
        done = err == JIT_OK;
        ck_assert(done || err == JIT_ENOMEM);
        kern_config_free(heap, config);
        ck_assert_int_eq(mem.live, live);
    }
    ck_assert_int_gt(refusals, 5);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "root", 10);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, golden);
    tcase_add_test(t, read_back);
    tcase_add_test(t, no_places);
    tcase_add_test(t, no_seed);
    tcase_add_test(t, bad_program);
    tcase_add_test(t, another_rules_id);
    tcase_add_test(t, a_member_past_the_last);
    tcase_add_loop_test(t, an_owner_of_nothing, 0, 3);
    tcase_add_test(t, an_owner_of_what_is_there);
    tcase_add_test(t, policies_read_back);
    tcase_add_loop_test(t, policies_forms, 0, 6);
    tcase_add_loop_test(t, policies_refused, 0, 32);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("root", suite)
