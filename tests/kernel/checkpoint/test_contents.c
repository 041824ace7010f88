/* Goal:   segments, images and exports whose bytes are whole, named and signed, and that hold what
 *         none holds, are refused by name; chains of differences end where they should.
 * Method: each made by hand and signed or named anew after the lie; what the disk says of itself is
 *         handed on. */
#include "base/le.h"
#include "base/limits.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/log/blob.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"
#include "tests/kernel/checkpoint/forms_bed.h"

/* ---- states ---- */

static struct jit_id put_segment(const void *bytes, size_t size)
{
    struct jit_id id;
    must(blob_put_in(&w.mem.heap, &w.disk->io, CKPT_DIR, bytes, size, &id));
    return id;
}

static enum jit_err load(const struct ckpt_manifest *m, uint64_t arena_bytes, const char **why)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    must(rmg_arena_new(&w.mem.heap, arena_bytes, &arena));
    const struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&w.mem.heap, &options, &store));
    enum jit_err err = ckpt_load(&w.mem.heap, &w.disk->io, m, store, &version, why);
    rmg_store_free(store);
    rmg_arena_free(&w.mem.heap, arena);
    return err;
}

START_TEST(no_states)
{
    static const uint8_t garbage[100] = {1, 2, 3};
    const char *why = "";
    struct jit_id segment;
    char name[BLOB_NAME_BYTES];
    must(world_checkpoint(&w, 0, false));
    must(world_checkpoint(&w, 1, true));
    struct ckpt_manifest m = w.made[1];
    ck_assert_int_eq(load(&m, WORLD_ARENA, &why), JIT_OK);
    m.state_root.bytes[0] ^= 1;
    ck_assert_int_eq(load(&m, WORLD_ARENA, &why), JIT_ECORRUPT);
    ck_assert_str_eq(why, "its segments give another state than it names");
    m = w.made[1];
    m.segments[0].id = put_segment(garbage, sizeof garbage);
    m.segments[0].size = sizeof garbage;
    ck_assert_int_eq(load(&m, WORLD_ARENA, &why), JIT_ECORRUPT);
    ck_assert_str_eq(why, "a segment is no valid state, or no patch on the one before it");
    m = w.made[1];
    m.segments[1].id = put_segment(garbage, sizeof garbage);
    m.segments[1].size = sizeof garbage;
    ck_assert_int_eq(load(&m, WORLD_ARENA, &why), JIT_ECORRUPT);
    ck_assert_str_eq(why, "a segment is no valid state, or no patch on the one before it");
    /* No room for it is no fault of its. */
    ck_assert(ckpt_is_host(load(&w.made[1], 4096, &why)));
    /* What the disk says of itself is handed on. */
    static const enum jit_err host[] = {JIT_EPERM, JIT_ELIMIT, JIT_EIO, JIT_ENOSPC, JIT_ENOMEM};
    for (unsigned i = 0; i < sizeof host / sizeof host[0]; i++) {
        struct kern_beside got;
        kern_beside_init(&got, &w.mem.heap);
        m = w.made[1];
        m.segments[1].kind = CKPT_BESIDE;
        w.disk->fault_at = 0;
        w.disk->fault_sticky = true;
        w.disk->fault_err = host[i];
        ck_assert_int_eq(load(&w.made[1], WORLD_ARENA, &why), host[i]);
        ck_assert_int_eq(ckpt_load_beside(&w.mem.heap, &w.disk->io, &m, &got, &why), host[i]);
        w.disk->fault_err = JIT_OK;
    }
    must(ckpt_verify(&w.mem.heap, &w.disk->io, &w.made[1], &segment));
    blob_name_in(CKPT_DIR, &w.made[1].segments[1].id, name);
    sim_disk_remove(w.disk, name);
    ck_assert_int_eq(ckpt_verify(&w.mem.heap, &w.disk->io, &w.made[1], &segment), JIT_ECORRUPT);
    ck_assert(jit_id_equal(&segment, &w.made[1].segments[1].id));
}
END_TEST

/* How long a chain of differences gets: so many, and so large a part of the whole. */
START_TEST(chains_end)
{
    static const struct {
        uint64_t whole;
        uint64_t patch; /* one is there */
        bool closed;
    } cases[] = {
        {1000, 100, false},           {1000, 5u << 20, true},
        {1000, (4u << 20) - 8, true}, /* no room for what differs now */
        {16u << 20, 5u << 20, false}, {16u << 20, 9u << 20, true},
        {1u << 30, 63u << 20, false}, {1u << 30, 64u << 20, true},
    };
    struct graph g[2];
    struct kern_beside beside;
    struct ckpt_beside kept;
    graph_begin(&g[0], 1);
    graph_begin(&g[1], 2);
    kern_beside_init(&beside, jit_heap_libc());
    set_beside(&beside, g, (const unsigned[2]){1, 2}, 2);
    must(ckpt_beside_of(jit_heap_libc(), &beside, &kept));
    must(world_checkpoint(&w, 0, false));
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ckpt_manifest base = w.made[0];
        base.segment_count = 4;
        base.segments[0].size = cases[i].whole;
        base.segments[1] = (struct ckpt_segment){.kind = CKPT_PATCH, .size = cases[i].patch};
        base.segments[2] = (struct ckpt_segment){.kind = CKPT_BESIDE, .size = cases[i].whole};
        base.segments[3] = (struct ckpt_segment){.kind = CKPT_BESIDE_PATCH, .size = cases[i].patch};
        struct ckpt_job job = world_job(&w, 1, false);
        job.base = (struct rmg_state){.store = w.store, .version = w.versions[0]};
        job.base_manifest = &base;
        job.beside = &kept;
        must(ckpt_write(&job));
        const struct ckpt_manifest *m = &job.manifest;
        const bool beside_closed = i == 1 || i == 4; /* what differs is no part of its bound */
        const uint32_t states = cases[i].closed ? 1 : 3;
        const uint32_t besides = m->segment_count - states;
        ck_assert_msg(m->segments[states].kind == CKPT_BESIDE, "case %u", i);
        ck_assert_msg(m->segments[states - 1].kind == (cases[i].closed ? CKPT_STATE : CKPT_PATCH),
                      "case %u", i);
        ck_assert_msg(besides == (beside_closed ? 1u : 3u), "case %u: %u", i, besides);
    }
    /* As many as there may be. */
    struct ckpt_manifest base = w.made[0];
    for (base.segment_count = 1; base.segment_count <= 64; base.segment_count++) {
        base.segments[base.segment_count] = (struct ckpt_segment){
            .kind = base.segment_count == 1 ? CKPT_BESIDE : CKPT_BESIDE_PATCH, .size = 1};
    }
    struct ckpt_job job = world_job(&w, 1, false);
    job.base = (struct rmg_state){.store = w.store, .version = w.versions[0]};
    job.base_manifest = &base;
    job.beside = &kept;
    must(ckpt_write(&job));
    ck_assert_uint_eq(job.manifest.segment_count, 3); /* state, patch, all that is beside it */
    /* There is nothing beside it; there are deaths alone. */
    struct ckpt_beside nothing = {.owns = kept.owns, .deaths = kept.deaths};
    for (nothing.death_count = 0; nothing.death_count < 2; nothing.death_count++) {
        job = world_job(&w, 1, false);
        job.beside = &nothing;
        must(ckpt_write(&job));
        ck_assert_uint_eq(job.manifest.segment_count, 1 + nothing.death_count);
    }
    ckpt_beside_release(jit_heap_libc(), &kept);
    kern_beside_release(&beside);
    graph_end(&g[0]);
    graph_end(&g[1]);
}
END_TEST

/* ---- beside ---- */

static enum jit_err beside_decode(const struct jit_buf *bytes, bool whole, struct kern_beside *got)
{
    return ckpt_beside_decode(jit_heap_libc(), bytes->data, bytes->size, whole, got);
}

static enum jit_err put_piece(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

START_TEST(beside_lies)
{
    struct graph g[2];
    struct kern_beside beside;
    struct kern_beside got;
    struct ckpt_beside kept;
    struct jit_buf bytes;
    graph_begin(&g[0], 1);
    graph_begin(&g[1], 2);
    kern_beside_init(&beside, jit_heap_libc());
    set_beside(&beside, g, (const unsigned[2]){1, 2}, 1);
    must(ckpt_beside_of(jit_heap_libc(), &beside, &kept));
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
    must(ckpt_beside_encode(jit_heap_libc(), &kept, true, put_piece, &bytes));
    const size_t one = 16 + 40 + 8; /* where the first graph is */
    const uint64_t size = jit_le64(bytes.data + one + 64);
    const size_t two = one + 80 + (size + 15) / 16 * 16;
    struct {
        size_t at;
        uint8_t value;
    } lies[] = {
        {one + 72, 1},      /* zero */
        {one - 1, 1},       /* padding behind the deaths */
        {one + 40, 0xEE},   /* its root */
        {one + 80 + 4, 99}, /* what a graph begins with */
    };
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        const uint8_t was = bytes.data[lies[i].at];
        bytes.data[lies[i].at] ^= lies[i].value;
        kern_beside_init(&got, jit_heap_libc());
        ck_assert_msg(beside_decode(&bytes, true, &got) != JIT_OK, "lie %u", i);
        kern_beside_release(&got);
        bytes.data[lies[i].at] = was;
    }
    /* One process twice. */
    struct jit_id was;
    memcpy(was.bytes, bytes.data + two, JIT_ID_BYTES);
    memcpy(bytes.data + two, bytes.data + one, JIT_ID_BYTES);
    kern_beside_init(&got, jit_heap_libc());
    ck_assert_int_eq(beside_decode(&bytes, true, &got), JIT_EFORMAT);
    kern_beside_release(&got);
    memcpy(bytes.data + two, was.bytes, JIT_ID_BYTES);
    /* More of them than there may be. */
    kern_beside_init(&got, jit_heap_libc());
    got.own_count = JIT_PROCESSES_MAX;
    ck_assert_int_eq(beside_decode(&bytes, true, &got), JIT_EFORMAT);
    got.own_count = 0;
    kern_beside_release(&got);
    /* A difference from what is not there. */
    kern_beside_init(&got, jit_heap_libc());
    ck_assert_int_ne(beside_decode(&bytes, false, &got), JIT_OK);
    kern_beside_release(&got);
    /* Longer than it says. */
    jit_buf_put_u64(&bytes, 0);
    kern_beside_init(&got, jit_heap_libc());
    ck_assert_int_eq(beside_decode(&bytes, true, &got), JIT_EFORMAT);
    kern_beside_release(&got);
    /* As a segment: said in words. */
    const char *why = "";
    struct ckpt_manifest m = plain();
    m.segment_count = 2;
    m.segments[1] = (struct ckpt_segment){
        .kind = CKPT_BESIDE, .id = put_segment(bytes.data, bytes.size), .size = bytes.size};
    kern_beside_init(&got, jit_heap_libc());
    ck_assert_int_eq(ckpt_load_beside(jit_heap_libc(), &w.disk->io, &m, &got, &why), JIT_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(why, "does not verify"));
    m.segments[1].id.bytes[0] ^= 1;
    ck_assert_int_eq(ckpt_load_beside(jit_heap_libc(), &w.disk->io, &m, &got, &why), JIT_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(why, "missing"));
    jit_buf_release(&bytes);
    ckpt_beside_release(jit_heap_libc(), &kept);
    kern_beside_release(&beside);
    graph_end(&g[0]);
    graph_end(&g[1]);
}
END_TEST

/* A graph that has changed so much that no patch can say it is written whole. */
START_TEST(too_much_has_changed)
{
    static uint8_t bytes[1u << 20];
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id root = world_id("node:", 0);
    const struct jit_id type = world_id("type:", 0);
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_tx *tx = NULL;
    struct rmg_version version = rmg_version_empty();
    must(rmg_arena_new(jit_heap_libc(), 160u << 20, &arena));
    const struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &store));
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    must(rmg_tx_upsert_node(tx, &top, &root, &type));
    for (unsigned i = 0; i < 65; i++) {
        const char name[2] = {(char)('0' + i % 10), (char)('a' + i / 10)};
        bytes[0] = (uint8_t)i;
        const struct rmg_attachment value = {
            .name = name,
            .name_size = 2,
            .value = {
                .kind = RMG_VALUE_ATOM, .type = type, .bytes = bytes, .size = sizeof bytes - 8}};
        must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &root, &value));
    }
    must(rmg_tx_seal(tx, &version));
    struct ckpt_own own = {
        .process = root, .store = store, .now = version, .base = rmg_version_empty()};
    const struct ckpt_beside beside = {.owns = &own, .own_count = 1};
    must(world_checkpoint(&w, 0, false));
    struct ckpt_manifest base = w.made[0];
    base.segments[base.segment_count++] = (struct ckpt_segment){.kind = CKPT_BESIDE, .size = 9};
    struct ckpt_job job = world_job(&w, 1, false);
    job.base = (struct rmg_state){.store = w.store, .version = w.versions[0]};
    job.base_manifest = &base;
    job.beside = &beside;
    must(ckpt_write(&job));
    const struct ckpt_manifest *m = &job.manifest;
    ck_assert_int_eq(m->segments[m->segment_count - 1].kind, CKPT_BESIDE);
    ck_assert_uint_gt(m->segments[m->segment_count - 1].size, JIT_PATCH_BYTES_MAX);
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
}
END_TEST

/* ---- images ---- */

static enum jit_err (*true_size)(struct jit_io *io, int file, uint64_t *out);

static enum jit_err one_more(struct jit_io *io, int file, uint64_t *out)
{
    enum jit_err err = true_size(io, file, out);
    *out += 1;
    return err;
}

START_TEST(images)
{
    char name[CKPT_FILE_NAME_MAX];
    char blocks[BLOB_NAME_BYTES];
    uint8_t lie[8];
    struct jit_id id;
    uint64_t size = 0;
    uint64_t bytes = 0;
    struct ckpt_job job = world_job(&w, 0, false);
    job.image_bytes = 1;
    must(ckpt_write(&job));
    const struct jit_id *segment = &job.manifest.segments[0].id;
    ckpt_image_name(segment, name);
    ck_assert_ptr_nonnull(sim_disk_bytes(w.disk, name, &size));
    must(ckpt_image_verify(&w.mem.heap, &w.disk->io, segment));
    must(ckpt_image_blob(&w.disk->io, segment, &id, &bytes));
    /* Where its envelope begins: before its table, behind its end. */
    static const uint64_t ends[] = {5, UINT64_MAX};
    uint8_t was[8];
    memcpy(was, sim_disk_bytes(w.disk, name, &size) + 8, sizeof was);
    for (unsigned i = 0; i < 2; i++) {
        jit_put_le64(lie, ends[i]);
        sim_disk_damage(w.disk, name, 8, lie, sizeof lie);
        ck_assert_int_eq(ckpt_image_verify(&w.mem.heap, &w.disk->io, segment), JIT_ECORRUPT);
    }
    sim_disk_damage(w.disk, name, 8, was, sizeof was);
    must(ckpt_image_verify(&w.mem.heap, &w.disk->io, segment));
    /* It shrinks while it is read. */
    true_size = w.disk->io.size;
    w.disk->io.size = one_more;
    ck_assert_int_eq(ckpt_image_verify(&w.mem.heap, &w.disk->io, segment), JIT_ECORRUPT);
    w.disk->io.size = true_size;
    /* Its blocks are gone: that is damage, not the lack of an image. */
    blob_name_in(CKPT_DIR, &id, blocks);
    sim_disk_remove(w.disk, blocks);
    ck_assert_int_eq(ckpt_image_verify(&w.mem.heap, &w.disk->io, segment), JIT_ECORRUPT);
    /* Another magic; too short for a head; larger than any. */
    memcpy(was, sim_disk_bytes(w.disk, name, &size), 1);
    lie[0] = was[0] ^ 1;
    sim_disk_damage(w.disk, name, 0, lie, 1);
    ck_assert_int_eq(ckpt_image_blob(&w.disk->io, segment, &id, &bytes), JIT_ECORRUPT);
    sim_disk_damage(w.disk, name, 0, was, 1);
    sim_disk_resize(w.disk, name, 80);
    ck_assert_int_eq(ckpt_image_blob(&w.disk->io, segment, &id, &bytes), JIT_ECORRUPT);
    sim_disk_resize(w.disk, name, 65u << 20);
    ck_assert_int_eq(ckpt_image_verify(&w.mem.heap, &w.disk->io, segment), JIT_ECORRUPT);
}
END_TEST

/* More than is read at once: it comes in pieces, each proved. */
START_TEST(large_images)
{
    static uint8_t bytes[1u << 20];
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id root = world_id("node:", 0);
    const struct jit_id type = world_id("type:", 0);
    struct rmg_arena *arena[2] = {NULL};
    struct rmg_store *store[2] = {NULL};
    struct rmg_version version[2];
    struct rmg_tx *tx = NULL;
    for (unsigned i = 0; i < 2; i++) {
        must(rmg_arena_new(jit_heap_libc(), 32u << 20, &arena[i]));
        const struct rmg_store_options options = {.arenas = {arena[i]}, .arena_count = 1};
        must(rmg_store_new(jit_heap_libc(), &options, &store[i]));
        version[i] = rmg_version_empty();
    }
    must(rmg_tx_begin(store[0], &version[0], &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    must(rmg_tx_upsert_node(tx, &top, &root, &type));
    for (unsigned i = 0; i < 10; i++) {
        const char name = (char)('a' + (int)i);
        bytes[0] = (uint8_t)i;
        const struct rmg_attachment value = {
            .name = &name,
            .name_size = 1,
            .value = {
                .kind = RMG_VALUE_ATOM, .type = type, .bytes = bytes, .size = sizeof bytes - 8}};
        must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &root, &value));
    }
    must(rmg_tx_seal(tx, &version[0]));
    struct ckpt_job job = world_job(&w, 0, false);
    job.state = (struct rmg_state){.store = store[0], .version = version[0]};
    job.image_bytes = 1;
    must(ckpt_write(&job));
    must(ckpt_image_load(jit_heap_libc(), &w.disk->io, jit_exec_inline(),
                         &job.manifest.segments[0].id, store[1], &version[1]));
    ck_assert(jit_id_equal(&version[0].state_root, &version[1].state_root));
    for (unsigned i = 0; i < 2; i++) {
        rmg_store_free(store[i]);
        rmg_arena_free(jit_heap_libc(), arena[i]);
    }
}
END_TEST

/* ---- one file ---- */

/* A head, these bytes as a state, perhaps others beside it, and a manifest that is signed. */
static enum jit_err open_bundle(struct ckpt_manifest *m, const struct jit_buf *state,
                                const struct jit_buf *more, struct jit_buf *out,
                                struct ckpt_bundle *bundle, const char **why)
{
    uint8_t head[CKPT_BUNDLE_HEAD];
    jit_put_le32(head, 0x584B434A);
    jit_put_le16(head + 4, 1);
    jit_put_le16(head + 6, more != NULL ? 1 : 0);
    jit_put_le64(head + 8, state->size);
    jit_buf_reset(out);
    jit_buf_put(out, head, sizeof head);
    jit_buf_put(out, state->data, state->size);
    if (more != NULL) {
        jit_buf_put_u64(out, more->size);
        jit_buf_put_u64(out, 0);
        jit_buf_put(out, more->data, more->size);
    }
    struct jit_buf bytes = encoded(m);
    must(rmg_envelope_sign(NULL, CKPT_KIND, &m->id, w.seed, &bytes));
    jit_buf_put(out, bytes.data, bytes.size);
    jit_buf_release(&bytes);
    must(out->err);
    return ckpt_bundle_open(out->data, out->size, bundle, why);
}

static struct ckpt_segment segment_of(enum ckpt_segment_kind kind, const struct jit_buf *bytes)
{
    struct ckpt_segment segment = {.kind = kind, .size = bytes->size};
    jit_hash(bytes->data, bytes->size, &segment.id);
    return segment;
}

static enum jit_err load_bundle(const struct ckpt_bundle *bundle, const char **why)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    must(rmg_arena_new(&w.mem.heap, WORLD_ARENA, &arena));
    const struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&w.mem.heap, &options, &store));
    enum jit_err err = ckpt_bundle_load(&w.mem.heap, bundle, store, &version, why);
    rmg_store_free(store);
    rmg_arena_free(&w.mem.heap, arena);
    return err;
}

START_TEST(bundles)
{
    static struct ckpt_bundle bundle;
    struct jit_buf state;
    struct jit_buf garbage;
    struct jit_buf out;
    const char *why = "";
    jit_buf_init(&state, jit_heap_libc(), 1u << 20);
    jit_buf_init(&garbage, jit_heap_libc(), 1u << 20);
    jit_buf_init(&out, jit_heap_libc(), 1u << 20);
    jit_buf_put(&garbage, "no state, whatever its name is", 30);
    must(rmg_file_write(jit_heap_libc(), w.store, &w.versions[1], put_piece, &state, NULL));
    struct ckpt_manifest m = plain();
    m.state_root = w.versions[1].state_root;
    m.segments[0] = segment_of(CKPT_STATE, &state);
    must(open_bundle(&m, &state, NULL, &out, &bundle, &why));
    must(load_bundle(&bundle, &why));
    struct kern_beside got;
    kern_beside_init(&got, jit_heap_libc());
    must(ckpt_bundle_load_beside(jit_heap_libc(), &bundle, &got, &why));
    ck_assert_uint_eq(got.own_count + got.death_count, 0);
    kern_beside_release(&got);
    /* A manifest that is larger than one may be. */
    for (unsigned i = 0; i < CKPT_MANIFEST_MAX / 8; i++) {
        jit_buf_put_u64(&out, 0);
    }
    ck_assert_int_eq(ckpt_bundle_open(out.data, out.size, &bundle, &why), JIT_ECORRUPT);
    /* Another state than it names: found when it is built. */
    m.state_root.bytes[0] ^= 1;
    must(open_bundle(&m, &state, NULL, &out, &bundle, &why));
    ck_assert_int_eq(load_bundle(&bundle, &why), JIT_ECORRUPT);
    ck_assert_str_eq(why, "it names another state than it holds");
    m.state_root = w.versions[1].state_root;
    /* Signed, and no state. */
    m.segments[0] = segment_of(CKPT_STATE, &garbage);
    must(open_bundle(&m, &garbage, NULL, &out, &bundle, &why));
    ck_assert_int_eq(load_bundle(&bundle, &why), JIT_ECORRUPT);
    /* A state whose first bytes are not what they should be: another form, or a newer one. */
    for (size_t at = 0; at < 16; at++) {
        state.data[at] ^= 0x40;
        m.segments[0] = segment_of(CKPT_STATE, &state);
        must(open_bundle(&m, &state, NULL, &out, &bundle, &why));
        ck_assert_int_eq(load_bundle(&bundle, &why), JIT_ECORRUPT);
        state.data[at] ^= 0x40;
    }
    m.segments[0] = segment_of(CKPT_STATE, &state);
    /* Another size than was signed, another number of segments, another kind of them. */
    m.segments[0].size++;
    ck_assert_int_eq(open_bundle(&m, &state, NULL, &out, &bundle, &why), JIT_ECORRUPT);
    m.segments[0].size--;
    m.segment_count = 2;
    m.segments[1] = segment_of(CKPT_PATCH, &garbage);
    ck_assert_int_eq(open_bundle(&m, &state, NULL, &out, &bundle, &why), JIT_ECORRUPT);
    ck_assert_int_eq(open_bundle(&m, &state, &garbage, &out, &bundle, &why), JIT_ECORRUPT);
    m.segments[1].kind = CKPT_BESIDE;
    must(open_bundle(&m, &state, &garbage, &out, &bundle, &why));
    kern_beside_init(&got, jit_heap_libc());
    ck_assert_int_eq(ckpt_bundle_load_beside(jit_heap_libc(), &bundle, &got, &why), JIT_ECORRUPT);
    kern_beside_release(&got);
    m.segments[1].id.bytes[0] ^= 1;
    ck_assert_int_eq(open_bundle(&m, &state, &garbage, &out, &bundle, &why), JIT_ECORRUPT);
    /* Nothing beside it, and deaths alone. */
    uint8_t head[CKPT_BUNDLE_HEAD];
    struct kern_death death = {.tick = 4};
    struct ckpt_beside beside = {.deaths = &death};
    for (beside.death_count = 0; beside.death_count < 2; beside.death_count++) {
        struct ckpt_job job = world_job(&w, 1, false);
        jit_buf_reset(&out);
        must(ckpt_bundle_write(jit_heap_libc(), &job.state, &beside, &job.manifest, w.seed,
                               put_piece, &out, head));
        memcpy(out.data, head, sizeof head);
        must(ckpt_bundle_open(out.data, out.size, &bundle, &why));
        ck_assert_uint_eq(bundle.beside_size > 0, beside.death_count);
    }
    jit_buf_release(&out);
    jit_buf_release(&garbage);
    jit_buf_release(&state);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "contents", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_states);
    tcase_add_test(t, chains_end);
    tcase_add_test(t, beside_lies);
    tcase_add_test(t, too_much_has_changed);
    tcase_add_test(t, images);
    tcase_add_test(t, large_images);
    tcase_add_test(t, bundles);
}

TEST_MAIN("checkpoint contents", suite)
