/* tests/proc/loader.h - what the test loader and the tests that start it agree on. */
#ifndef JIT_TESTS_PROC_LOADER_H
#define JIT_TESTS_PROC_LOADER_H

#include <stdatomic.h>
#include <stdint.h>

#define LOADER_RING_BYTES      65536u
#define LOADER_GRAPH_BYTES     65536u
#define LOADER_GRAPH_BYTES_MAX (32u << 20)
#define LOADER_VIEW_BYTES      65536u
#define LOADER_VIEW_BYTES_MAX  (40u << 20)

#define LOADER_NAME "jitos-test-outside" /* abstract */

enum { LOADER_EXIT_UNKNOWN = 200, LOADER_EXIT_MAPS, LOADER_EXIT_LOCKDOWN };
enum { LOADER_NOT_YET, LOADER_LOCKED, LOADER_RUNNING };

struct loader_ring { /* at the start of the ring */
    _Atomic uint32_t state;
    _Atomic uint32_t bell; /* the test rings: the view has grown */
    uint32_t mseal_required;
    uint32_t program_bytes; /* for a native program, which cannot ask */
};

#endif
