/* Goal:   each binary format has a corpus to begin with: `make fuzz-seeds` writes it.
 * Method: what the encoders write of small things, a file a thing, into fuzz/corpus under
 *         $top_srcdir. The same bytes each time, so a change of a format shows as a difference. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/core/record.h"
#include "kernel/hub/hub_msg.h"
#include "kernel/log/log_priv.h"
#include "rmg/lang/lang.h"
#include "sws/home.h"
#include "syscall/boot.h"
#include "syscall/decode.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"
#include "tests/lib/sample_rules.h"

#define SEGMENT     16384u
#define PROGRAM_MAX 4096u

/* how: the first byte of the file; -1: none. */
static void store(const char *target, const char *name, int how, const void *bytes, size_t size)
{
    char path[512];
    const char *top = getenv("top_srcdir");
    uint8_t first = (uint8_t)how;
    int length =
        snprintf(path, sizeof path, "%s/fuzz/corpus/%s/%s", top == NULL ? "." : top, target, name);
    ck_assert(length > 0 && (size_t)length < sizeof path);
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "cannot write %s", path);
    ck_assert(how < 0 || fwrite(&first, 1, 1, file) == 1);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void store_buf(const char *target, const char *name, int how, struct jit_buf *buf)
{
    ck_assert_int_eq(buf->err, JIT_OK);
    store(target, name, how, buf->data, buf->size);
    jit_buf_release(buf);
}

static void fresh(struct jit_buf *buf)
{
    jit_buf_init(buf, jit_heap_libc(), 1u << 20);
}

/* ---- the log ---- */

static void append(struct log *log, uint64_t tick, size_t size)
{
    static uint8_t payload[16384];
    struct log_record record = {.tick = tick, .payload = payload, .payload_size = size};
    memset(payload, (int)tick + 1, sizeof payload);
    record.commit = world_id("commit:", (unsigned)tick);
    record.state_root = world_id("root:", (unsigned)tick);
    must(log_append(log, &record));
    must(log_flush(log));
    must(log_reap(log, true, NULL));
}

/* The segments that hold anything, zeros at the end left out, as each kind of repair sees them. */
static void store_log(const struct sim_disk *disk, const char *name)
{
    static uint8_t bytes[3 * SEGMENT];
    char file[LOG_FILE_NAME_BYTES];
    char numbered[64];
    size_t end = 0;
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t size = 0;
        log_segment_name(i + 1, "seg", file);
        const uint8_t *from = sim_disk_bytes(disk, file, &size);
        if (from != NULL) {
            memcpy(bytes + i * SEGMENT, from, SEGMENT);
            end = (size_t)(i + 1) * SEGMENT;
        }
    }
    while (end > 0 && bytes[end - 1] == 0) {
        end--;
    }
    for (int how = 0; how <= 3; how += 3) {
        (void)snprintf(numbered, sizeof numbered, "%s-%d", name, how);
        store("log", numbered, how, bytes, end);
    }
}

START_TEST(seeds_of_log)
{
    static const uint8_t uuid[LOG_UUID_BYTES] = {7};
    struct log_options options = {.segment_bytes = SEGMENT, .durability = LOG_DURABILITY_GROUP};
    struct log_report report;
    struct log *log = NULL;
    char format[LOG_FORMAT_BYTES + 1];
    struct sim_disk *disk = sim_disk_new(1);
    memcpy(options.uuid, uuid, sizeof uuid);
    must(log_open(jit_heap_libc(), &disk->io, &options, NULL, NULL, &report, &log));
    store_log(disk, "new");
    append(log, 0, 10);
    store_log(disk, "one");
    append(log, 1, 3000);
    append(log, 2, 0);
    must(log_seal(log));
    store_log(disk, "sealed");
    append(log, 3, 2000);
    append(log, 4, 6000);
    append(log, 5, 100);
    store_log(disk, "segments");
    log_close(log);
    sim_disk_free(disk);
    log_format_encode(uuid, format);
    store("log", "format", 4, format, LOG_FORMAT_BYTES);
}
END_TEST

/* ---- messages ---- */

static void put_message(struct jit_buf *buf, unsigned which)
{
    struct hub_writer w;
    struct jit_id id = world_id("id:", which);
    switch (which) {
    case 0:
        hub_begin(&w, buf, 2);
        hub_text(&w, "t", "hello");
        hub_uint(&w, "major", HUB_MAJOR);
        break;
    case 1:
        hub_begin(&w, buf, 1);
        hub_text(&w, "t", "subscribe");
        break;
    case 2:
        hub_begin(&w, buf, 5);
        hub_text(&w, "t", "tick");
        hub_id(&w, "head", &id);
        hub_uint(&w, "tick", 1ull << 40);
        hub_bytes(&w, "patch", "\0\1\2\3", 4);
        hub_bool(&w, "durable", true);
        break;
    default:
        hub_begin(&w, buf, 2);
        hub_text(&w, "t", "status");
        hub_array(&w, "processes", 3);
        for (uint64_t i = 0; i < 2; i++) {
            struct hub_writer inner = hub_map(&w, 2);
            hub_uint(&inner, "tick", i * 1000);
            hub_text(&inner, "state", "running");
        }
        hub_put_text(&w, "\xc3\xa4");
    }
    hub_end(&w);
}

START_TEST(seeds_of_hub)
{
    struct jit_buf all;
    char name[16];
    fresh(&all);
    for (unsigned i = 0; i < 4; i++) {
        struct jit_buf one;
        fresh(&one);
        put_message(&one, i);
        put_message(&all, i);
        (void)snprintf(name, sizeof name, "%u", i);
        store("hub", name, -1, one.data + 4, one.size - 4);
        jit_buf_release(&one);
    }
    store("socket", "all", 0, all.data, all.size);
    store("socket", "bytewise", 4, all.data, all.size);
    store("socket", "greeted", 3 + 4 * 7, all.data, all.size);
    store("socket", "large", 1, "\xff\xff\xff\x7f", 4);
    jit_buf_release(&all);
}
END_TEST

/* ---- the boot record ---- */

START_TEST(seeds_of_boot)
{
    static const uint8_t program[100] = {1};
    static const uint8_t filter[24] = {2};
    static const struct sys_boot_cap caps[] = {{0, 1, SYS_RIGHT_MAP, SYS_NONE, 0, 0},
                                               {1, 7, SYS_RIGHT_INVOKE, 1, 0, 0}};
    static const struct sys_boot_instance instances[] = {{{{4}}, sizeof(struct sys_view_control)},
                                                         {{{5}}, 0}};
    static const struct sys_bytes rules[] = {{program, 99}, {program, 8}};
    static const struct sys_boot_run_spec runs[] = {{0, 0, 1, 7, SYS_APPLY_ALL, {program, 17}},
                                                    {1, 1, SYS_NONE, 0, SYS_APPLY_ALL, {NULL, 0}}};
    struct sys_boot_spec spec = {.process = {{6}},
                                 .index = 1,
                                 .count = 3,
                                 .seed = 9,
                                 .start_tick = 1,
                                 .view_bytes = 1u << 20,
                                 .graph_bytes = SYS_GRAPH_BYTES_MIN,
                                 .heap_bytes = 5};
    struct jit_buf buf;
    fresh(&buf);
    must(sys_boot_encode(&spec, &buf));
    store_buf("boot", "empty", -1, &buf);
    spec.caps = caps;
    spec.cap_count = 2;
    spec.instances = instances;
    spec.instance_count = 2;
    spec.rules = rules;
    spec.rule_count = 2;
    spec.runs = runs;
    spec.run_count = 2;
    spec.filter = (struct sys_bytes){filter, sizeof filter};
    fresh(&buf);
    must(sys_boot_encode(&spec, &buf));
    store_buf("boot", "full", -1, &buf);
}
END_TEST

/* ---- programs ---- */

static void store_programs(const char *path, const char *prefix)
{
    static uint8_t source[1 << 18];
    char name[JIT_NAME_BYTES_MAX + 32];
    char whole[512];
    struct lang_system *system = NULL;
    struct jit_buf messages;
    const char *top = getenv("top_srcdir");
    (void)snprintf(whole, sizeof whole, "%s/%s", top == NULL ? "." : top, path);
    FILE *file = fopen(whole, "rb");
    ck_assert_msg(file != NULL, "cannot read %s", whole);
    size_t size = fread(source, 1, sizeof source, file);
    (void)fclose(file);
    fresh(&messages);
    must(lang_parse(jit_heap_libc(), path, source, size, &system, &messages));
    for (uint32_t i = 0; i < system->rule_count; i++) {
        const struct lang_rule *rule = &system->rules[i];
        (void)snprintf(name, sizeof name, "%s-%s", prefix, rule->rule.name);
        if (rule->program_size <= PROGRAM_MAX) {
            store("program", name, -1, rule->program, rule->program_size);
        }
    }
    lang_system_free(jit_heap_libc(), system);
    jit_buf_release(&messages);
}

START_TEST(seeds_of_program)
{
    char name[16];
    struct jit_buf buf;
    for (unsigned i = 0; i < SAMPLE_RULES; i++) {
        struct rmg_rule *rule = sample_rule((enum sample_rule)i);
        fresh(&buf);
        must(rmg_rule_encode(rule, &buf));
        (void)snprintf(name, sizeof name, "sample-%u", i);
        store_buf("program", name, -1, &buf);
        sample_rule_free(rule);
    }
    store_programs("tests/rmg/lang/good_conditions.jitos", "conditions");
    store_programs("tests/rmg/lang/good_everything.jitos", "everything");
}
END_TEST

/* ---- what narrows a capability ---- */

START_TEST(seeds_of_attenuate)
{
    const struct jit_id ids[] = {{{1}}, {{2}}, {{3}}};
    static const struct sys_bound bound[] = {{0, 4, (const uint8_t *)"abcd"}, {3, 0, NULL}};
    const struct sys_attenuators all = {.given = SYS_GIVEN_ALL,
                                        .nodes = {ids, 3},
                                        .edges = {ids, 1},
                                        .rules = {ids, 0},
                                        .bound = bound,
                                        .bound_count = 2,
                                        .priority_max = -3,
                                        .operations = 10,
                                        .bytes = 1000,
                                        .last_tick = 7,
                                        .depth = 2};
    char name[16];
    for (uint32_t given = SYS_GIVEN_ALL, i = 0; i < 11; i++) {
        struct sys_attenuators some = all;
        struct jit_buf buf;
        some.given = given;
        fresh(&buf);
        sys_attenuators_encode(&some, &buf);
        (void)snprintf(name, sizeof name, "%u", i);
        store_buf("attenuate", name, -1, &buf);
        given = 1u << i;
    }
}
END_TEST

/* ---- checkpoints ---- */

static enum jit_err put(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

START_TEST(seeds_of_checkpoint)
{
    struct world w;
    struct jit_buf buf;
    uint8_t head[CKPT_BUNDLE_HEAD];
    char name[CKPT_FILE_NAME_MAX + 8];
    char hex[JIT_ID_HEX];
    uint64_t size = 0;
    world_begin(&w);
    for (unsigned n = 0; n < 3; n++) {
        must(world_checkpoint(&w, n, n > 0));
        jit_id_to_hex(&w.made[n].id, hex);
        (void)snprintf(name, sizeof name, CKPT_DIR "/%s.ckpt", hex);
        const uint8_t *bytes = sim_disk_bytes(w.disk, name, &size);
        (void)snprintf(name, sizeof name, "manifest-%u", n);
        store("checkpoint", name, n == 1 ? 2 : 0, bytes, size);
    }
    for (int how = 1; how <= 3; how += 2) {
        struct ckpt_job job = world_job(&w, 1, false);
        fresh(&buf);
        must(ckpt_bundle_write(&w.mem.heap, &job.state, NULL, &job.manifest, w.seed, put, &buf,
                               head));
        memcpy(buf.data, head, sizeof head);
        store_buf("checkpoint", how == 1 ? "file" : "file-mended", how, &buf);
    }
    world_end(&w);
}
END_TEST

/* ---- records ---- */

START_TEST(seeds_of_record)
{
    const struct jit_id ids[] = {{{1}}, {{2}}};
    const struct kern_record_event event = {KERN_HAPPENED_EXIT, 3, {{9}}};
    const struct rmg_request requests[] = {
        {.rule_id = {{3}}, .instance = {{4}}, .ids = ids, .id_count = 2, .process = {{5}}},
        {.rule_id = {{6}},
         .instance = {{4}},
         .ids = ids,
         .id_count = 1,
         .params = (const uint8_t *)"\1\0\0\0\0\0\0\0x",
         .params_size = 9,
         .retries = 1,
         .process = {{5}}}};
    const struct rmg_receipt receipts[] = {{{{7}}, {{5}}, 0, RMG_NO_BLOCKER}, {{{8}}, {{5}}, 1, 0}};
    const struct kern_record_ask ask = {
        .call = SYS_CALL_revoke, .process = {{5}}, .bytes = (const uint8_t *)"abc", .size = 3};
    struct kern_record record = {.flags = KERN_RECORD_GENESIS, .blob = {{1}}, .blob_size = 100};
    struct jit_buf buf;
    fresh(&buf);
    kern_record_encode(&record, &buf);
    store_buf("record", "genesis", -1, &buf);
    record = (struct kern_record){.flags = KERN_RECORD_EDIT,
                                  .other = {{2}},
                                  .patch = (const uint8_t *)"patch",
                                  .patch_size = 5};
    fresh(&buf);
    kern_record_encode(&record, &buf);
    store_buf("record", "edit", -1, &buf);
    record = (struct kern_record){.events = &event,
                                  .event_count = 1,
                                  .requests = requests,
                                  .receipts = receipts,
                                  .request_count = 2,
                                  .patch = (const uint8_t *)"patch",
                                  .patch_size = 5,
                                  .asks = &ask,
                                  .ask_count = 1};
    fresh(&buf);
    kern_record_encode(&record, &buf);
    store_buf("record", "tick", -1, &buf);
    fresh(&buf);
    rmg_waiting_begin(&buf);
    rmg_waiting_add(&requests[0], &buf);
    rmg_waiting_add(&requests[1], &buf);
    store_buf("record", "waiting", -1, &buf);
}
END_TEST

/* ---- shared memory ---- */

START_TEST(seeds_of_ring) /* _i: how it is attacked; 4: a request and a done, as they should be */
{
    struct jit_random random = jit_random_of((uint64_t)_i + 1);
    struct jit_buf buf;
    char name[16];
    fresh(&buf);
    jit_buf_put_u32(&buf, _i % 2 == 0 ? 0 : UINT32_MAX - 1);
    jit_buf_put_u32(&buf, 5);
    jit_buf_put_u32(&buf, _i == 4 ? 0xfffffff3u : (uint32_t)jit_random_next(&random));
    for (unsigned i = 0; i < 24; i++) {
        bool word = _i == 4 || i < 2;
        jit_buf_put_u8(&buf, word ? 0 : (uint8_t)(_i % 4));
        jit_buf_put_u8(&buf, word ? (uint8_t)(i % 2 * 3) : (uint8_t)jit_random_below(&random, 32));
        jit_buf_put_u16(&buf, (uint16_t)jit_random_below(&random, word ? 1 : 64));
        jit_buf_put_u32(&buf, word ? 1 - i % 2 : (uint32_t)jit_random_below(&random, 300));
    }
    (void)snprintf(name, sizeof name, "%d", _i);
    store_buf("ring", name, -1, &buf);
}
END_TEST

START_TEST(seeds_of_graph)
{
    struct world w;
    struct rmg_instance top;
    struct rmg_graph graph;
    struct sws_home home;
    struct jit_buf buf;
    struct rmg_arena arena;
    static _Alignas(16) uint8_t memory[1 << 16];
    world_begin(&w);
    for (unsigned n = 0; n < WORLD_STATES; n += WORLD_STATES - 1) {
        must(rmg_store_top(w.store, &w.versions[n], &top));
        rmg_store_graph(w.store, &top, &graph);
        fresh(&buf);
        for (unsigned i = 0; i < RMG_MAPS; i++) {
            jit_buf_put_u32(&buf, graph.roots.ref[i]);
        }
        jit_buf_put_u64(&buf, graph.roots.node_count);
        jit_buf_put_u64(&buf, graph.roots.edge_count);
        jit_buf_put(&buf, graph.mem.base, w.arena->used);
        store_buf("graph", n == 0 ? "small" : "more", -1, &buf);
    }
    world_end(&w);
    rmg_arena_init(&arena, memory, sizeof memory, sizeof memory, 4096);
    must(sws_home_open(jit_heap_libc(), &arena, (struct sws_home_page *)(void *)memory, 0, &home));
    must(sws_home_done(&home, 1));
    fresh(&buf);
    for (unsigned i = 0; i < 6; i++) {
        jit_buf_put_u64(&buf, 0);
    }
    jit_buf_put(&buf, memory, arena.used);
    store_buf("graph", "home", -1, &buf);
    sws_home_close(&home);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "seeds", 60);
    tcase_add_test(t, seeds_of_log);
    tcase_add_test(t, seeds_of_hub);
    tcase_add_test(t, seeds_of_boot);
    tcase_add_test(t, seeds_of_program);
    tcase_add_test(t, seeds_of_attenuate);
    tcase_add_test(t, seeds_of_checkpoint);
    tcase_add_test(t, seeds_of_record);
    tcase_add_loop_test(t, seeds_of_ring, 0, 5);
    tcase_add_test(t, seeds_of_graph);
}

TEST_MAIN("kernel/fuzz_seeds", fill_suite)
