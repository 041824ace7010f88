/* Goal:   whatever lies in the memory of a process graph, or of a view - references in a circle,
 * one below the other without end, out of bounds, between two granules, huge counts, holes, words
 * that change while they are read - reading it ends: with what is there or with an error, after a
 * number of looks that the memory's size bounds, and never outside of it. Method: a graph of every
 * kind of record in memory that ends where the pages end; each word of it is made each of these
 * things and all is read; reading with words that change, or pages that vanish, between any two
 * steps. Seeds are printed on failure. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "sws/home.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/sws/sws_kit.h"

#define BYTES     (256u << 10)
#define PAGE_SIZE 4096u
#define NODES     48u

static uint8_t *memory; /* shared, so that it can have holes; no page behind it */
static int memory_fd;
static uint8_t *good;
static uint64_t used;
static struct jit_id top, below, type[3];
static struct jit_random random_;
static bool changes; /* words change between two steps */
static uint64_t looks, errors;

/* ---- a graph with everything ---- */

static void put_edges(struct rmg_tx *tx)
{
    for (uint64_t i = 0; i < NODES; i++) {
        struct rmg_edge edge = {
            .id = id_of(5000 + i), .from = id_of(i % 5), .to = id_of(i), .type = type[i % 2]};
        struct rmg_attachment a = {"w", 1, {RMG_VALUE_ATOM, type[2], edge.id.bytes, 24}};
        must(rmg_tx_upsert_edge(tx, &top, &edge));
        if (i % 3 == 0) {
            must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_BETA, &edge.id, &a));
        }
    }
}

static void put_graph(struct rmg_store *store, const struct rmg_version *base,
                      struct rmg_version *out)
{
    static uint8_t bytes[300];
    struct rmg_tx *tx = NULL;
    const struct jit_id root = id_of(0);
    const struct jit_id inner = id_of(900);
    const struct rmg_parent parent = {.present = true,
                                      .plane = RMG_PLANE_ALPHA,
                                      .instance = top,
                                      .owner = root,
                                      .name = "p",
                                      .name_size = 1};
    must(rmg_tx_begin(store, base, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (uint64_t i = 0; i < NODES; i++) {
        const struct jit_id node = id_of(i);
        must(rmg_tx_upsert_node(tx, &top, &node, &type[i % 3]));
        for (unsigned k = 0; k < i % 4; k++) {
            const char name[2] = {(char)('a' + k), 0};
            struct rmg_attachment a = {
                name, 1, {RMG_VALUE_ATOM, type[2], bytes, (uint32_t)(i * 6 + k)}};
            must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &node, &a));
        }
    }
    put_edges(tx);
    struct rmg_attachment portal = {"p", 1, {.kind = RMG_VALUE_PORTAL, .type = below}};
    must(rmg_tx_upsert_instance(tx, &below, &inner, &parent));
    must(rmg_tx_upsert_node(tx, &below, &inner, &type[0]));
    must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &root, &portal));
    must(rmg_tx_seal(tx, out));
}

static void open_home(struct rmg_arena *arena, struct sws_home *home)
{
    rmg_arena_init(arena, memory, BYTES, BYTES, PAGE_SIZE);
    must(sws_home_open(jit_heap_libc(), arena, (struct sws_home_page *)(void *)memory, 0, home));
}

static void setup(void)
{
    struct rmg_arena arena;
    struct sws_home home;
    struct rmg_version version;
    uint8_t *room = mmap(NULL, BYTES + PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(room, MAP_FAILED);
    memory_fd = memfd_create("graph", MFD_CLOEXEC);
    ck_assert_int_ge(memory_fd, 0);
    ck_assert_int_eq(ftruncate(memory_fd, BYTES), 0);
    memory = mmap(room, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_fd, 0);
    ck_assert_ptr_eq(memory, room);
    top = id_of(1000);
    below = id_of(1001);
    for (unsigned i = 0; i < 3; i++) {
        type[i] = id_of(2000 + i);
    }
    open_home(&arena, &home);
    put_graph(home.store, &home.latest, &version);
    must(sws_home_commit(&home, &version));
    must(sws_home_done(&home, 1));
    used = arena.used;
    sws_home_close(&home);
    good = malloc(BYTES);
    ck_assert_ptr_nonnull(good);
    memcpy(good, memory, BYTES);
    random_ = jit_random_of(7);
}

static void teardown(void)
{
    munmap(memory, BYTES + PAGE_SIZE);
    close(memory_fd);
    free(good);
}

/* ---- reading all of it ---- */

/* What a word may be made: itself (a circle of one), the page, the last bytes, just past them,
 * huge, odd, and any reference to what is there. */
static uint32_t evil(uint64_t at, unsigned how)
{
    switch (how) {
    case 0:
        return (uint32_t)(at / RMG_GRANULE);
    case 1:
        return 0;
    case 2:
        return (uint32_t)(used / RMG_GRANULE) - 1u;
    case 3:
        return (uint32_t)(BYTES / RMG_GRANULE);
    case 4:
        return UINT32_MAX;
    case 5:
        return 0x7fffffffu;
    case 6:
        return (uint32_t)at; /* a count that is too large, or a reference to between two things */
    default:
        return (uint32_t)(PAGE_SIZE / RMG_GRANULE +
                          jit_random_below(&random_, (used - PAGE_SIZE) / RMG_GRANULE));
    }
}

static void put_word(uint64_t at, uint32_t word)
{
    memcpy(memory + at, &word, sizeof word);
}

/* Between any two steps: somebody else writes. */
static void meanwhile(void)
{
    if (changes) {
        uint64_t at = PAGE_SIZE + 4 * jit_random_below(&random_, (used - PAGE_SIZE) / 4);
        put_word(at, evil(at, (unsigned)jit_random_below(&random_, 8)));
    }
}

static void count(enum jit_err err)
{
    ck_assert(err == JIT_OK || err == JIT_ENOENT || err == JIT_ECORRUPT);
    errors += err == JIT_ECORRUPT;
}

/* Bytes that it lends lie in the memory: each of them is looked at. */
static void touch(const struct rmg_attachment *a)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < a->name_size; i++) {
        sum += (uint8_t)a->name[i];
    }
    for (uint32_t i = 0; a->value.kind == RMG_VALUE_ATOM && i < a->value.size; i++) {
        sum += a->value.bytes[i];
    }
    looks += sum & 0; /* it was read */
}

static void read_owners(const struct rmg_graph *graph, enum rmg_map map)
{
    struct rmg_iter iter;
    struct jit_id owner;
    struct rmg_attachment a;
    uint32_t attachments = 0;
    enum jit_err err;
    rmg_iter_all(graph, map, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &attachments)) == JIT_OK) {
        enum jit_err each = JIT_OK;
        for (uint32_t i = 0; each == JIT_OK && i < 300; i++) {
            meanwhile();
            each = rmg_iter_attachment(&iter, i, &a);
            if (each == JIT_OK) {
                touch(&a);
            }
        }
        count(each);
        looks++;
    }
    count(err);
}

static void read_edges(struct rmg_iter *iter)
{
    struct rmg_edge edge;
    enum jit_err err;
    while ((err = rmg_iter_edge(iter, &edge)) == JIT_OK) {
        meanwhile();
        looks++;
    }
    count(err);
}

static void read_one_by_one(const struct rmg_graph *graph)
{
    for (uint64_t i = 0; i < NODES; i += 7) {
        const struct jit_id node = id_of(i);
        const struct jit_id edge_id = id_of(5000 + i);
        const struct jit_id *way[] = {&node, &edge_id};
        struct jit_id got;
        struct rmg_edge edge;
        struct rmg_value value;
        struct rmg_iter iter;
        uint64_t number = 0;
        rmg_graph_warm(graph, RMG_NODES, way, 2);
        count(rmg_node_type(graph, &node, &got));
        count(rmg_edge_get(graph, &edge_id, &edge));
        meanwhile();
        count(rmg_attachment_get(graph, RMG_PLANE_ALPHA, &node, "b", 1, &value));
        count(rmg_degree(graph, &node, RMG_DIR_OUT, NULL, &number));
        count(rmg_degree_between(graph, &node, RMG_DIR_IN, &type[0], &node, &number));
        rmg_iter_edges_of(graph, &node, RMG_DIR_OUT, &type[1], &iter);
        read_edges(&iter);
    }
}

static void read_instance(const struct rmg_store *store, const struct rmg_instance *instance)
{
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id kind;
    uint64_t slots = 0;
    uint64_t number = 0;
    enum jit_err err;
    rmg_store_graph(store, instance, &graph);
    graph.slots = &slots;
    rmg_iter_all(&graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &kind)) == JIT_OK) {
        meanwhile();
        looks++;
    }
    count(err);
    rmg_iter_all(&graph, RMG_EDGES, &iter);
    read_edges(&iter);
    read_owners(&graph, RMG_ALPHA);
    read_owners(&graph, RMG_BETA);
    for (unsigned t = 0; t < 3; t++) {
        rmg_iter_extent(&graph, true, &type[t], &iter);
        read_edges(&iter);
        count(rmg_extent_count(&graph, false, &type[t], &number));
    }
    read_one_by_one(&graph);
}

/* As the process itself reads it in its next life, and whoever else is shown it: the page, then all
 * that it leads to. */
static void read_all(void)
{
    struct rmg_arena arena;
    struct sws_home home;
    struct rmg_instance instance;
    struct rmg_fault fault;
    looks = 0;
    rmg_arena_init(&arena, memory, BYTES, BYTES, PAGE_SIZE);
    enum jit_err err =
        sws_home_open(jit_heap_libc(), &arena, (struct sws_home_page *)(void *)memory, 1, &home);
    if (err != JIT_OK) {
        errors++;
        return;
    }
    const struct jit_id *after = NULL;
    struct jit_id last;
    unsigned instances = 0;
    while ((err = rmg_store_next(home.store, &home.latest, after, &instance)) == JIT_OK) {
        meanwhile();
        read_instance(home.store, &instance);
        last = instance.id;
        after = &last;
        ck_assert_uint_le(++instances, BYTES / RMG_GRANULE);
    }
    count(err);
    err = rmg_store_verify(home.store, &home.latest, &fault);
    errors += err != JIT_OK;
    /* Sound memory of this size holds fewer records than granules; each is seen a few times. */
    ck_assert_msg(looks <= (uint64_t)instances * 40 * (BYTES / RMG_GRANULE), "%lu looks",
                  (unsigned long)looks);
    sws_home_close(&home);
}

static void restore(void)
{
    memcpy(memory, good, BYTES);
    errors = 0;
}

/* ---- tests ---- */

START_TEST(as_it_was_made)
{
    restore();
    read_all();
    ck_assert_uint_eq(errors, 0);
    ck_assert_uint_gt(looks, 3 * NODES);
}
END_TEST

/* Word by word, each time all of it; at last what lies between two of them. Each kind begins
 * elsewhere, and the step is no multiple of what things are aligned to. */
START_TEST(every_word) /* _i = what it is made */
{
    uint64_t found = 0;
    for (uint64_t at = PAGE_SIZE + (_i == 7 ? 2u : 4u * (unsigned)_i); at + 4 <= used; at += 28) {
        uint32_t word;
        memcpy(&word, good + at, sizeof word);
        put_word(at, evil(at, (unsigned)_i));
        errors = 0;
        read_all();
        found += errors > 0;
        memcpy(memory + at, good + at, sizeof word);
    }
    ck_assert_msg(found > 20, "%lu of words in %lu", (unsigned long)found, (unsigned long)used);
}
END_TEST

/* Many words at once, and all references to one place: circles of any length. */
START_TEST(many_words) /* _i = seed */
{
    random_ = jit_random_of((uint64_t)_i);
    for (unsigned round = 0; round < 150; round++) {
        restore();
        uint32_t to = evil(PAGE_SIZE, 7);
        for (uint64_t n = 1 + jit_random_below(&random_, 400); n > 0; n--) {
            uint64_t at = PAGE_SIZE + 4 * jit_random_below(&random_, (used - PAGE_SIZE) / 4);
            put_word(at, round % 3 == 0 ? to : evil(at, (unsigned)jit_random_below(&random_, 8)));
        }
        read_all();
    }
}
END_TEST

/* References change while it is read, between any two steps. */
START_TEST(while_it_is_read) /* _i = seed */
{
    random_ = jit_random_of(1000u + (uint64_t)_i);
    changes = true;
    uint64_t found = 0;
    for (unsigned round = 0; round < 100; round++) {
        restore();
        read_all();
        found += errors > 0;
    }
    changes = false;
    ck_assert_uint_gt(found, 50);
}
END_TEST

/* Pages are taken out of the file: they read as zeros, and nobody gets a signal. */
START_TEST(holes)
{
    for (uint64_t at = 0; at < used; at += PAGE_SIZE) {
        restore();
        ck_assert_int_eq(madvise(memory + at, PAGE_SIZE, MADV_REMOVE), 0);
        read_all();
        if (at == 0) {
            continue; /* a page of zeros is a new home */
        }
        ck_assert_uint_gt(errors, 0);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hostile_graph", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, as_it_was_made);
    tcase_add_loop_test(t, every_word, 0, 8);
    tcase_add_loop_test(t, many_words, 0, 4);
    tcase_add_loop_test(t, while_it_is_read, 0, 4);
    tcase_add_test(t, holes);
}

TEST_MAIN("hostile_graph", suite)
