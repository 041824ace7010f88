/* proc/host/memory.h - the memories a worker shares with the kernel: memfds with the right seals.
 * Spec:  DESIGN 7.1 (ring, graph, view), 14.5 (program); SANDBOX 1, 2.1 step 1.
 * Layer: proc/host; may include base/ and syscall/abi.h only. Knows no graph: bytes and sizes.
 *
 * kind     kernel's map  seals                              grows
 * ring     read-write    SHRINK GROW SEAL                   never
 * graph    read-write    SHRINK SEAL                        by host_memory_extend()
 * view     read-write    SHRINK SEAL FUTURE_WRITE           by host_memory_extend()
 * program  read-only     SHRINK GROW SEAL WRITE             never
 *
 * The address range is reserved once for size_max and never moves; bytes past `size` are not there
 * yet, and touching them is a SIGBUS. What is there is allocated: no hole can be faulted in by a
 * reader, so running out of memory is an error of extend() and never a signal.
 * Seals do not stop a writer from punching holes: supervisor state never lies in ring or graph. */
#ifndef JIT_PROC_HOST_MEMORY_H
#define JIT_PROC_HOST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "syscall/abi.h"

#define HOST_EXTENT_BYTES SYS_VIEW_EXTENT_BYTES /* how a graph or a view grows */

enum host_memory_kind { HOST_RING, HOST_GRAPH, HOST_VIEW, HOST_PROGRAM };

struct host_memory {
    enum host_memory_kind kind;
    int fd;            /* the kernel's */
    int fd_worker;     /* the one to hand to workers: for view and program opened read-only */
    uint8_t *base;     /* size_max bytes of address space, `size` of them usable */
    uint64_t size;     /* bytes in the file, all allocated; a multiple of the page */
    uint64_t size_max; /* bytes reserved */
};

/* A memory that is nowhere; host_memory_close() accepts it. */
#define HOST_MEMORY_NONE                                                                           \
    {                                                                                              \
        .fd = -1, .fd_worker = -1                                                                  \
    }

/* Make a ring, a graph or a view of `size` zero bytes that may grow to size_max.
 * Units:  bytes, rounded up to pages; 0 < size <= size_max; a ring has size == size_max.
 * Owns:   *out is the caller's: host_memory_close(). On error it is HOST_MEMORY_NONE.
 * Errors: JIT_ENOSPC (no memory to allocate), JIT_ENOMEM (no address space, no descriptors),
 *         JIT_EPERM (refused by policy), JIT_ENOTSUP (a seal is unknown), JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_memory_create(enum host_memory_kind kind, uint64_t size,
                                               uint64_t size_max, struct host_memory *out);

/* Make a program memory that holds exactly these bytes, immutable from then on; its last page is
 * filled up with zeros. Errors as host_memory_create(). */
JIT_MUST_CHECK enum jit_err host_memory_program(const void *bytes, size_t bytes_size,
                                                struct host_memory *out);

/* Let `size` become at least size_min, in whole allocated extents (the last one may be cut off by
 * size_max). Nothing changes on error, and nothing that is mapped moves.
 * Errors: JIT_ELIMIT (more than size_max), JIT_ENOSPC (no memory). */
JIT_MUST_CHECK enum jit_err host_memory_extend(struct host_memory *memory, uint64_t size_min);

void host_memory_close(struct host_memory *memory); /* becomes HOST_MEMORY_NONE */

/* Map somebody's memfd once for its maximum, read-only or read-write; the file may be shorter.
 * Errors: JIT_ENOMEM, JIT_EPERM (a seal forbids writing). */
JIT_MUST_CHECK enum jit_err host_map_shared(int fd, uint64_t size_max, int writable, uint8_t **out);
void host_map_release(uint8_t *base, uint64_t size_max);

#endif
