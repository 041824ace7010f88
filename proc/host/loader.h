/* proc/host/loader.h - the program workers run, as an image nobody can change any more.
 * Spec:  SANDBOX 2.1 step 1, 2.2; CVE-2019-5736. Layer: proc/host. */
#ifndef JIT_PROC_HOST_LOADER_H
#define JIT_PROC_HOST_LOADER_H

#include <stdint.h>

#include "base/err.h"

#define HOST_LOADER_BYTES_MAX (64ull << 20)

struct host_loader {
    int fd;              /* sealed, read-only, mode 0111: it can be executed and not read by name */
    uint64_t image_size; /* bytes of memory its segments take */
};
#define HOST_LOADER_NONE                                                                           \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Copy a static-pie ELF program into a sealed memfd. One image serves all spawns.
 * Owns:   source is borrowed, its offset is not used. *out: host_loader_close().
 * Errors: JIT_EFORMAT (not a static-pie ELF of this machine, or a damaged one), JIT_ELIMIT,
 *         JIT_ENOENT, JIT_EPERM (also where the sysctl vm.memfd_noexec is 2), JIT_ENOMEM,
 *         JIT_ENOSPC, JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_loader_open_fd(int source, struct host_loader *out);
JIT_MUST_CHECK enum jit_err host_loader_open(const char *path, struct host_loader *out);
void host_loader_close(struct host_loader *loader); /* becomes HOST_LOADER_NONE */

#endif
