/* tests/tools/moody.c - a program that does not do the same when it is run again, and could say
 * that it does. One of a process of one keeps a random number in its own graph; those of a process
 * of two keep there how many ticks they have lived; those of a process of three ask for something
 * in every third tick of their life; the first of a process of four does not end the sixth. */
#include <jitos.h>
#include <string.h>
#include <sys/random.h>

static struct jitos *jitos;

static enum jit_err keep(int64_t value)
{
    struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT, .plane = RMG_PLANE_ALPHA};
    jitos_own_place(&op.instance, &op.id);
    op.attachment.name = "mood";
    op.attachment.name_size = 4;
    op.attachment.value.kind = RMG_VALUE_ATOM;
    jit_hash_named("type:", "i64", 3, &op.attachment.value.type);
    op.attachment.value.bytes = (const uint8_t *)&value;
    op.attachment.value.size = sizeof value;
    jitos_change(jitos, NULL);
    enum jit_err err = jitos_change_op(jitos, &op);
    if (err == JIT_OK) {
        return jitos_change_end(jitos);
    }
    jitos_change_abort(jitos);
    return err;
}

static enum jit_err ask(void)
{
    struct jit_id probe;
    jit_hash_named("node:", "probe", 5, &probe);
    const struct jitos_request request = {.run = 0, .ids = &probe, .id_count = 1};
    return jitos_request(jitos, &request);
}

static enum jit_err one_tick(uint32_t count)
{
    static int64_t lived;
    enum jit_err err = JIT_OK;
    int64_t mood = 0;
    jitos_begin(jitos);
    lived++;
    if (count == 1) {
        err = getrandom(&mood, sizeof mood, 0) == (ssize_t)sizeof mood ? keep(mood) : JIT_EIO;
    } else if (count == 2) {
        err = keep(lived);
    } else if (count == 4) {
        while (lived == 6 && jitos_info(jitos).index == 0) {
            __asm__ volatile(""); /* until it is killed */
        }
    } else if (lived % 3 == 0) {
        err = ask();
    }
    jitos_done(jitos);
    return err;
}

int main(void)
{
    enum jit_err err = jitos_attach(&jitos);
    if (err == JIT_OK) {
        err = jitos_own(jitos, 0);
    }
    while (err == JIT_OK) {
        err = one_tick(jitos_info(jitos).count);
    }
    return 1;
}
