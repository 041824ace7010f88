/* Goal:   an image makes reading a checkpoint fast and never anything else: what is read with it is
 *         the state that was kept; without it, with a damaged one or with somebody else's, too.
 * Method: small states on the simulated disk: which files are read; every byte flipped and cut;
 *         another key; every crash and every failing operation of writing and removing. */
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/log/blob.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"

static struct world w;

static void setup(void)
{
    world_begin(&w);
    must(ckpt_key(&w.disk->io, true, w.seed));
}

static void teardown(void)
{
    world_end(&w);
}

static enum jit_err checkpoint(unsigned n, bool incremental)
{
    struct ckpt_job job = world_job(&w, n, incremental);
    job.image_bytes = 1;
    enum jit_err err = ckpt_write(&job);
    if (err == JIT_OK) {
        w.made[n] = job.manifest;
    }
    return err;
}

/* The state of a checkpoint is the one that was kept. */
static void is_whole(struct sim_disk *disk, const struct ckpt_manifest *m)
{
    struct jit_id root;
    must(world_load(jit_heap_libc(), &disk->io, m, &root));
    ck_assert(jit_id_equal(&root, &w.versions[m->tick].state_root));
}

static void state_file(unsigned n, char name[BLOB_NAME_BYTES])
{
    blob_name_in(CKPT_DIR, &w.made[n].segments[0].id, name);
}

static unsigned files_of(const struct sim_disk *disk, const char *suffix)
{
    unsigned count = 0;
    for (size_t f = 0; sim_disk_name(disk, f) != NULL; f++) {
        const char *name = sim_disk_name(disk, f);
        size_t size = strlen(name);
        count += strncmp(name, CKPT_DIR "/", 5) == 0 && size > strlen(suffix) &&
                 strcmp(name + size - strlen(suffix), suffix) == 0;
    }
    return count;
}

/* With the state's own file gone, an image is enough; and without an image the state is. */
START_TEST(either_is_enough)
{
    char name[BLOB_NAME_BYTES];
    char image[CKPT_FILE_NAME_MAX];
    struct jit_id blocks;
    struct jit_id root;
    uint64_t size = 0;
    must(checkpoint(0, false));
    must(checkpoint(1, true));
    ck_assert_uint_eq(w.made[1].segment_count, 2);
    ck_assert_uint_eq(files_of(w.disk, CKPT_IMAGE_SUFFIX), 1); /* of the one whole state */
    must(ckpt_image_blob(&w.disk->io, &w.made[0].segments[0].id, &blocks, &size));
    must(ckpt_image_verify(jit_heap_libc(), &w.disk->io, &w.made[0].segments[0].id));
    is_whole(w.disk, &w.made[0]);
    is_whole(w.disk, &w.made[1]);
    state_file(0, name);
    sim_disk_remove(w.disk, name);
    is_whole(w.disk, &w.made[0]);
    is_whole(w.disk, &w.made[1]);
    ckpt_image_name(&w.made[0].segments[0].id, image);
    sim_disk_remove(w.disk, image);
    ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[0], &root), JIT_ECORRUPT);
    ck_assert_int_eq(ckpt_image_verify(jit_heap_libc(), &w.disk->io, &w.made[0].segments[0].id),
                     JIT_ENOENT);
    must(checkpoint(2, false));
    ckpt_image_name(&w.made[2].segments[0].id, image);
    sim_disk_remove(w.disk, image);
    is_whole(w.disk, &w.made[2]);
}
END_TEST

/* Small states have none. */
START_TEST(small_ones_have_none)
{
    must(world_checkpoint(&w, 0, false));
    ck_assert_uint_eq(files_of(w.disk, CKPT_IMAGE_SUFFIX), 0);
    is_whole(w.disk, &w.made[0]);
}
END_TEST

/* The state's file is gone, so that what is read comes from the image or not at all. */
START_TEST(every_flipped_bit)
{
    char gone[BLOB_NAME_BYTES];
    unsigned flips = 0;
    must(checkpoint(0, false));
    state_file(0, gone);
    sim_disk_remove(w.disk, gone);
    is_whole(w.disk, &w.made[0]);
    for (size_t f = 0; sim_disk_name(w.disk, f) != NULL; f++) {
        char name[SIM_NAME_BYTES];
        uint64_t size = 0;
        struct jit_id root;
        snprintf(name, sizeof name, "%s", sim_disk_name(w.disk, f));
        const uint8_t *bytes = sim_disk_bytes(w.disk, name, &size);
        if (strncmp(name, CKPT_DIR "/", 5) != 0 || strstr(name, ".ckpt") != NULL) {
            continue;
        }
        for (uint64_t at = 0; at < size; at++, flips++) {
            uint8_t was = bytes[at];
            uint8_t is = was ^ (uint8_t)(1u << at % 8);
            sim_disk_damage(w.disk, name, at, &is, 1);
            ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[0], &root),
                             JIT_ECORRUPT);
            ck_assert_int_ne(
                ckpt_image_verify(jit_heap_libc(), &w.disk->io, &w.made[0].segments[0].id), JIT_OK);
            sim_disk_damage(w.disk, name, at, &was, 1);
        }
        uint8_t *kept = jit_heap_zalloc(jit_heap_libc(), 1, size);
        memcpy(kept, bytes, size);
        for (uint64_t cut = size; cut-- > 0;) {
            sim_disk_resize(w.disk, name, cut);
            ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[0], &root),
                             JIT_ECORRUPT);
        }
        sim_disk_resize(w.disk, name, size);
        sim_disk_damage(w.disk, name, 0, kept, size);
        jit_heap_libc()->free(jit_heap_libc(), kept);
        is_whole(w.disk, &w.made[0]);
    }
    printf("flipped bytes of an image: %u, 0 used\n", flips);
    ck_assert_uint_gt(flips, 2000);
}
END_TEST

/* Hashes in an image are believed, so it counts only with the signature of the folder's own key:
 * not another's, not where there is none. */
START_TEST(another_key)
{
    char gone[BLOB_NAME_BYTES];
    struct jit_id root;
    uint8_t own[JIT_SIGN_SEED_BYTES];
    memcpy(own, w.seed, sizeof own);
    w.seed[0] ^= 1;
    must(checkpoint(0, false));
    is_whole(w.disk, &w.made[0]);
    state_file(0, gone);
    sim_disk_remove(w.disk, gone);
    ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[0], &root), JIT_ECORRUPT);
    memcpy(w.seed, own, sizeof own);
    must(checkpoint(1, false));
    state_file(1, gone);
    sim_disk_remove(w.disk, gone);
    is_whole(w.disk, &w.made[1]);
    sim_disk_remove(w.disk, "KEY");
    ck_assert_int_eq(world_load(jit_heap_libc(), &w.disk->io, &w.made[1], &root), JIT_ECORRUPT);
}
END_TEST

/* Images stay with their states, and go with them. */
START_TEST(removed_with_their_states)
{
    const struct ckpt_manifest *keep[] = {&w.made[3]};
    uint64_t removed = 0;
    must(checkpoint(0, false));
    must(checkpoint(1, true));
    must(checkpoint(2, false));
    must(checkpoint(3, true));
    ck_assert_uint_eq(files_of(w.disk, CKPT_IMAGE_SUFFIX), 2);
    must(ckpt_remove_others(jit_heap_libc(), &w.disk->io, keep, 1, &removed));
    ck_assert_uint_eq(removed, 3 + 2 + 2); /* manifests, segments, the image and its blocks */
    ck_assert_uint_eq(files_of(w.disk, CKPT_IMAGE_SUFFIX), 1);
    must(ckpt_image_verify(jit_heap_libc(), &w.disk->io, &w.made[3].segments[0].id));
    is_whole(w.disk, &w.made[3]);
    must(ckpt_remove_others(jit_heap_libc(), &w.disk->io, NULL, 0, &removed));
    ck_assert_uint_eq(files_of(w.disk, ""), 0);
}
END_TEST

/* ---- crashes ---- */

struct exploring {
    struct jit_random random;
    uint64_t states;
    unsigned kept; /* the checkpoint of this tick must be there */
};

static void judge(struct sim_disk *disk, unsigned kept)
{
    struct ckpt_list found;
    bool there = false;
    must(ckpt_list_read(jit_heap_libc(), &disk->io, NULL, &found));
    for (size_t i = 0; i < found.count; i++) {
        const struct ckpt_manifest *m = found.entries[i].manifest;
        ck_assert_ptr_nonnull(m);
        is_whole(disk, m);
        there = there || m->tick == kept;
    }
    ck_assert(there);
    ckpt_list_release(&found);
}

static void judge_plan(void *user, const struct sim_crash *plan)
{
    struct exploring *ex = user;
    struct sim_disk *after = sim_disk_crash(w.disk, plan);
    ex->states++;
    judge(after, ex->kept);
    sim_disk_free(after);
}

static void on_change(struct sim_disk *disk, void *user)
{
    struct exploring *ex = user;
    sim_disk_plans(disk, &ex->random, 2, judge_plan, ex);
}

START_TEST(crashes)
{
    struct exploring ex = {.random = jit_random_of(12)};
    const struct ckpt_manifest *keep[] = {&w.made[3]};
    must(checkpoint(0, false));
    w.disk->hook = on_change;
    w.disk->hook_user = &ex;
    must(checkpoint(1, true));
    must(checkpoint(2, false));
    must(checkpoint(3, true));
    ex.kept = 3;
    must(ckpt_remove_others(jit_heap_libc(), &w.disk->io, keep, 1, NULL));
    w.disk->hook = NULL;
    printf("crash states with images: %llu, no failure\n", (unsigned long long)ex.states);
    ck_assert_uint_gt(ex.states, 100);
}
END_TEST

/* An operation that fails: the checkpoint is there without its image, or it is an error; what was
 * there stays, and of what failed nothing is left that a removal does not take. */
START_TEST(faults)
{
    static const enum jit_err errors[] = {JIT_ENOSPC, JIT_EIO};
    unsigned without = 0;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (uint64_t at = 0;; at++) {
            const struct ckpt_manifest *keep[] = {&w.made[0], &w.made[2]};
            sim_disk_free(w.disk);
            w.disk = sim_disk_new(at);
            must(ckpt_key(&w.disk->io, true, w.seed));
            must(checkpoint(0, false));
            w.disk->fault_at = w.disk->calls + at;
            w.disk->fault_err = errors[kind % 2];
            w.disk->fault_sticky = kind >= 2;
            enum jit_err err = checkpoint(2, false);
            bool hit = w.disk->fault_fired;
            w.disk->fault_err = JIT_OK;
            judge(w.disk, 0);
            if (err == JIT_OK) {
                judge(w.disk, 2);
                without += files_of(w.disk, CKPT_IMAGE_SUFFIX) == 1;
            }
            must(ckpt_remove_others(jit_heap_libc(), &w.disk->io, keep, err == JIT_OK ? 2 : 1,
                                    NULL));
            unsigned images = files_of(w.disk, CKPT_IMAGE_SUFFIX);
            ck_assert_uint_eq(files_of(w.disk, ""), (err == JIT_OK ? 4 : 2) + 2 * images);
            judge(w.disk, 0);
            if (!hit) {
                must(err);
                ck_assert_uint_eq(images, 2);
                break;
            }
        }
    }
    ck_assert_uint_gt(without, 10);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "image", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, either_is_enough);
    tcase_add_test(t, small_ones_have_none);
    tcase_add_test(t, every_flipped_bit);
    tcase_add_test(t, another_key);
    tcase_add_test(t, removed_with_their_states);
    tcase_add_test(t, crashes);
    tcase_add_test(t, faults);
}

TEST_MAIN("checkpoint image", suite)
