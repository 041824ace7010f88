/* Goal:   a manifest or a key whose bytes are whole and signed and that says what none says is
 * refused by name, and one checkpoint of several is found by any word for it. Method: manifests
 * made by hand, each signed or named anew after the lie; bytes cut short with the sizes that go
 * with it; lists of good, bad and foreign ones. */
#include "base/le.h"
#include "rmg/file/envelope.h"
#include "tests/kernel/checkpoint/forms_bed.h"

static void manifest_name(const struct jit_id *id, char name[CKPT_FILE_NAME_MAX])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    snprintf(name, CKPT_FILE_NAME_MAX, CKPT_DIR "/%s.ckpt", hex);
}

/* ---- manifests ---- */

/* Read back, and if it is one, written again as the same bytes. */
static enum jit_err decode(struct ckpt_manifest *m)
{
    static struct ckpt_manifest out;
    struct jit_buf bytes = encoded(m);
    size_t size = 0;
    enum jit_err err = ckpt_manifest_decode(bytes.data, bytes.size, &out, &size);
    if (err == JIT_OK) {
        struct jit_buf again = encoded(&out);
        ck_assert_uint_eq(size, bytes.size);
        ck_assert_uint_eq(again.size, bytes.size);
        ck_assert_mem_eq(again.data, bytes.data, bytes.size);
        jit_buf_release(&again);
    } else {
        ck_assert_int_eq(err, JIT_EFORMAT);
    }
    jit_buf_release(&bytes);
    return err;
}

START_TEST(marks_and_ticks)
{
    const struct ckpt_manifest good = plain();
    struct ckpt_manifest m = good;
    ck_assert_int_eq(decode(&m), JIT_OK);
    for (unsigned lie = 0; lie < 9; lie++) {
        m = good;
        switch (lie) {
        case 0:
            m.mark.segment = 0;
            break;
        case 1:
            m.mark.offset = LOG_BLOCK_BYTES - 8;
            break;
        case 2:
            m.mark.offset += 4;
            break;
        case 3: /* no record is before it, so it is the log's start */
            m.mark.segment = 2;
            break;
        case 4:
            m.mark.offset += 8;
            break;
        case 5:
            m.mark.sealed = true;
            break;
        case 6:
            m.mark.chain.bytes[3] = 1;
            break;
        case 7:
            m.mark.tick = m.tick + 2;
            break;
        default:
            m.tick = UINT64_MAX;
            break;
        }
        ck_assert_msg(decode(&m) == JIT_EFORMAT, "lie %u", lie);
    }
    m = good;
    m.mark = (struct log_mark){
        .segment = 3, .offset = LOG_BLOCK_BYTES + 8, .number = 4, .tick = 1, .sealed = true};
    ck_assert_int_eq(decode(&m), JIT_OK);
}
END_TEST

/* Which kind may follow which. */
START_TEST(segments_follow)
{
    static const enum ckpt_segment_kind good[][5] = {
        {CKPT_STATE},
        {CKPT_STATE, CKPT_PATCH},
        {CKPT_STATE, CKPT_PATCH, CKPT_PATCH},
        {CKPT_STATE, CKPT_BESIDE},
        {CKPT_STATE, CKPT_PATCH, CKPT_BESIDE},
        {CKPT_STATE, CKPT_BESIDE, CKPT_BESIDE_PATCH, CKPT_BESIDE_PATCH},
    };
    static const enum ckpt_segment_kind bad[][5] = {
        {0},
        {5},
        {CKPT_PATCH},
        {CKPT_BESIDE},
        {CKPT_BESIDE_PATCH},
        {CKPT_STATE, CKPT_STATE},
        {CKPT_STATE, CKPT_BESIDE_PATCH},
        {CKPT_STATE, CKPT_BESIDE, CKPT_BESIDE},
        {CKPT_STATE, CKPT_BESIDE, CKPT_PATCH},
        {CKPT_STATE, CKPT_BESIDE, CKPT_BESIDE_PATCH, CKPT_BESIDE},
        {CKPT_STATE, CKPT_PATCH, CKPT_BESIDE_PATCH},
        {CKPT_STATE, (enum ckpt_segment_kind)77},
    };
    struct ckpt_manifest m = plain();
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (m.segment_count = 0; good[i][m.segment_count] != 0; m.segment_count++) {
            m.segments[m.segment_count] =
                (struct ckpt_segment){.kind = good[i][m.segment_count], .size = 1};
        }
        ck_assert_msg(decode(&m) == JIT_OK, "good %u", i);
        m.segments[m.segment_count - 1].size = 0;
        ck_assert_msg(decode(&m) == JIT_EFORMAT, "good %u of no size", i);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (m.segment_count = 0; m.segment_count == 0 || bad[i][m.segment_count] != 0;
             m.segment_count++) {
            m.segments[m.segment_count] =
                (struct ckpt_segment){.kind = bad[i][m.segment_count], .size = 1};
        }
        ck_assert_msg(decode(&m) == JIT_EFORMAT, "bad %u", i);
    }
}
END_TEST

START_TEST(deviations)
{
    struct ckpt_manifest m = plain();
    for (unsigned count = 1; count < KERN_DEVIATIONS_MAX + 3; count++) {
        m.deviations.count = count;
        for (unsigned i = 0; i < count && i < KERN_DEVIATIONS_MAX; i++) {
            m.deviations.first[i] = (struct kern_deviation){
                .tick = i,
                .kind = i % 2 == 0 ? KERN_HAPPENED_FAILED : KERN_HAPPENED_HUNG,
                .process = world_id("node:", i)};
        }
        ck_assert_int_eq(decode(&m), JIT_OK);
    }
    m.deviations.first[1].kind = (enum kern_record_event_kind)99;
    ck_assert_int_eq(decode(&m), JIT_EFORMAT);
}
END_TEST

START_TEST(texts)
{
    struct ckpt_manifest m = plain();
    m.name[0] = '\0';
    ck_assert_int_eq(decode(&m), JIT_OK);
    m.grade[0] = '\0';
    ck_assert_int_eq(decode(&m), JIT_OK);
    snprintf(m.name, sizeof m.name, ".hidden");
    ck_assert_int_eq(decode(&m), JIT_EFORMAT);
}
END_TEST

/* Cut anywhere, with a size that says so; longer than it says; and every byte changed: none, or one
 * that is written as the same bytes again. */
START_TEST(every_cut)
{
    static struct ckpt_manifest out;
    struct ckpt_manifest m = plain();
    m.deviations.count = 2;
    for (unsigned i = 0; i < 2; i++) {
        m.deviations.first[i] = (struct kern_deviation){.tick = i, .kind = KERN_HAPPENED_HUNG};
    }
    struct jit_buf bytes = encoded(&m);
    size_t size = 0;
    for (size_t cut = 0; cut < bytes.size; cut++) {
        uint8_t *part = jit_heap_zalloc(jit_heap_libc(), 1, cut + 1);
        memcpy(part, bytes.data, cut);
        if (cut >= 16) {
            jit_put_le64(part + 8, cut);
        }
        ck_assert_int_eq(ckpt_manifest_decode(part, cut, &out, &size), JIT_EFORMAT);
        jit_heap_libc()->free(jit_heap_libc(), part);
    }
    jit_buf_put_u64(&bytes, 0);
    jit_put_le64(bytes.data + 8, bytes.size);
    ck_assert_int_eq(ckpt_manifest_decode(bytes.data, bytes.size, &out, &size), JIT_EFORMAT);
    bytes.size -= 8;
    jit_put_le64(bytes.data + 8, 15);
    ck_assert_int_eq(ckpt_manifest_decode(bytes.data, bytes.size, &out, &size), JIT_EFORMAT);
    jit_put_le64(bytes.data + 8, bytes.size);
    for (size_t at = 0; at < bytes.size; at++) {
        for (unsigned with = 1; with < 256; with += with) {
            bytes.data[at] ^= (uint8_t)with;
            if (ckpt_manifest_decode(bytes.data, bytes.size, &out, &size) == JIT_OK) {
                struct jit_buf again = encoded(&out);
                ck_assert_mem_eq(again.data, bytes.data, bytes.size);
                jit_buf_release(&again);
            }
            bytes.data[at] ^= (uint8_t)with;
        }
    }
    jit_buf_release(&bytes);
}
END_TEST

/* ---- signatures ---- */

static enum jit_err check(const struct jit_buf *bytes, const char *expected)
{
    static struct ckpt_manifest out;
    uint8_t signer[JIT_SIGN_PUBLIC_BYTES];
    const char *why = NULL;
    enum jit_err err = ckpt_manifest_check(bytes->data, bytes->size, &out, signer, &why);
    ck_assert_ptr_nonnull(strstr(why, expected));
    return err;
}

START_TEST(signatures)
{
    uint8_t second[JIT_SIGN_SEED_BYTES] = {3};
    struct rmg_envelope envelope;
    struct ckpt_manifest m = plain();
    struct jit_buf one = encoded(&m);
    struct jit_buf two = encoded(&m);
    const size_t size = one.size;
    must(rmg_envelope_sign(NULL, CKPT_KIND, &m.id, w.seed, &one));
    ck_assert_int_eq(check(&one, ""), JIT_OK);
    must(rmg_envelope_read(one.data + size, one.size - size, &envelope));
    must(rmg_envelope_sign(&envelope, CKPT_KIND, &m.id, second, &two));
    ck_assert_int_eq(check(&two, ""), JIT_OK);
    two.data[two.size - 1] ^= 1; /* of the second one */
    ck_assert_int_eq(check(&two, "signature is wrong"), JIT_ECORRUPT);
    one.size--;
    ck_assert_int_eq(check(&one, "signature is damaged"), JIT_ECORRUPT);
    one.size++;
    one.data[size + 4] = 9; /* of a format that is none yet */
    ck_assert_int_eq(check(&one, "newer format"), JIT_EVERSION);
    one.size = size;
    must(rmg_envelope_sign(NULL, "state", &m.id, w.seed, &one));
    ck_assert_int_eq(check(&one, "signature is wrong"), JIT_ECORRUPT);
    jit_buf_release(&one);
    jit_buf_release(&two);
}
END_TEST

/* ---- lists ---- */

/* Written as ckpt_write does. */
static void put_manifest(struct ckpt_manifest *m)
{
    char name[CKPT_FILE_NAME_MAX];
    struct jit_buf bytes = encoded(m);
    must(rmg_envelope_sign(NULL, CKPT_KIND, &m->id, w.seed, &bytes));
    manifest_name(&m->id, name);
    put_bytes(name, bytes.data, bytes.size);
    jit_buf_release(&bytes);
}

static void put_at(uint64_t tick, const char *name, uint8_t uuid)
{
    struct ckpt_manifest m = plain();
    m.tick = tick;
    m.uuid[0] = uuid;
    snprintf(m.name, sizeof m.name, "%s", name);
    put_manifest(&m);
}

static uint64_t tick_of(const struct ckpt_entry *entry)
{
    ck_assert_ptr_nonnull(entry);
    ck_assert_ptr_nonnull(entry->manifest);
    return entry->manifest->tick;
}

START_TEST(lists)
{
    static uint8_t zeros[CKPT_MANIFEST_MAX + 1];
    const uint8_t uuid[LOG_UUID_BYTES] = {9};
    struct jit_id id = {{0}};
    char name[CKPT_FILE_NAME_MAX];
    char hex[JIT_ID_HEX];
    struct ckpt_list list;
    uint64_t size = 0;
    /* Good ones in no order, two of one tick, one of another log, one without a name. */
    put_at(5, "five", 9);
    put_at(2, "two", 9);
    put_at(7, "", 9);
    put_at(3, "three", 8);
    put_at(7, "seven", 9);
    put_at(4, "four", 9);
    /* What is none. */
    manifest_name(&id, name);
    put_bytes(name, zeros, sizeof zeros); /* too large */
    id.bytes[0] = 1;
    manifest_name(&id, name);
    put_bytes(name, "x", 1);
    struct ckpt_manifest m = plain();
    m.tick = 50;
    put_manifest(&m);
    manifest_name(&m.id, name);
    const uint8_t *bytes = sim_disk_bytes(w.disk, name, &size);
    memcpy(zeros, bytes, size);
    id.bytes[0] = 2;
    char other[CKPT_FILE_NAME_MAX];
    manifest_name(&id, other);
    put_bytes(other, zeros, size); /* another's name */
    sim_disk_remove(w.disk, name);
    /* What nobody asked for. */
    put_bytes(CKPT_DIR "/x.ckpt", "x", 1);
    name[10] = 'Z';
    put_bytes(name, "x", 1);
    jit_id_to_hex(&id, hex);
    snprintf(name, sizeof name, CKPT_DIR "/%s.ckpx", hex);
    put_bytes(name, "x", 1);

    must(ckpt_list_read(&w.mem.heap, &w.disk->io, uuid, &list));
    ck_assert_uint_eq(list.count, 5 + 3);
    static const uint64_t ticks[] = {7, 7, 5, 4, 2};
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(tick_of(&list.entries[i]), ticks[i]);
    }
    for (unsigned i = 5; i < 8; i++) {
        ck_assert_ptr_null(list.entries[i].manifest);
        ck_assert_int_eq(list.entries[i].err, JIT_ECORRUPT);
        ck_assert_str_ne(list.entries[i].why, "");
    }
    ck_assert_str_eq(list.entries[7].why, "it is not what its name says");
    /* Words. */
    ck_assert_uint_eq(tick_of(ckpt_list_find(&list, "five")), 5);
    ck_assert_uint_eq(tick_of(ckpt_list_find(&list, "@4")), 4);
    ck_assert_ptr_null(ckpt_list_find(&list, "three"));
    ck_assert_ptr_null(ckpt_list_find(&list, "@"));
    ck_assert_ptr_null(ckpt_list_find(&list, "@4x"));
    ck_assert_ptr_null(ckpt_list_find(&list, "@99"));
    ck_assert_ptr_null(ckpt_list_find(&list, "4"));
    ck_assert_ptr_null(ckpt_list_find(&list, ""));
    for (unsigned i = 0; i < list.count; i++) {
        jit_id_to_hex(&list.entries[i].id, hex);
        ck_assert_ptr_eq(ckpt_list_find(&list, hex), &list.entries[i]);
        hex[8] = '\0';
        ck_assert_ptr_eq(ckpt_list_find(&list, hex), &list.entries[i]);
        hex[7] = '\0';
        ck_assert_ptr_null(ckpt_list_find(&list, hex));
    }
    ck_assert_ptr_null(ckpt_list_find(&list, "ffffffff"));
    /* The genesis is there; or what lies before segment 1 or 2 was given up. */
    ck_assert_ptr_null(ckpt_list_start(&list, 1));
    ck_assert_ptr_null(ckpt_list_start(&list, 2));
    list.entries[2].manifest->mark.segment = 2;
    list.entries[2].manifest->mark.number = 5;
    ck_assert_uint_eq(tick_of(ckpt_list_start(&list, 2)), 5);
    list.entries[2].manifest->mark.number = 0;
    list.entries[2].manifest->mark.tick = 6;
    ck_assert_uint_eq(tick_of(ckpt_list_start(&list, 1)), 5);
    /* The first tick behind it lies at the same mark, and replaces nothing. */
    list.entries[1].manifest->mark = list.entries[2].manifest->mark;
    list.entries[1].manifest->mark.tick = list.entries[1].manifest->tick;
    ck_assert_uint_eq(tick_of(ckpt_list_start(&list, 1)), 5);
    ckpt_list_release(&list);
    ckpt_list_release(&list); /* there is nothing any more */
}
END_TEST

START_TEST(no_folder)
{
    uint64_t removed = 1;
    struct ckpt_list list;
    struct sim_disk *bare = sim_disk_new(3);
    must(ckpt_list_read(&w.mem.heap, &bare->io, NULL, &list));
    ck_assert_uint_eq(list.count, 0);
    must(ckpt_remove_others(&w.mem.heap, &bare->io, NULL, 0, &removed));
    ck_assert_uint_eq(removed, 0);
    sim_disk_free(bare);
}
END_TEST

/* ---- keys ---- */

START_TEST(keys)
{
    static const char good[] =
        "jitos-secret-key-v1 0101010101010101010101010101010101010101010101010101010101010101\n";
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    char text[sizeof good + 1];
    put_bytes("KEY", good, sizeof good - 1);
    must(ckpt_key(&w.disk->io, false, seed));
    ck_assert_int_eq(seed[31], 1);
    put_bytes("KEY", good, sizeof good - 2);
    ck_assert_int_eq(ckpt_key(&w.disk->io, true, seed), JIT_EFORMAT);
    put_bytes("KEY", good, sizeof good);
    ck_assert_int_eq(ckpt_key(&w.disk->io, true, seed), JIT_EFORMAT);
    for (size_t at = 0; at < sizeof good - 1; at++) {
        memcpy(text, good, sizeof good);
        text[at] = 'x';
        put_bytes("KEY", text, sizeof good - 1);
        ck_assert_int_eq(ckpt_key(&w.disk->io, true, seed), JIT_EFORMAT);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "forms", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, marks_and_ticks);
    tcase_add_test(t, segments_follow);
    tcase_add_test(t, deviations);
    tcase_add_test(t, texts);
    tcase_add_test(t, every_cut);
    tcase_add_test(t, signatures);
    tcase_add_test(t, lists);
    tcase_add_test(t, no_folder);
    tcase_add_test(t, keys);
}

TEST_MAIN("checkpoint forms", suite)
