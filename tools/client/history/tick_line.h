/* tools/client/history/tick_line.h - a tick in one line, as `jitos log` lists it and `jitos show`
 * begins. Layer: tools. */
#ifndef JIT_TOOLS_TICK_LINE_H
#define JIT_TOOLS_TICK_LINE_H

#include "tools/client/history/history.h"

struct tick_line {
    uint64_t tick;
    struct jit_id commit;
    struct jit_id root;
    uint64_t requests;
    uint64_t counts[RMG_RESULT_COUNT];
    uint64_t events;
    bool ended; /* a process ended in it */
    uint64_t patch_bytes;
};

/* Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err tick_line_read(const struct log_record *record, struct tick_line *out);
/* As text, and as the event of the tick. */
void tick_line_print(struct cli *cli, const struct tick_line *line);

#endif
