/* proc/host/filter.h - the seccomp filters of a worker, compiled ahead of time by libseccomp.
 * Spec:  SANDBOX 2.1 "The filters". Layer: proc/host; the only user of
 * <seccomp.h>.
 *
 * START  goes on between clone and exec. It lets the C runtime of a static-pie loader start, lets
 *        the loader map descriptors 3 to 6, seal the maps, close all descriptors and load FINAL,
 *        and nothing else; execveat and write are allowed on two descriptors that exec closes.
 * FINAL  goes on in the loader, last (proc/guest/lockdown): profile A.
 * NATIVE goes on between clone and exec of a program nobody vouches for, and is the last one it
 * gets: profile B. FINAL, what the C runtime of a static-pie program asks for when it starts, and
 *        mapping descriptors 3 to 6, each with the rights it is handed out with.
 * Everything not allowed kills the process, as does any other architecture's way into the kernel.
 */
#ifndef JIT_PROC_HOST_FILTER_H
#define JIT_PROC_HOST_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "syscall/abi.h"

#define HOST_FILTER_MAX 512 /* instructions */

/* The bytes handed to a loader are exactly this struct, cut off after `count` instructions. */
struct host_filter {
    uint16_t count; /* instructions, 1 to HOST_FILTER_MAX */
    uint16_t zero[3];
    struct sock_filter code[HOST_FILTER_MAX];
};

/* Descriptors of a worker between clone and exec, besides those of enum sys_fd; exec closes them.
 */
#define HOST_FD_LOADER  7
#define HOST_FD_SPAWNER 8

enum host_filter_kind { HOST_FILTER_START, HOST_FILTER_FINAL, HOST_FILTER_NATIVE };

/* The path a program is executed with: empty, and START and NATIVE allow this very address only. */
extern const char host_exec_path[1];

/* Compile a filter. Errors: JIT_ENOTSUP (libseccomp does not know this machine), JIT_ENOMEM,
 * JIT_ELIMIT (more than HOST_FILTER_MAX instructions), JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_filter_build(enum host_filter_kind kind, struct host_filter *out);

/* Bytes of the filter that are in use, from its first one. */
size_t host_filter_size(const struct host_filter *filter);

#endif
