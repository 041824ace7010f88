/* Rows of what lies in files: .rmg, .wsc, a space of the library, mounts; hashes and signatures. */
#include <unistd.h>

#include "librmg/rmg.h"
#include "tests/kernel/oom_world.h"

/* ---- files ---- */

static enum jit_err run_file_write(struct oom *oom)
{
    return hash_out(
        oom, rmg_file_write(&oom->mem->heap, w.store, &w.versions[3], write_out, &out, NULL));
}

static void begin_file(struct oom *oom)
{
    begin(oom);
    must(rmg_file_write(jit_heap_libc(), w.store, &w.versions[3], write_out, &in, NULL));
}

static enum jit_err run_file_load(struct oom *oom)
{
    struct rmg_file_fault fault;
    struct rmg_file file;
    struct other other;
    struct rmg_version version;
    enum jit_err err = rmg_file_open(in.data, in.size, &file, &fault);
    err = err == JIT_OK ? rmg_file_check(&oom->mem->heap, &file, &fault) : err;
    enum jit_err made = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? made : err;
    err =
        err == JIT_OK ? rmg_file_load(&oom->mem->heap, &file, other.store, &version, &fault) : err;
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    other_release(&other, &oom->mem->heap);
    return err;
}

/* The format keeps one value a node, without a name: a state that it can hold. */
static struct other bare;
static struct rmg_version bare_version;

static void begin_bare(struct oom *oom)
{
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id root = world_id("node:", 0);
    const struct jit_id type = world_id("type:", 0);
    struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    begin(oom);
    must(other_new(&bare, jit_heap_libc()));
    must(rmg_tx_begin(bare.store, &empty, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (unsigned i = 0; i < 12; i++) {
        struct jit_id id = world_id("node:", i);
        struct rmg_edge edge = {world_id("edge:", i), root, id, type};
        must(rmg_tx_upsert_node(tx, &top, &id, &type));
        must(rmg_tx_upsert_edge(tx, &top, &edge));
    }
    must(rmg_tx_seal(tx, &bare_version));
}

static void end_bare(struct oom *oom)
{
    other_release(&bare, jit_heap_libc());
    end(oom);
}

static enum jit_err run_wsc_write(struct oom *oom)
{
    const struct rmg_wsc_head head = {.tick = 3};
    struct rmg_wsc_owner owner;
    return hash_out(oom, rmg_wsc_write(&oom->mem->heap, bare.store, &bare_version, &head, write_out,
                                       &out, &owner, NULL));
}

static void begin_wsc(struct oom *oom)
{
    const struct rmg_wsc_head head = {.tick = 3};
    struct rmg_wsc_owner owner;
    begin_bare(oom);
    must(rmg_wsc_write(jit_heap_libc(), bare.store, &bare_version, &head, write_out, &in, &owner,
                       NULL));
}

static enum jit_err run_wsc_load(struct oom *oom)
{
    struct rmg_file_fault fault;
    struct rmg_wsc file;
    struct other other;
    struct rmg_version version;
    enum jit_err err = rmg_wsc_open(in.data, in.size, &file, &fault);
    enum jit_err made = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? made : err;
    err = err == JIT_OK ? rmg_wsc_load(&oom->mem->heap, &file, other.store, &version, &fault) : err;
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    other_release(&other, &oom->mem->heap);
    return err;
}

static enum jit_err run_wsc_verify(struct oom *oom)
{
    struct rmg_file_fault fault;
    struct rmg_wsc file;
    struct rmg_wsc_verified verified;
    enum jit_err err = rmg_wsc_open(in.data, in.size, &file, &fault);
    err = err == JIT_OK ? rmg_wsc_verify(&oom->mem->heap, &file, &verified, &fault) : err;
    if (err == JIT_OK) {
        rmg_wsc_verified_release(&verified, &oom->mem->heap);
    }
    return err;
}

/* ---- a space of the library, saved and opened ---- */

static char saved[64];

static void begin_space(struct oom *oom)
{
    struct rmg_space space = {
        .heap = jit_heap_libc(), .store = NULL, .version = rmg_version_empty()};
    begin(oom);
    space.store = w.store;
    space.version = w.versions[3];
    (void)snprintf(saved, sizeof saved, "/tmp/jitos-oom-%d.rmg", (int)getpid());
    must(rmg_store_save(&space, saved));
}

static void end_space(struct oom *oom)
{
    ck_assert_int_eq(unlink(saved), 0);
    end(oom);
}

static enum jit_err run_store_open(struct oom *oom)
{
    struct rmg_space space;
    struct rmg_file_fault fault;
    enum jit_err err = rmg_store_open(&space, &oom->mem->heap, saved, &fault);
    if (err == JIT_OK) {
        oom->result = space.version.state_root;
        rmg_store_close(&space);
    }
    return err;
}

static enum jit_err run_store_save(struct oom *oom)
{
    struct rmg_space space = {.heap = &oom->mem->heap, .store = w.store, .version = w.versions[2]};
    struct rmg_mapped mapped;
    enum jit_err err = rmg_store_save(&space, saved);
    if (err == JIT_OK) {
        must(rmg_file_copy(saved, &mapped));
        jit_hash(mapped.bytes, mapped.size, &oom->result);
        rmg_file_unmap(&mapped);
    }
    return err;
}

/* ---- mounting ---- */

static enum jit_err run_mount(struct oom *oom)
{
    const struct rmg_parent slot = {.present = true,
                                    .plane = RMG_PLANE_ALPHA,
                                    .instance = world_id("warp:", 0),
                                    .owner = world_id("node:", 1),
                                    .name_size = 1,
                                    .name = "m"};
    const struct jit_id inner = world_id("warp:", 9);
    struct rmg_file_fault fault;
    struct rmg_mount_fault why;
    struct other other;
    struct rmg_file file;
    struct rmg_mount mount = {.slot = &slot, .instance = &inner};
    struct rmg_version version = w.versions[3];
    must(other_new(&other, jit_heap_libc()));
    must(rmg_file_open(in.data, in.size, &file, &fault));
    must(rmg_file_load(jit_heap_libc(), &file, other.store, &mount.from.version, &fault));
    mount.from.store = other.store;
    enum jit_err err = rmg_mount(&oom->mem->heap, w.store, &version, &mount, &why);
    if (err == JIT_OK) {
        oom->result = version.state_root;
    } else {
        ck_assert(jit_id_equal(&version.state_root, &w.versions[3].state_root));
    }
    other_release(&other, jit_heap_libc());
    return err;
}

/* ---- hashes, proofs, signatures ---- */

static enum jit_err run_linear_root(struct oom *oom)
{
    return rmg_linear_root(&oom->mem->heap, w.store, &w.versions[3], &oom->result);
}

static enum jit_err run_echo_root(struct oom *oom)
{
    struct rmg_wsc_owner owner;
    return rmg_echo_root(&oom->mem->heap, bare.store, &bare_version, &oom->result, &owner);
}

static enum jit_err run_prove(struct oom *oom)
{
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id id = world_id("node:", 2);
    return hash_out(oom, rmg_prove(w.store, &w.versions[3], RMG_PROOF_NODES, &top, &id, &out));
}

static enum jit_err run_sign(struct oom *oom)
{
    return hash_out(
        oom, rmg_envelope_sign(NULL, RMG_KIND_STATE, &w.versions[3].state_root, w.seed, &out));
}

const struct oom_row oom_file_rows[] = {
    {"rmg_file_write", begin, run_file_write, whole, end, false, false},
    {"rmg_file_load", begin_file, run_file_load, whole, end, false, false},
    {"rmg_wsc_write", begin_bare, run_wsc_write, whole, end_bare, false, false},
    {"rmg_wsc_load", begin_wsc, run_wsc_load, whole, end_bare, false, false},
    {"rmg_wsc_verify", begin_wsc, run_wsc_verify, whole, end_bare, false, false},
    {"rmg_store_open", begin_space, run_store_open, whole, end_space, false, false},
    {"rmg_store_save", begin_space, run_store_save, whole, end_space, false, false},
    {"rmg_mount", begin_file, run_mount, whole, end, false, false},
    {"rmg_linear_root", begin, run_linear_root, whole, end, false, false},
    {"rmg_echo_root", begin_bare, run_echo_root, whole, end_bare, false, false},
    {"rmg_prove", begin, run_prove, whole, end, false, false},
    {"rmg_envelope_sign", begin, run_sign, whole, end, false, false},
};
const size_t oom_file_row_count = sizeof oom_file_rows / sizeof oom_file_rows[0];
