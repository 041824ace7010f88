/* A worker's program that has been taken over: it does its work for two ticks and then rings its
 * bell for ever. It is the rules loader (proc/guest/main.c), built with these two functions in
 * place of the ones it would call. */
#include "proc/guest/loop.h"

#undef guest_loop_new
#undef guest_loop_run
enum jit_err guest_loop_new(const struct guest_loop_options *options, struct guest_loop **out);

static struct sys_ring_guest *ring;

enum jit_err hostile_loop_new(const struct guest_loop_options *options, struct guest_loop **out)
{
    ring = options->ring;
    return guest_loop_new(options, out);
}

enum jit_err hostile_loop_run(struct guest_loop *loop)
{
    for (int i = 0; i < 2; i++) {
        enum jit_err err = guest_loop_tick(loop);
        if (err != JIT_OK) {
            return err;
        }
    }
    for (;;) {
        sys_ring_guest_ring(ring);
    }
}
