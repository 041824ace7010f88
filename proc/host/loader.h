/* proc/host/loader.h - the program workers run, as an image nobody can change any more.
 * Spec:  SANDBOX 2.1 step 1, 2.2; CVE-2019-5736. Layer: proc/host. */
#ifndef JIT_PROC_HOST_LOADER_H
#define JIT_PROC_HOST_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct host_loader {
    int fd;              /* sealed, read-only, mode 0111: it can be executed and not read by name */
    uint64_t image_size; /* bytes of memory its segments take */
};
#define HOST_LOADER_NONE                                                                           \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Copy a program into a sealed memfd and judge the copy (proc/host/elf.h). One image serves all
 * spawns. The bytes come from a file, by descriptor or by name, or from memory.
 * Owns:   source is borrowed, its offset is not used. *out: host_loader_close().
 * Errors: with *why in words, else NULL: JIT_EFORMAT (not a static-pie ELF of this machine, or a
 *         damaged or hostile one), JIT_ELIMIT; JIT_ENOENT, JIT_EPERM (also where the sysctl
 *         vm.memfd_noexec is 2), JIT_ENOMEM, JIT_ENOSPC, JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_loader_open_fd(int source, struct host_loader *out,
                                                const char **why);
JIT_MUST_CHECK enum jit_err host_loader_open(const char *path, struct host_loader *out,
                                             const char **why);
JIT_MUST_CHECK enum jit_err host_loader_make(const uint8_t *bytes, size_t bytes_size,
                                             struct host_loader *out, const char **why);
void host_loader_close(struct host_loader *loader); /* becomes HOST_LOADER_NONE */

#endif
