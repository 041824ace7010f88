/* Goal:   a token allows what it was exported with and what each block left of that, and nothing
 * else: no changed, cut, reordered, exchanged or widened block is ever taken, and each refusal says
 *         why; anyone who has one can narrow it; the bytes are those of docs/spec/token.md.
 * Method: a token with fixed keys against a golden file; every bit of it flipped, every length of
 * it; blocks taken off and put into other tokens by somebody who knows the format and has every key
 * but those he has not; one block too wide for each thing that can be, signed by who holds the
 * token, that is: past what the library would write; the most blocks there may be and one more;
 * refused memory. Seeds are fixed. */
#include "syscall/token.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/le.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static const uint8_t system_seed[JIT_SIGN_SEED_BYTES] = {1, 2, 3};
static const uint8_t other_seed[JIT_SIGN_SEED_BYTES] = {9};
static struct fault_heap mem;
static struct jit_id world, nested, elsewhere, rule, other_rule, node_id, type_a, type_b;
static uint8_t issuer[JIT_SIGN_PUBLIC_BYTES];

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_hash_named("warp:", "/world", 6, &world);
    jit_hash_named("warp:", "/world/libs", 11, &nested);
    jit_hash_named("warp:", "/other", 6, &elsewhere);
    jit_hash_named("rule:", "retire", 6, &rule);
    jit_hash_named("rule:", "burn", 4, &other_rule);
    jit_hash_named("node:", "/sec/libs/0/2/1", 15, &node_id);
    memset(&type_a, 0x11, sizeof type_a);
    memset(&type_b, 0x22, sizeof type_b);
    jit_sign_public(system_seed, issuer);
}

static void teardown(void)
{
    ck_assert_int_eq(mem.live, 0);
}

static void next_seed(uint32_t n, uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    memset(seed, (int)(0x40 + n), JIT_SIGN_SEED_BYTES);
}

/* invoke retire(section = "libs") on /world, nodes a and b, until 100, 40 requests in all. */
static void write_first(const uint8_t *secret, struct jit_buf *buf)
{
    static const uint8_t text[] = {'l', 'i', 'b', 's'};
    static const uint8_t params[] = {7, 's', 'e', 'c', 't', 'i', 'o', 'n',
                                     6, 4,   'n', 'a', 'm', 'e', 6};
    const struct sys_bound bound = {.index = 0, .size = sizeof text, .bytes = text};
    const struct jit_id types[] = {type_a, type_b};
    const struct sys_attenuators a = {.given = SYS_GIVEN_NODES | SYS_GIVEN_BOUND |
                                               SYS_GIVEN_LAST_TICK | SYS_GIVEN_OPERATIONS |
                                               SYS_GIVEN_PRIORITY,
                                      .nodes = {.ids = types, .count = 2},
                                      .bound = &bound,
                                      .bound_count = 1,
                                      .priority_max = 10,
                                      .operations = 40,
                                      .last_tick = 100};
    const struct sys_cap cap = {.rights = SYS_RIGHT_INVOKE | SYS_RIGHT_READ,
                                .object = SYS_OBJECT_INSTANCE,
                                .instance = world,
                                .rule_id = rule,
                                .attenuators = &a};
    const struct sys_token_rule named = {.name = "retire",
                                         .name_size = 6,
                                         .params = params,
                                         .params_size = sizeof params,
                                         .param_count = 2};
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    next_seed(0, seed);
    sys_token_write(secret, &node_id, &cap, &named, seed, buf);
    ck_assert_int_eq(buf->err, JIT_OK);
}

static enum sys_token_fault read_bytes(const struct jit_buf *buf, struct sys_token **out,
                                       struct sys_token_where *where)
{
    return sys_token_read(&mem.heap, buf->data, buf->size, issuer, NULL, out, where);
}

static enum sys_token_fault narrow(struct jit_buf *buf, const struct sys_cap_want *want,
                                   struct sys_token_where *where)
{
    struct sys_token *token = NULL;
    struct jit_buf longer;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    ck_assert_int_eq(read_bytes(buf, &token, where), SYS_TOKEN_GOOD);
    next_seed(token->blocks, seed);
    jit_buf_init(&longer, &mem.heap, SYS_TOKEN_BYTES_MAX);
    enum sys_token_fault fault = sys_token_narrow(token, want, seed, &longer, where);
    if (fault == SYS_TOKEN_GOOD) {
        jit_buf_reset(buf);
        jit_buf_put(buf, longer.data, longer.size);
    }
    jit_buf_release(&longer);
    sys_token_free(token);
    return fault;
}

/* Three blocks: as above; only invoke, nodes a, until 50; in the nested instance, badge 7. */
static void write_three(struct jit_buf *buf)
{
    struct sys_token_where where;
    const struct sys_attenuators a = {.given = SYS_GIVEN_NODES | SYS_GIVEN_LAST_TICK,
                                      .nodes = {.ids = &type_a, .count = 1},
                                      .last_tick = 50};
    write_first(system_seed, buf);
    ck_assert_int_eq(
        narrow(buf, &(struct sys_cap_want){.rights = SYS_RIGHT_INVOKE, .attenuators = &a}, &where),
        SYS_TOKEN_GOOD);
    ck_assert_int_eq(narrow(buf, &(struct sys_cap_want){.instance = nested, .badge = 7}, &where),
                     SYS_TOKEN_GOOD);
}

START_TEST(what_it_says)
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    ck_assert_int_eq(read_bytes(&buf, &token, &where), SYS_TOKEN_GOOD);
    ck_assert_uint_eq(token->blocks, 3);
    ck_assert(jit_id_equal(&token->capability, &node_id));
    ck_assert_uint_eq(token->first.rights, SYS_RIGHT_INVOKE | SYS_RIGHT_READ);
    ck_assert_uint_eq(token->first.attenuators->operations, 40);
    ck_assert_uint_eq(token->cap.rights, SYS_RIGHT_INVOKE);
    ck_assert(jit_id_equal(&token->cap.instance, &nested));
    ck_assert(jit_id_equal(&token->cap.rule_id, &rule));
    ck_assert_uint_eq(token->cap.badge, 7);
    const struct sys_attenuators *a = token->cap.attenuators;
    ck_assert_uint_eq(a->given, SYS_GIVEN_NODES | SYS_GIVEN_BOUND | SYS_GIVEN_LAST_TICK |
                                    SYS_GIVEN_PRIORITY); /* quotas stay where they are counted */
    ck_assert_uint_eq(a->nodes.count, 1);
    ck_assert_uint_eq(a->last_tick, 50);
    ck_assert_uint_eq(a->bound_count, 1);
    ck_assert_int_eq(memcmp(a->bound[0].bytes, "libs", 4), 0);
    ck_assert_uint_eq(token->rule.param_count, 2);
    ck_assert_uint_eq(token->rule.name_size, 6);
    sys_token_free(token);
    jit_buf_release(&buf);
}
END_TEST

START_TEST(golden)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    uint8_t kept[4096];
    struct jit_buf buf;
    snprintf(path, sizeof path, "%s/tests/syscall/golden/leash.token", top == NULL ? "." : top);
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    if (getenv("GOLDEN_UPDATE") != NULL) {
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(buf.data, 1, buf.size, file), buf.size);
        ck_assert_int_eq(fclose(file), 0);
    }
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    size_t size = fread(kept, 1, sizeof kept, file);
    (void)fclose(file);
    ck_assert_uint_eq(size, buf.size);
    ck_assert_int_eq(memcmp(kept, buf.data, size), 0);
    jit_buf_release(&buf);
}
END_TEST

START_TEST(every_bit_and_every_length)
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    unsigned seen[SYS_TOKEN_FAULTS] = {0};
    for (size_t bit = 0; bit < buf.size * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum sys_token_fault fault = read_bytes(&buf, &token, &where);
        ck_assert_msg(fault != SYS_TOKEN_GOOD && fault != SYS_TOKEN_MEMORY, "bit %zu", bit);
        /* Also to who trusts any issuer. */
        fault = sys_token_read(&mem.heap, buf.data, buf.size, NULL, NULL, &token, &where);
        ck_assert_msg(fault != SYS_TOKEN_GOOD, "bit %zu", bit);
        seen[fault]++;
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_gt(seen[SYS_TOKEN_FORMAT], 0);
    ck_assert_uint_eq(seen[SYS_TOKEN_VERSION], 32);
    ck_assert_uint_gt(seen[SYS_TOKEN_SIGNATURE], 3000);
    ck_assert_uint_eq(seen[SYS_TOKEN_PROOF], 256);
    size_t size = buf.size;
    for (buf.size = 0; buf.size < size; buf.size++) {
        ck_assert_int_eq(read_bytes(&buf, &token, &where), SYS_TOKEN_FORMAT);
    }
    jit_buf_put_u8(&buf, 0);
    ck_assert_int_eq(read_bytes(&buf, &token, &where), SYS_TOKEN_FORMAT);
    jit_buf_release(&buf);
}
END_TEST

/* Where block n begins (its size), and the byte after the last one. */
static size_t block_at(const struct jit_buf *buf, uint32_t n)
{
    size_t at = 12;
    for (uint32_t i = 0; i < n; i++) {
        at += 4 + jit_le32(buf->data + at) + JIT_SIGNATURE_BYTES;
    }
    return at;
}

START_TEST(blocks_cannot_be_taken_off)
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    struct jit_buf cut;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    jit_buf_init(&cut, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    for (uint32_t left = 1; left < 3;
         left++) { /* with the secret it has, and with one of his own */
        for (unsigned own = 0; own < 2; own++) {
            jit_buf_reset(&cut);
            jit_buf_put(&cut, buf.data, block_at(&buf, left));
            jit_put_le32(cut.data + 8, left);
            next_seed(77, seed);
            jit_buf_put(&cut, own ? seed : buf.data + buf.size - sizeof seed, sizeof seed);
            ck_assert_int_eq(read_bytes(&cut, &token, &where), SYS_TOKEN_PROOF);
        }
    }
    /* The middle one, and both later ones the other way round. */
    jit_buf_reset(&cut);
    jit_buf_put(&cut, buf.data, block_at(&buf, 1));
    jit_buf_put(&cut, buf.data + block_at(&buf, 2), buf.size - block_at(&buf, 2));
    jit_put_le32(cut.data + 8, 2);
    ck_assert_int_eq(read_bytes(&cut, &token, &where), SYS_TOKEN_SIGNATURE);
    ck_assert_uint_eq(where.block, 1);
    jit_buf_reset(&cut);
    jit_buf_put(&cut, buf.data, block_at(&buf, 1));
    jit_buf_put(&cut, buf.data + block_at(&buf, 2), block_at(&buf, 3) - block_at(&buf, 2));
    jit_buf_put(&cut, buf.data + block_at(&buf, 1), block_at(&buf, 2) - block_at(&buf, 1));
    jit_buf_put(&cut, buf.data + block_at(&buf, 3), JIT_SIGN_SEED_BYTES);
    ck_assert_int_eq(read_bytes(&cut, &token, &where), SYS_TOKEN_SIGNATURE);
    jit_buf_release(&cut);
    jit_buf_release(&buf);
}
END_TEST

START_TEST(roots)
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    struct jit_buf mixed;
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    jit_buf_init(&mixed, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_first(other_seed, &buf); /* all is well with it, but it is another system's */
    ck_assert_int_eq(read_bytes(&buf, &token, &where), SYS_TOKEN_ROOT);
    ck_assert_int_eq(sys_token_read(&mem.heap, buf.data, buf.size, NULL, NULL, &token, &where),
                     SYS_TOKEN_GOOD);
    sys_token_free(token);
    /* Says that it is ours, and is signed by another. */
    jit_buf_put(&mixed, buf.data, buf.size);
    memcpy(mixed.data + 16, issuer, sizeof issuer);
    ck_assert_int_eq(read_bytes(&mixed, &token, &where), SYS_TOKEN_SIGNATURE);
    /* A later block of a token of ours, behind the first of the other: same keys, other chain. */
    jit_buf_reset(&buf);
    jit_buf_reset(&mixed);
    write_three(&buf);
    write_first(other_seed, &mixed);
    size_t first = block_at(&mixed, 1);
    mixed.size = first;
    jit_buf_put(&mixed, buf.data + block_at(&buf, 1), buf.size - block_at(&buf, 1));
    jit_put_le32(mixed.data + 8, 3);
    ck_assert_int_eq(sys_token_read(&mem.heap, mixed.data, mixed.size, NULL, NULL, &token, &where),
                     SYS_TOKEN_SIGNATURE);
    ck_assert_uint_eq(where.block, 1);
    jit_buf_release(&mixed);
    jit_buf_release(&buf);
}
END_TEST

/* ---- asking for more ---- */

static const struct jit_id *const all_types[] = {&type_a, &type_b};
static struct sys_attenuators wider;
static struct jit_id ids[2];
static const struct sys_bound other_section = {
    .index = 0, .size = 5, .bytes = (const uint8_t *)"games"};

static struct sys_cap_want wide(int row, enum sys_token_fault *fault, enum sys_cap_excess *excess)
{
    struct sys_cap_want want = {.attenuators = NULL};
    memset(&wider, 0, sizeof wider);
    ids[0] = *all_types[0];
    memset(&ids[1], 0x33, sizeof ids[1]);
    *fault = SYS_TOKEN_WIDENED;
    switch (row) {
    case 0:
        want.rights = SYS_RIGHT_INVOKE | SYS_RIGHT_WRITE;
        *excess = SYS_EXCESS_RIGHTS;
        return want;
    case 1:
        want.rule_id = other_rule;
        *excess = SYS_EXCESS_RULES;
        return want;
    case 2:
        want.badge = 8;
        *excess = SYS_EXCESS_BADGE;
        return want;
    case 3:
        wider.given = SYS_GIVEN_LAST_TICK;
        wider.last_tick = 51;
        *excess = SYS_EXCESS_LAST_TICK;
        break;
    case 4:
        wider.given = SYS_GIVEN_NODES;
        wider.nodes = (struct sys_id_set){.ids = ids, .count = 2};
        *excess = SYS_EXCESS_NODES;
        break;
    case 5:
        wider.given = SYS_GIVEN_BOUND;
        wider.bound = &other_section;
        wider.bound_count = 1;
        *excess = SYS_EXCESS_PARAMS;
        break;
    case 6:
        wider.given = SYS_GIVEN_PRIORITY;
        wider.priority_max = 11;
        *excess = SYS_EXCESS_PRIORITY;
        break;
    case 7:
        wider.given = SYS_GIVEN_OPERATIONS;
        wider.operations = 1;
        *fault = SYS_TOKEN_COUNTED;
        *excess = SYS_EXCESS_NONE;
        break;
    default:
        wider.given = SYS_GIVEN_BYTES;
        wider.bytes = 1;
        *fault = SYS_TOKEN_COUNTED;
        *excess = SYS_EXCESS_NONE;
        break;
    }
    want.attenuators = &wider;
    return want;
}

/* A block that the library would not write, by somebody who signs it himself: he has the secret. */
static void forge(struct jit_buf *buf, const struct sys_cap_want *want)
{
    static const char context[] = "jitos:token:v1";
    uint32_t blocks = jit_le32(buf->data + 8);
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t next[JIT_SIGN_SEED_BYTES];
    uint8_t key[JIT_SIGN_PUBLIC_BYTES];
    uint8_t signature[JIT_SIGNATURE_BYTES];
    uint8_t before[JIT_SIGNATURE_BYTES];
    struct jit_buf body;
    struct jit_buf attenuators;
    struct jit_buf over;
    jit_buf_init(&body, &mem.heap, SYS_TOKEN_BYTES_MAX);
    jit_buf_init(&attenuators, &mem.heap, SYS_TOKEN_BYTES_MAX);
    jit_buf_init(&over, &mem.heap, SYS_TOKEN_BYTES_MAX);
    buf->size -= sizeof seed;
    memcpy(seed, buf->data + buf->size, sizeof seed);
    memcpy(before, buf->data + buf->size - sizeof before, sizeof before);
    next_seed(99, next);
    jit_sign_public(next, key);
    if (want->attenuators != NULL) {
        sys_attenuators_encode(want->attenuators, &attenuators);
    }
    jit_buf_put_u32(&body, want->rights);
    jit_buf_put_id(&body, &want->instance);
    jit_buf_put_id(&body, &want->rule_id);
    jit_buf_put_id(&body, &want->params_digest);
    jit_buf_put_u64(&body, want->badge);
    jit_buf_put_u32(&body, (uint32_t)attenuators.size);
    jit_buf_put(&body, attenuators.data, attenuators.size);
    jit_buf_put(&body, key, sizeof key);
    jit_buf_put(&over, context, sizeof context - 1);
    jit_buf_put_u32(&over, blocks);
    jit_buf_put(&over, before, sizeof before);
    jit_buf_put(&over, body.data, body.size);
    jit_sign(seed, over.data, over.size, signature);
    jit_put_le32(buf->data + 8, blocks + 1);
    jit_buf_put_u32(buf, (uint32_t)body.size);
    jit_buf_put(buf, body.data, body.size);
    jit_buf_put(buf, signature, sizeof signature);
    jit_buf_put(buf, next, sizeof next);
    ck_assert_int_eq(buf->err, JIT_OK);
    jit_buf_release(&body);
    jit_buf_release(&attenuators);
    jit_buf_release(&over);
}

START_TEST(widening) /* _i = what is asked for */
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    enum sys_token_fault fault;
    enum sys_cap_excess excess;
    const struct sys_cap_want want = wide(_i, &fault, &excess);
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    ck_assert_int_eq(narrow(&buf, &want, &where), fault);
    ck_assert_int_eq(where.excess, excess);
    forge(&buf, &want);
    ck_assert_int_eq(read_bytes(&buf, &token, &where), fault);
    ck_assert_int_eq(where.excess, excess);
    ck_assert_uint_eq(where.block, 3);
    jit_buf_release(&buf);
}
END_TEST

/* A forged block that asks for nothing too much is a block like any other: what refuses the others
 * is what they ask for. */
START_TEST(forging_is_narrowing)
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    forge(&buf, &(struct sys_cap_want){.rights = SYS_RIGHT_INVOKE});
    ck_assert_int_eq(read_bytes(&buf, &token, &where), SYS_TOKEN_GOOD);
    ck_assert_uint_eq(token->blocks, 4);
    sys_token_free(token);
    jit_buf_release(&buf);
}
END_TEST

/* /world/libs lies in /world; /other in nothing. */
static uint32_t outer_of(void *user, const struct jit_id *instance, struct jit_id *outer)
{
    ck_assert_ptr_null(user);
    outer[0] = world;
    return jit_id_equal(instance, &nested);
}

START_TEST(instances_by_who_knows)
{
    static const struct sys_token_place place = {.outer = outer_of};
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    ck_assert_int_eq(sys_token_read(&mem.heap, buf.data, buf.size, issuer, &place, &token, &where),
                     SYS_TOKEN_GOOD);
    sys_token_free(token);
    ck_assert_int_eq(narrow(&buf, &(struct sys_cap_want){.instance = elsewhere}, &where),
                     SYS_TOKEN_GOOD); /* nobody knows better yet */
    ck_assert_int_eq(sys_token_read(&mem.heap, buf.data, buf.size, issuer, &place, &token, &where),
                     SYS_TOKEN_WIDENED);
    ck_assert_int_eq(where.excess, SYS_EXCESS_OBJECT);
    jit_buf_release(&buf);
    /* Out of the nested one, back into what it lies in. */
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    forge(&buf, &(struct sys_cap_want){.instance = world});
    ck_assert_int_eq(sys_token_read(&mem.heap, buf.data, buf.size, issuer, &place, &token, &where),
                     SYS_TOKEN_WIDENED);
    jit_buf_release(&buf);
}
END_TEST

START_TEST(bounds)
{
    struct sys_token *token = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    const struct sys_cap_want as_it_is = {.rights = 0};
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_first(system_seed, &buf);
    for (uint32_t i = 1; i < SYS_TOKEN_BLOCKS_MAX; i++) {
        ck_assert_int_eq(narrow(&buf, &as_it_is, &where), SYS_TOKEN_GOOD);
    }
    ck_assert_int_eq(narrow(&buf, &as_it_is, &where), SYS_TOKEN_FULL);
    forge(&buf, &as_it_is);
    ck_assert_int_eq(read_bytes(&buf, &token, &where), SYS_TOKEN_FORMAT);
    jit_buf_release(&buf);
    /* Not to be handed on, and how often. */
    struct sys_attenuators a = {.given = SYS_GIVEN_DEPTH, .depth = 1};
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_first(system_seed, &buf);
    ck_assert_int_eq(narrow(&buf, &(struct sys_cap_want){.attenuators = &a}, &where),
                     SYS_TOKEN_GOOD);
    ck_assert_int_eq(narrow(&buf, &as_it_is, &where), SYS_TOKEN_GOOD);
    ck_assert_int_eq(narrow(&buf, &as_it_is, &where), SYS_TOKEN_WIDENED);
    ck_assert_int_eq(where.excess, SYS_EXCESS_DEPTH);
    jit_buf_release(&buf);
    a = (struct sys_attenuators){.given = SYS_GIVEN_NO_DELEGATE};
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_first(system_seed, &buf);
    ck_assert_int_eq(narrow(&buf, &(struct sys_cap_want){.attenuators = &a}, &where),
                     SYS_TOKEN_GOOD);
    ck_assert_int_eq(narrow(&buf, &as_it_is, &where), SYS_TOKEN_WIDENED);
    ck_assert_int_eq(where.excess, SYS_EXCESS_DELEGATE);
    jit_buf_release(&buf);
}
END_TEST

START_TEST(no_memory)
{
    struct sys_token_where where;
    struct jit_buf buf;
    struct jit_buf kept;
    jit_buf_init(&buf, &mem.heap, SYS_TOKEN_BYTES_MAX);
    write_three(&buf);
    bool whole = false;
    for (int64_t n = 0; !whole; n++) {
        struct fault_heap short_of = fault_heap_make(n, false);
        struct sys_token *token = NULL;
        const struct sys_attenuators a = {.given = SYS_GIVEN_LAST_TICK, .last_tick = 1};
        uint8_t seed[JIT_SIGN_SEED_BYTES];
        next_seed(3, seed);
        jit_buf_init(&kept, &short_of.heap, SYS_TOKEN_BYTES_MAX);
        enum sys_token_fault fault =
            sys_token_read(&short_of.heap, buf.data, buf.size, issuer, NULL, &token, &where);
        if (fault == SYS_TOKEN_GOOD) {
            fault = sys_token_narrow(token, &(struct sys_cap_want){.attenuators = &a}, seed, &kept,
                                     &where);
        }
        whole = fault == SYS_TOKEN_GOOD;
        ck_assert(whole || fault == SYS_TOKEN_MEMORY);
        ck_assert_int_eq(whole, !fault_heap_fired(&short_of));
        sys_token_free(token);
        jit_buf_release(&kept);
        ck_assert_int_eq(short_of.live, 0);
    }
    jit_buf_release(&buf);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "token", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_it_says);
    tcase_add_test(t, golden);
    tcase_add_test(t, every_bit_and_every_length);
    tcase_add_test(t, blocks_cannot_be_taken_off);
    tcase_add_test(t, roots);
    tcase_add_loop_test(t, widening, 0, 9);
    tcase_add_test(t, forging_is_narrowing);
    tcase_add_test(t, instances_by_who_knows);
    tcase_add_test(t, bounds);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("token", fill)
