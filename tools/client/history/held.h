/* tools/client/history/held.h - what processes held in a slot when they asked for something. Spec:
 * DESIGN 8; docs/spec/capabilities.md. Layer: tools.
 *
 * A request names the slot alone, and what lies in a slot changes: capabilities are derived, moved
 * and revoked, and go with their processes. The log says in which ticks; between two of them any
 * state will do, and the one that is at hand mostly does. */
#ifndef JIT_TOOLS_HELD_H
#define JIT_TOOLS_HELD_H

#include "kernel/core/root.h"
#include "tools/client/history/causes.h"

#define HELD_STATES_MAX 64u /* that are brought to life for it */

enum held_state {
    HELD_UNKNOWN, /* too many states would have to be read */
    HELD_NONE,
    HELD_THERE
};
struct held {
    enum held_state state;
    uint32_t rights;
    struct jit_id instance;
};

/* One for each cause; of those that are known requests. now: the configuration at `tick`. Free it.
 * Returns an exit code; said. */
int held_read(const struct causes *causes, const struct kern_config *now, uint64_t tick,
              struct held **out);

#endif
