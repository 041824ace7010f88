/* Any bytes from a guest, and any message of his that is nearly right: he is answered in whole
 * canonical frames or hung up on; nothing of it ends the supervisor; no tick is made but for an
 * intent that was taken, and none for who has shown no token; and he is forgotten when he goes.
 *
 * Shape:  steps, each a byte that says which, and what follows it:
 *   0 n bytes[n]    a frame with this body
 *   1 k n at x      present: token k, n bytes cut off its end, byte at xor x
 *   2 k c at x      an intent under token k: bump cell c, byte at xor x
 *   3 k w at x      read under token k: w 0 the root of /world, else a cell; byte at xor x
 *   4 k             the operator revokes capability k
 *   5 n bytes[n]    these bytes, as they are
 *   6 n             n tenths of a second pass
 *   7               the side is ended; what follows is not said */
#include "fuzz/fuzz.h"
#include "kernel/core/intent.h"
#include "tests/kernel/guest_bed.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/guest", NULL};

#define STEPS_MAX 64u
#define INPUT_MAX 4096u

static struct jit_buf heard;

/* Everything that there is to hear. */
static void listen_to(struct guest_bed *bed, int fd)
{
    for (bool more = true; more;) {
        uint8_t bytes[4096];
        guest_bed_pump(bed);
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        more = got > 0;
        if (more) {
            jit_buf_put(&heard, bytes, (size_t)got);
        }
    }
}

/* What was heard are frames; a last one may have been cut off by a reset. Returns how many tokens
 * were taken. */
static unsigned check_heard(void)
{
    size_t at = 0;
    unsigned tokens = 0;
    while (heard.size - at >= 4) {
        cbor_item_t *item = NULL;
        uint32_t size = jit_le32(heard.data + at);
        if (size > heard.size - at - 4) {
            break;
        }
        guest_bed_must(hub_parse(heard.data + at + 4, size, &item) == JIT_OK);
        assert(hub_field(item, "t") != NULL);
        assert(!hub_is(item, "code", "busy") && !hub_is(item, "code", "io"));
        tokens += hub_is(item, "t", "token");
        cbor_decref(&item);
        at += 4 + size;
    }
    return tokens;
}

static void spoil(struct jit_buf *buf, size_t from, uint8_t at, uint8_t with)
{
    size_t size = buf->size - from;
    assert(buf->err == JIT_OK && size > 0);
    /* The length of a frame is spoilt by step 5. */
    buf->data[from + (size > 4 ? 4 + at % (size - 4) : 0)] ^= with;
}

static void put_step(const struct guest_bed *bed, unsigned kind, struct jit_cursor *in,
                     struct jit_buf *out)
{
    size_t from = out->size;
    uint8_t k = jit_get_u8(in);
    if (kind == 0 || kind == 5) {
        size_t length = k < in->left ? k : in->left;
        const uint8_t *bytes = jit_get_bytes(in, length);
        if (kind == 0) {
            jit_buf_put_u32(out, (uint32_t)length);
        }
        jit_buf_put(out, bytes, bytes != NULL ? length : 0);
        return;
    }
    uint8_t what = jit_get_u8(in);
    uint8_t at = jit_get_u8(in);
    uint8_t with = jit_get_u8(in);
    if (kind == 1) {
        struct jit_buf token = bed->tokens[k % GUEST_BED_SLOTS];
        token.size -= what < token.size ? what : token.size;
        guest_bed_put_present(out, &token);
    } else if (kind == 2) {
        struct jit_buf intent;
        jit_buf_init(&intent, jit_heap_libc(), KERN_INTENT_BYTES_MAX);
        guest_bed_intent(bed, what, what, &intent);
        guest_bed_put_intent(out, k, intent.data, intent.size);
        jit_buf_release(&intent);
    } else {
        const struct jit_id cell = guest_bed_cell(what);
        guest_bed_put_read(out, k, &bed->world, what == 0 ? NULL : &cell);
    }
    if (with != 0) {
        spoil(out, from, at, with);
    }
}

static void talk(struct guest_bed *bed, int fd, struct jit_cursor *in)
{
    for (unsigned steps = 0; steps < STEPS_MAX && in->left > 0; steps++) {
        unsigned kind = jit_get_u8(in) % 8;
        struct jit_buf out;
        jit_buf_init(&out, jit_heap_libc(), 1u << 20);
        if (kind == 4) {
            guest_bed_revoke(bed, jit_get_u8(in) % GUEST_BED_SLOTS);
        } else if (kind == 6) {
            bed->now += jit_get_u8(in) * (GUEST_BED_SECOND / 10);
        } else if (kind == 7) {
            (void)shutdown(fd, SHUT_WR);
        } else {
            put_step(bed, kind, in, &out);
            assert(out.err == JIT_OK);
            (void)send(fd, out.data, out.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        jit_buf_release(&out);
        listen_to(bed, fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct guest_bed bed;
    struct jit_buf hello;
    if (size == 0 || size > INPUT_MAX) {
        return 0;
    }
    struct jit_cursor in = jit_cursor_of(bytes, size);
    jit_buf_init(&heard, jit_heap_libc(), 64u << 20);
    jit_buf_init(&hello, jit_heap_libc(), 1u << 10);
    guest_bed_begin(&bed, jit_heap_libc());
    int fd = guest_bed_come(&bed);
    guest_bed_put_hello(&hello);
    guest_bed_must(send(fd, hello.data, hello.size, MSG_NOSIGNAL) == (ssize_t)hello.size);
    talk(&bed, fd, &in);
    unsigned tokens = check_heard();
    assert(tokens > 0 || bed.commands == 0);
    if (tokens > 0) {
        fuzz_take();
    }
    (void)close(fd);
    guest_bed_pump(&bed);
    guest_bed_end(&bed); /* all of it is gone, or the sanitizer says so */
    jit_buf_release(&heard);
    jit_buf_release(&hello);
    return 0;
}
