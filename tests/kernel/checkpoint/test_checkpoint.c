/* Goal:   a checkpoint gives back exactly the state that was kept, or nothing; what was kept before
 *         is never harmed by the making of another.
 * Method: small states on the simulated disk: round trips; every byte flipped, every truncation;
 *         every crash and every failing operation of writing, removing and founding a folder;
 *         every refused allocation; a log read from every mark. */
#include "base/le.h"
#include "kernel/log/blob.h"
#include "rmg/file/envelope.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"

#ifdef JIT_SANITIZED
#define JIT_DEEP 0u
#else
#define JIT_DEEP 40u
#endif

static struct world w;

static void setup(void)
{
    world_begin(&w);
}

static void teardown(void)
{
    world_end(&w);
}

static enum jit_err list(struct sim_disk *disk, struct ckpt_list *out)
{
    return ckpt_list_read(jit_heap_libc(), &disk->io, NULL, out);
}

START_TEST(round_trip)
{
    struct ckpt_list found;
    for (unsigned n = 0; n < WORLD_STATES; n++) {
        must(world_checkpoint(&w, n, n != 2));
    }
    ck_assert_uint_eq(w.made[1].segment_count, 2);
    ck_assert(jit_id_equal(&w.made[1].parent, &w.made[0].id));
    ck_assert_uint_eq(w.made[2].segment_count, 1);
    ck_assert(jit_id_is_zero(&w.made[2].parent));
    ck_assert_uint_eq(w.made[3].segment_count, 2);
    must(list(w.disk, &found));
    ck_assert_uint_eq(found.count, WORLD_STATES);
    for (unsigned n = 0; n < WORLD_STATES; n++) {
        const struct ckpt_manifest *m = found.entries[WORLD_STATES - 1 - n].manifest;
        struct jit_id root;
        ck_assert_ptr_nonnull(m);
        ck_assert_uint_eq(m->tick, n);
        ck_assert_mem_eq(m, &w.made[n], sizeof *m);
        must(world_load(jit_heap_libc(), &w.disk->io, m, &root));
        ck_assert(jit_id_equal(&root, &w.versions[n].state_root));
    }
    ck_assert_ptr_eq(ckpt_list_find(&found, "state-2"), &found.entries[1]);
    ck_assert_ptr_eq(ckpt_list_find(&found, "@0"), &found.entries[3]);
    ck_assert_ptr_null(ckpt_list_find(&found, "@4"));
    ck_assert_ptr_null(ckpt_list_find(&found, "state"));
    ck_assert_ptr_null(ckpt_list_find(&found, ""));
    ckpt_list_release(&found);
    /* Those of another log are somebody else's. */
    uint8_t other[LOG_UUID_BYTES] = {8};
    must(ckpt_list_read(jit_heap_libc(), &w.disk->io, other, &found));
    ck_assert_uint_eq(found.count, 0);
    ckpt_list_release(&found);
}
END_TEST

/* Nothing has changed: nothing but a manifest is written. */
START_TEST(same_state_again)
{
    must(world_checkpoint(&w, 0, false));
    w.versions[1] = w.versions[0];
    struct ckpt_job job = world_job(&w, 1, true);
    must(ckpt_write(&job));
    ck_assert_uint_eq(job.manifest.segment_count, 1);
    ck_assert_uint_lt(job.bytes_written, 1000);
}
END_TEST

/* A long chain of differences is closed by a whole state. */
START_TEST(chains_end)
{
    must(world_checkpoint(&w, 0, false));
    struct ckpt_manifest last = w.made[0];
    unsigned whole = 0;
    for (unsigned i = 1; i <= 200; i++) {
        unsigned n = i % 2;
        struct ckpt_job job = world_job(&w, n, false);
        job.base = (struct rmg_state){.store = w.store, .version = w.versions[1 - n]};
        job.base_manifest = &last;
        job.manifest.tick = i;
        must(ckpt_write(&job));
        last = job.manifest;
        whole += jit_id_is_zero(&last.parent) ? 1 : 0;
    }
    ck_assert_uint_ge(whole, 3);
    struct jit_id root;
    must(world_load(jit_heap_libc(), &w.disk->io, &last, &root));
    ck_assert(jit_id_equal(&root, &w.versions[0].state_root));
}
END_TEST

/* ---- damage ---- */

/* One bit of each byte; all of them where JIT_DAMAGE is "all". */
START_TEST(every_flipped_bit)
{
    struct jit_id root;
    unsigned flips = 0;
    const char *share = getenv("JIT_DAMAGE");
    bool all = share != NULL && strcmp(share, "all") == 0;
    must(world_checkpoint(&w, 0, false));
    must(world_checkpoint(&w, 1, true));
    for (size_t f = 0; sim_disk_name(w.disk, f) != NULL; f++) {
        char name[SIM_NAME_BYTES];
        uint64_t size = 0;
        snprintf(name, sizeof name, "%s", sim_disk_name(w.disk, f));
        const uint8_t *bytes = sim_disk_bytes(w.disk, name, &size);
        bool manifest = strstr(name, ".ckpt") != NULL;
        if (strncmp(name, CKPT_DIR "/", 5) != 0) {
            continue;
        }
        for (uint64_t bit = 0; bit < size * 8; bit += all || bit % 8 == 7 ? 1 : 9) {
            struct ckpt_list found;
            uint64_t at = bit / 8;
            uint8_t was = bytes[at];
            uint8_t is = was ^ (uint8_t)(1u << bit % 8);
            sim_disk_damage(w.disk, name, at, &is, 1);
            must(list(w.disk, &found));
            ck_assert_uint_eq(found.count, 2);
            if (manifest) {
                ck_assert_msg(found.entries[1].manifest == NULL, "%s byte %llu", name,
                              (unsigned long long)at);
                ck_assert(found.entries[1].err == JIT_ECORRUPT ||
                          found.entries[1].err == JIT_EVERSION);
                ck_assert_str_ne(found.entries[1].why, "");
            } else {
                struct jit_id segment;
                const struct ckpt_manifest *m = found.entries[0].manifest;
                ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, m, &root), JIT_ECORRUPT);
                ck_assert_int_eq(ckpt_verify(jit_heap_libc(), &w.disk->io, m, &segment),
                                 JIT_ECORRUPT);
            }
            ckpt_list_release(&found);
            sim_disk_damage(w.disk, name, at, &was, 1);
            flips++;
        }
    }
    printf("flipped bits of a checkpoint: %u, 0 wrong\n", flips);
    ck_assert_uint_gt(flips, 1000);
    must(world_load(jit_heap_libc(), &w.disk->io, &w.made[1], &root));
}
END_TEST

START_TEST(cut_and_missing)
{
    struct ckpt_list found;
    struct jit_id root;
    char name[CKPT_FILE_NAME_MAX];
    char hex[JIT_ID_HEX];
    must(world_checkpoint(&w, 0, false));
    jit_id_to_hex(&w.made[0].id, hex);
    snprintf(name, sizeof name, CKPT_DIR "/%s.ckpt", hex);
    uint64_t size = 0;
    ck_assert_ptr_nonnull(sim_disk_bytes(w.disk, name, &size));
    for (uint64_t cut = size; cut-- > 0;) {
        sim_disk_resize(w.disk, name, cut);
        must(list(w.disk, &found));
        ck_assert_uint_eq(found.count, 1);
        ck_assert_ptr_null(found.entries[0].manifest);
        ckpt_list_release(&found);
    }
    jit_id_to_hex(&w.made[0].segments[0].id, hex);
    snprintf(name, sizeof name, CKPT_DIR "/%s", hex);
    sim_disk_resize(w.disk, name, 100);
    ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[0], &root), JIT_ECORRUPT);
    sim_disk_remove(w.disk, name);
    ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[0], &root), JIT_ECORRUPT);
}
END_TEST

/* Refused by name. */
static enum jit_err check_bytes(struct ckpt_manifest *m, bool sign, uint16_t major,
                                const char **why)
{
    struct jit_buf bytes;
    struct ckpt_manifest out;
    jit_buf_init(&bytes, jit_heap_libc(), CKPT_MANIFEST_MAX);
    ckpt_manifest_encode(m, &bytes);
    must(bytes.err);
    if (major != 0) {
        jit_put_le16(bytes.data + 4, major);
        jit_hash(bytes.data, bytes.size, &m->id);
    }
    if (sign) {
        must(rmg_envelope_sign(NULL, CKPT_KIND, &m->id, w.seed, &bytes));
    }
    enum jit_err err = ckpt_manifest_check(bytes.data, bytes.size, &out, NULL, why);
    jit_buf_release(&bytes);
    return err;
}

START_TEST(refused_by_name)
{
    const char *why = "";
    struct ckpt_job job = world_job(&w, 0, false);
    struct ckpt_manifest m = job.manifest;
    m.segment_count = 1;
    m.segments[0] = (struct ckpt_segment){.kind = CKPT_STATE, .size = 5};
    ck_assert_int_eq(check_bytes(&m, true, 0, &why), JIT_OK);
    ck_assert_int_eq(check_bytes(&m, false, 0, &why), JIT_ECORRUPT);
    ck_assert_str_eq(why, "it is not signed");
    ck_assert_int_eq(check_bytes(&m, true, 2, &why), JIT_EVERSION);
    ck_assert_ptr_nonnull(strstr(why, "newer format"));
    m.policy = RMG_POLICY + 1;
    ck_assert_int_eq(check_bytes(&m, true, 0, &why), JIT_EVERSION);
    ck_assert_ptr_nonnull(strstr(why, "newer policy"));
    /* What the form forbids. */
    struct ckpt_manifest bad = job.manifest;
    ck_assert_int_eq(check_bytes(&bad, true, 0, &why), JIT_ECORRUPT); /* no segment */
    bad = m;
    bad.policy = RMG_POLICY;
    bad.segments[0].kind = CKPT_PATCH;
    ck_assert_int_eq(check_bytes(&bad, true, 0, &why), JIT_ECORRUPT);
    bad = m;
    bad.policy = RMG_POLICY;
    bad.mark.tick = bad.tick + 2;
    ck_assert_int_eq(check_bytes(&bad, true, 0, &why), JIT_ECORRUPT);
    bad = m;
    bad.policy = RMG_POLICY;
    snprintf(bad.name, sizeof bad.name, "../x");
    ck_assert_int_eq(check_bytes(&bad, true, 0, &why), JIT_ECORRUPT);
}
END_TEST

START_TEST(names)
{
    char long_name[CKPT_NAME_MAX + 2];
    memset(long_name, 'a', sizeof long_name);
    long_name[CKPT_NAME_MAX] = '\0';
    ck_assert(ckpt_name_good("a"));
    ck_assert(ckpt_name_good("v1.0_b-2"));
    ck_assert(ckpt_name_good(long_name));
    long_name[CKPT_NAME_MAX] = 'a';
    long_name[CKPT_NAME_MAX + 1] = '\0';
    ck_assert(!ckpt_name_good(long_name));
    ck_assert(!ckpt_name_good(""));
    ck_assert(!ckpt_name_good("."));
    ck_assert(!ckpt_name_good("-a"));
    ck_assert(!ckpt_name_good("a/b"));
    ck_assert(!ckpt_name_good("a b"));
}
END_TEST

/* ---- one file ---- */

struct bytes {
    uint8_t data[20000];
    size_t size;
};

static enum jit_err append(void *user, const uint8_t *bytes, size_t size)
{
    struct bytes *b = user;
    ck_assert_uint_le(b->size + size, sizeof b->data);
    memcpy(b->data + b->size, bytes, size);
    b->size += size;
    return JIT_OK;
}

START_TEST(bundle)
{
    static struct bytes b;
    uint8_t head[CKPT_BUNDLE_HEAD];
    struct ckpt_job job = world_job(&w, 2, false);
    struct ckpt_manifest m = job.manifest;
    struct ckpt_bundle found;
    const char *why = "";
    b.size = 0;
    must(ckpt_bundle_write(&w.mem.heap, &job.state, NULL, &m, w.seed, append, &b, head));
    /* Until the head is written it is nothing. */
    ck_assert_int_eq(ckpt_bundle_open(b.data, b.size, &found, &why), JIT_ECORRUPT);
    memcpy(b.data, head, sizeof head);
    must(ckpt_bundle_open(b.data, b.size, &found, &why));
    ck_assert_uint_eq(found.manifest.tick, 2);
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    must(rmg_arena_new(jit_heap_libc(), WORLD_ARENA, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &store));
    must(ckpt_bundle_load(jit_heap_libc(), &found, store, &version, &why));
    ck_assert(jit_id_equal(&version.state_root, &w.versions[2].state_root));
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
    for (size_t at = 0; at < b.size; at++) {
        b.data[at] ^= 1;
        enum jit_err err = ckpt_bundle_open(b.data, b.size, &found, &why);
        ck_assert_msg(err == JIT_ECORRUPT || err == JIT_EVERSION, "byte %zu", at);
        b.data[at] ^= 1;
    }
    for (size_t cut = 0; cut < b.size; cut++) {
        ck_assert_int_eq(ckpt_bundle_open(b.data, cut, &found, &why), JIT_ECORRUPT);
    }
    b.data[b.size] = 0;
    ck_assert_int_eq(ckpt_bundle_open(b.data, b.size + 1, &found, &why), JIT_ECORRUPT);
}
END_TEST

/* ---- crashes ---- */

/* What a crash must leave: every checkpoint that verifies by itself gives its state, and those that
 * were there before the work, and that it does not remove, are among them. */
struct exploring {
    struct jit_random random;
    uint64_t states;
    uint64_t inside;             /* of them those that a crash of what went on left */
    uint64_t deep;               /* after one state in so many work goes on and stops again */
    unsigned kept[WORLD_STATES]; /* ticks that must be there */
    unsigned kept_count;
    bool removing;     /* what goes on is the removal */
    bool found_folder; /* judge ckpt_found */
};

static void judge_checkpoints(struct sim_disk *disk, const struct exploring *ex,
                              const struct sim_crash *plan)
{
    struct ckpt_list found;
    char text[160];
    bool there[WORLD_STATES] = {false};
    sim_crash_text(plan, text, sizeof text);
    must(list(disk, &found));
    for (size_t i = 0; i < found.count; i++) {
        struct jit_id root;
        const struct ckpt_manifest *m = found.entries[i].manifest;
        ck_assert_msg(m != NULL, "a manifest is damaged after crash (%s)", text);
        ck_assert_uint_lt(m->tick, WORLD_STATES);
        enum jit_err err = world_load(jit_heap_libc(), &disk->io, m, &root);
        ck_assert_msg(err == JIT_OK && jit_id_equal(&root, &w.versions[m->tick].state_root),
                      "checkpoint %llu after crash (%s): %s", (unsigned long long)m->tick, text,
                      jit_err_name(err));
        there[m->tick] = true;
    }
    for (unsigned i = 0; i < ex->kept_count; i++) {
        ck_assert_msg(there[ex->kept[i]], "checkpoint %u is gone after crash (%s)", ex->kept[i],
                      text);
    }
    ckpt_list_release(&found);
}

static void go_on(struct exploring *ex, struct sim_disk *after);

static void judge_plan(void *user, const struct sim_crash *plan)
{
    struct exploring *ex = user;
    struct sim_disk *after = sim_disk_crash(w.disk, plan);
    ex->states++;
    judge_checkpoints(after, ex, plan);
    if (ex->deep > 0 && ex->states % ex->deep == 0) {
        go_on(ex, after);
    }
    sim_disk_free(after);
}

static void on_change(struct sim_disk *disk, void *user)
{
    struct exploring *ex = user;
    sim_disk_plans(disk, &ex->random, 2, judge_plan, ex);
}

static enum jit_err remove_all_but_3(struct sim_disk *disk, uint64_t *removed)
{
    const struct ckpt_manifest *keep[] = {&w.made[3]};
    return ckpt_remove_others(jit_heap_libc(), &disk->io, keep, 1, removed);
}

/* Unfinished files are swept away and another checkpoint is made, or what was being removed is
 * removed again; each operation of that is the last one before the next crash. */
static void go_on(struct exploring *ex, struct sim_disk *after)
{
    struct exploring inner = *ex;
    struct sim_disk *outer = w.disk;
    struct ckpt_manifest made = w.made[3];
    inner.deep = 0; /* and no deeper */
    after->hook = on_change;
    after->hook_user = &inner;
    w.disk = after;
    if (ex->removing) {
        uint64_t removed = 0;
        must(remove_all_but_3(after, &removed));
    } else {
        enum jit_err err = blob_sweep_unfinished(jit_heap_libc(), &after->io, CKPT_DIR, NULL);
        ck_assert(err == JIT_OK || err == JIT_ENOENT); /* the folder itself was not there yet */
        must(world_checkpoint(&w, 3, false));
    }
    after->hook = NULL;
    w.disk = outer;
    w.made[3] = made;
    ex->inside += inner.states - ex->states;
    ex->states = inner.states;
    ex->random = inner.random;
}

/* JIT_CRASH_ROUNDS: so many times, each time with other seeds. JIT_CRASH_DEEP: as in test_crash. */
START_TEST(crashes)
{
    unsigned rounds = test_number("JIT_CRASH_ROUNDS", 1);
    const unsigned deep = test_number("JIT_CRASH_DEEP", JIT_DEEP);
    struct exploring ex = {.random = jit_random_of(11)};
    uint64_t points = 0;
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t removed = 0;
        struct ckpt_list found;
        sim_disk_free(w.disk);
        w.disk = sim_disk_new(round + 1);
        w.disk->hook = on_change;
        w.disk->hook_user = &ex;
        ex.kept_count = 0;
        ex.removing = false;
        ex.deep = deep;
        for (unsigned n = 0; n < WORLD_STATES; n++) {
            must(world_checkpoint(&w, n, n != 2));
            ex.kept[ex.kept_count++] = n;
        }
        /* Give up all but the newest. */
        ex.kept[0] = 3;
        ex.kept_count = 1;
        ex.removing = true;
        ex.deep = deep > 0 ? 1 : 0;
        must(remove_all_but_3(w.disk, &removed));
        ck_assert_uint_eq(removed, 3 + 2);
        sim_disk_plans(w.disk, &ex.random, 2, judge_plan, &ex);
        w.disk->hook = NULL;
        points += w.disk->changes;
        must(list(w.disk, &found));
        ck_assert_uint_eq(found.count, 1);
        ckpt_list_release(&found);
    }
    printf("checkpoint crash states %llu at %llu operations, %llu of them after work went on: no "
           "failure\n",
           (unsigned long long)ex.states, (unsigned long long)points,
           (unsigned long long)ex.inside);
    ck_assert_uint_gt(ex.states, 300);
}
END_TEST

/* Every operation fails once, or from then on: what was there stays, and the same again succeeds
 * when the disk is well again. */
START_TEST(faults)
{
    static const enum jit_err errors[] = {JIT_ENOSPC, JIT_EIO};
    unsigned fired = 0;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (uint64_t at = 0;; at++) {
            struct exploring ex = {.kept = {0, 1}, .kept_count = 2};
            struct sim_crash none = {.kind = SIM_PROCESS};
            sim_disk_free(w.disk);
            w.disk = sim_disk_new(at);
            must(world_checkpoint(&w, 0, false));
            must(world_checkpoint(&w, 1, true));
            w.disk->fault_at = w.disk->calls + at;
            w.disk->fault_err = errors[kind % 2];
            w.disk->fault_sticky = kind >= 2;
            enum jit_err err = world_checkpoint(&w, 2, at % 2 == 0);
            bool hit = w.disk->fault_fired;
            w.disk->fault_err = JIT_OK;
            if (!hit) {
                must(err);
                break;
            }
            fired++;
            judge_checkpoints(w.disk, &ex, &none);
            struct sim_crash drop = {.kind = SIM_DROP_ALL};
            judge_plan(&ex, &drop);
            if (err != JIT_OK) {
                must(blob_sweep_unfinished(jit_heap_libc(), &w.disk->io, CKPT_DIR, NULL));
                must(world_checkpoint(&w, 2, true));
            }
            ex.kept[2] = 2;
            ex.kept_count = 3;
            judge_checkpoints(w.disk, &ex, &none);
        }
    }
    ck_assert_uint_gt(fired, 40);
}
END_TEST

/* ---- memory ---- */

START_TEST(no_memory)
{
    must(world_checkpoint(&w, 0, false));
    int64_t live = w.mem.live;
    enum jit_err err = JIT_ENOMEM;
    int64_t n = 0;
    for (; err != JIT_OK; n++) {
        ck_assert_int_lt(n, 500);
        w.mem.calls = 0;
        w.mem.refuse_at = n;
        err = world_checkpoint(&w, 1, true);
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        ck_assert_int_eq(w.mem.live, live);
    }
    ck_assert_int_gt(n, 3);
    w.mem.refuse_at = -1;
    err = JIT_ENOMEM;
    for (n = 0; err != JIT_OK; n++) {
        struct fault_heap heap = fault_heap_make(n, false);
        struct jit_id root;
        ck_assert_int_lt(n, 500);
        err = world_load(&heap.heap, &w.disk->io, &w.made[1], &root);
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        ck_assert_int_eq(heap.live, 0);
    }
    ck_assert_int_gt(n, 6);
    err = JIT_ENOMEM;
    for (n = 0; err != JIT_OK; n++) {
        struct fault_heap heap = fault_heap_make(n, false);
        struct ckpt_list found;
        ck_assert_int_lt(n, 500);
        err = ckpt_list_read(&heap.heap, &w.disk->io, NULL, &found);
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        if (err == JIT_OK) {
            ckpt_list_release(&found);
        }
        ck_assert_int_eq(heap.live, 0);
    }
}
END_TEST

/* ---- a new folder ---- */

static const struct ckpt_found_options founding = {.uuid = {4, 5, 6}, .segment_bytes = 16384};

/* Either there is no data folder, or it is whole: its log goes on after the checkpoint's tick. */
static void judge_folder(struct sim_disk *disk, const char *text)
{
    uint8_t uuid[LOG_UUID_BYTES];
    struct ckpt_list found;
    struct log_report report;
    struct log *log = NULL;
    struct jit_id root;
    enum jit_err err = log_uuid(jit_heap_libc(), &disk->io, uuid);
    if (err == JIT_ENOENT) {
        return;
    }
    must(err);
    ck_assert_mem_eq(uuid, founding.uuid, sizeof uuid);
    must(ckpt_list_read(jit_heap_libc(), &disk->io, uuid, &found));
    ck_assert_msg(found.count == 1 && found.entries[0].manifest != NULL, "no checkpoint (%s)",
                  text);
    const struct ckpt_manifest *m = found.entries[0].manifest;
    ck_assert_ptr_eq(ckpt_list_start(&found, 1), &found.entries[0]);
    must(world_load(jit_heap_libc(), &disk->io, m, &root));
    ck_assert(jit_id_equal(&root, &w.versions[2].state_root));
    struct log_options options = {.from = &m->mark};
    must(log_open(jit_heap_libc(), &disk->io, &options, NULL, NULL, &report, &log));
    ck_assert_uint_eq(log_tick_end(log), 3);
    log_close(log);
    ckpt_list_release(&found);
}

static void found_again(struct exploring *ex, struct sim_disk *after);

static void found_plan(void *user, const struct sim_crash *plan)
{
    struct exploring *ex = user;
    struct sim_disk *after = sim_disk_crash(w.disk, plan);
    char text[160];
    sim_crash_text(plan, text, sizeof text);
    ex->states++;
    judge_folder(after, text);
    if (ex->deep > 0 && ex->states % ex->deep == 0) {
        found_again(ex, after);
    }
    sim_disk_free(after);
}

static void found_change(struct sim_disk *disk, void *user)
{
    struct exploring *ex = user;
    sim_disk_plans(disk, &ex->random, 1, found_plan, ex);
}

/* Where nothing is yet, the folder is founded once more, and that is cut off as well. */
static void found_again(struct exploring *ex, struct sim_disk *after)
{
    uint8_t uuid[LOG_UUID_BYTES];
    struct exploring inner = *ex;
    struct sim_disk *outer = w.disk;
    if (log_uuid(jit_heap_libc(), &after->io, uuid) == JIT_OK) {
        return;
    }
    inner.deep = 0; /* and no deeper */
    after->hook = found_change;
    after->hook_user = &inner;
    w.disk = after;
    struct ckpt_job job = world_job(&w, 2, false);
    must(ckpt_found(&job, &founding));
    judge_folder(after, "none");
    after->hook = NULL;
    w.disk = outer;
    ex->inside += inner.states - ex->states;
    ex->states = inner.states;
    ex->random = inner.random;
}

START_TEST(founding_crashes)
{
    struct exploring ex = {.random = jit_random_of(12),
                           .deep = test_number("JIT_CRASH_DEEP", JIT_DEEP)};
    struct ckpt_job job = world_job(&w, 2, false);
    w.disk->hook = found_change;
    w.disk->hook_user = &ex;
    must(ckpt_found(&job, &founding));
    sim_disk_plans(w.disk, &ex.random, 1, found_plan, &ex);
    w.disk->hook = NULL;
    judge_folder(w.disk, "none");
    uint8_t uuid[LOG_UUID_BYTES];
    must(log_uuid(jit_heap_libc(), &w.disk->io, uuid));
    printf("founding crash states %llu, %llu of them when it was founded again: no failure\n",
           (unsigned long long)ex.states, (unsigned long long)ex.inside);
    ck_assert_uint_gt(ex.states, 100);
}
END_TEST

/* A try that was cut off is no hindrance to the next one. */
START_TEST(founding_again)
{
    for (uint64_t at = 0;; at++) {
        sim_disk_free(w.disk);
        w.disk = sim_disk_new(at);
        w.disk->fault_at = at;
        w.disk->fault_err = JIT_EIO;
        w.disk->fault_sticky = true;
        struct ckpt_job job = world_job(&w, 2, false);
        enum jit_err err = ckpt_found(&job, &founding);
        bool hit = w.disk->fault_fired;
        w.disk->fault_err = JIT_OK;
        uint8_t uuid[LOG_UUID_BYTES];
        if (err != JIT_OK && log_uuid(jit_heap_libc(), &w.disk->io, uuid) == JIT_ENOENT) {
            job = world_job(&w, 2, false);
            must(ckpt_found(&job, &founding));
        }
        judge_folder(w.disk, "none");
        if (!hit) {
            break;
        }
    }
}
END_TEST

/* ---- the key ---- */

START_TEST(key)
{
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t again[JIT_SIGN_SEED_BYTES];
    ck_assert_int_eq(ckpt_key(&w.disk->io, false, seed), JIT_ENOENT);
    must(ckpt_key(&w.disk->io, true, seed));
    must(ckpt_key(&w.disk->io, false, again));
    ck_assert_mem_eq(seed, again, sizeof seed);
    uint8_t wrong = 'x';
    sim_disk_damage(w.disk, "KEY", 30, &wrong, 1);
    ck_assert_int_eq(ckpt_key(&w.disk->io, true, seed), JIT_EFORMAT);
}
END_TEST

/* ---- a log from a mark ---- */

struct counting {
    uint64_t next;
    uint64_t count;
};

static enum jit_err count_tick(void *user, const struct log_record *record)
{
    struct counting *c = user;
    ck_assert_uint_eq(record->tick, c->next);
    c->next++;
    c->count++;
    return JIT_OK;
}

#define MARK_TICKS 40u

static void append_tick(struct log *log, uint64_t tick)
{
    uint8_t payload[1200] = {(uint8_t)tick};
    struct log_record record = {
        .tick = tick, .payload = payload, .payload_size = 100 + tick * 37 % 1000};
    must(log_append(log, &record));
}

/* Every mark, with all segments, without those before it, and going on from there. */
START_TEST(marks)
{
    static const enum log_durability kinds[] = {LOG_DURABILITY_TICK, LOG_DURABILITY_GROUP};
    for (unsigned kind = 0; kind < 2; kind++) {
        struct log_options options = {
            .segment_bytes = 16384, .uuid = {3}, .durability = kinds[kind]};
        struct log_mark at[MARK_TICKS + 1];
        struct log_report report;
        struct log *log = NULL;
        sim_disk_free(w.disk);
        w.disk = sim_disk_new(kind);
        must(log_open(&w.mem.heap, &w.disk->io, &options, NULL, NULL, &report, &log));
        for (uint64_t tick = 0; tick < MARK_TICKS; tick++) {
            log_next_mark(log, &at[tick]);
            ck_assert_uint_le(at[tick].tick, tick);
            append_tick(log, tick);
            if (tick % 3 == 2) {
                must(log_flush(log));
            }
            if (tick % 7 == 6) {
                must(log_seal(log));
            }
        }
        must(log_seal(log));
        log_next_mark(log, &at[MARK_TICKS]);
        ck_assert_uint_eq(at[MARK_TICKS].tick, MARK_TICKS);
        log_close(log);
        for (uint64_t tick = 0; tick <= MARK_TICKS; tick++) {
            struct counting c = {.next = at[tick].tick};
            uint64_t first = 0;
            uint64_t last = 0;
            must(log_verify_from(&w.mem.heap, &w.disk->io, &at[tick], count_tick, &c, &report));
            ck_assert_uint_eq(c.next, MARK_TICKS);
            ck_assert(!report.torn);
            must(log_segments(&w.mem.heap, &w.disk->io, &first, &last));
            ck_assert_uint_gt(last, 2);
            for (; first < at[tick].segment; first++) { /* what lies before it was given up */
                char name[LOG_FILE_NAME_BYTES];
                snprintf(name, sizeof name, "log/%016llx.seg", (unsigned long long)first);
                sim_disk_remove(w.disk, name);
            }
            c = (struct counting){.next = at[tick].tick};
            options.from = &at[tick];
            must(log_open(&w.mem.heap, &w.disk->io, &options, count_tick, &c, &report, &log));
            ck_assert_uint_eq(log_tick_end(log), MARK_TICKS);
            log_close(log);
        }
        /* A mark that is not of this log. */
        struct log_mark wrong = at[MARK_TICKS - 2];
        wrong.chain.bytes[5] ^= 1;
        if (wrong.tick < MARK_TICKS) {
            ck_assert_int_eq(log_verify_from(&w.mem.heap, &w.disk->io, &wrong, NULL, NULL, &report),
                             report.torn ? JIT_OK : JIT_ECORRUPT);
            ck_assert(report.torn || report.why[0] != '\0');
        }
        wrong = at[MARK_TICKS];
        wrong.offset = 16384 + 8;
        ck_assert_int_eq(log_verify_from(&w.mem.heap, &w.disk->io, &wrong, NULL, NULL, &report),
                         JIT_ECORRUPT);
        /* Without it the rest has no beginning. */
        ck_assert_int_eq(log_verify(&w.mem.heap, &w.disk->io, NULL, NULL, &report), JIT_ECORRUPT);
    }
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "checkpoint", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, same_state_again);
    tcase_add_test(t, chains_end);
    tcase_add_test(t, every_flipped_bit);
    tcase_add_test(t, cut_and_missing);
    tcase_add_test(t, refused_by_name);
    tcase_add_test(t, names);
    tcase_add_test(t, bundle);
    tcase_add_test(t, crashes);
    tcase_add_test(t, faults);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, founding_crashes);
    tcase_add_test(t, founding_again);
    tcase_add_test(t, key);
    tcase_add_test(t, marks);
}

TEST_MAIN("kernel/checkpoint", fill_suite)
