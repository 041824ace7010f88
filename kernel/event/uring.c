#include "kernel/event/uring.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

/* By the raw call: the library of Debian 12 declares these two and does not export them. */
static long do_register(const struct io_uring *ring, unsigned what, const void *arg, unsigned count)
{
    return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, count);
}

enum jit_err shell_uring_init(unsigned entries, const uint8_t *ops, unsigned count,
                              struct io_uring *out)
{
    struct io_uring_restriction allowed[URING_OPS_MAX + 1];

    assert(count <= URING_OPS_MAX);
    memset(allowed, 0, sizeof allowed);
    for (unsigned i = 0; i < count; i++) {
        allowed[i].opcode = IORING_RESTRICTION_SQE_OP;
        allowed[i].sqe_op = ops[i];
    }
    allowed[count].opcode = IORING_RESTRICTION_REGISTER_OP;
    allowed[count].register_op = IORING_REGISTER_FILES;
    if (io_uring_queue_init(entries, out, IORING_SETUP_R_DISABLED) != 0) {
        return JIT_ENOTSUP;
    }
    if (do_register(out, IORING_REGISTER_RESTRICTIONS, allowed, count + 1) != 0 ||
        do_register(out, IORING_REGISTER_ENABLE_RINGS, NULL, 0) != 0) {
        io_uring_queue_exit(out);
        return JIT_ENOTSUP;
    }
    return JIT_OK;
}
