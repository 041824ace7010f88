/* tools/selftest/attacker.h - what the attacker and those that start it agree on. */
#ifndef JIT_TOOLS_SELFTEST_ATTACKER_H
#define JIT_TOOLS_SELFTEST_ATTACKER_H

#include <stdatomic.h>
#include <stdint.h>

#define ATTACKER_RING_BYTES      65536u
#define ATTACKER_GRAPH_BYTES     65536u
#define ATTACKER_GRAPH_BYTES_MAX (32u << 20)
#define ATTACKER_VIEW_BYTES      65536u
#define ATTACKER_VIEW_BYTES_MAX  (40u << 20)

#define ATTACKER_NAME "jitos-test-outside" /* an abstract name; behind it the listener's pid */
#define ATTACKER_KEY  "0x6a69746f"         /* of System V objects */

enum { ATTACKER_EXIT_UNKNOWN = 200, ATTACKER_EXIT_MAPS, ATTACKER_EXIT_LOCKDOWN };
enum { ATTACKER_NOT_YET, ATTACKER_LOCKED, ATTACKER_RUNNING };

struct attacker_ring { /* at the start of the ring */
    _Atomic uint32_t state;
    _Atomic uint32_t bell; /* the test rings: the view has grown */
    uint32_t mseal_required;
    uint32_t program_bytes; /* for a native program, which cannot ask */
};

#endif
