/* tools/client/history/entries.h - commit entries, said: of `jitos show --entries` and of /time.
 * Spec:  DESIGN 5.3; docs/spec/patch.md "Commit entries". Layer: tools. */
#ifndef JIT_TOOLS_ENTRIES_H
#define JIT_TOOLS_ENTRIES_H

#include "kernel/core/entry.h"
#include "kernel/core/root.h"
#include "kernel/log/log.h"
#include "tools/cli/cli.h"

/* The first `limit` entries of a record, a line or an event each; names: NULL when there are none
 * to be had. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err entries_show(struct cli *cli, const struct kern_config *names,
                                         const struct log_record *record,
                                         const struct kern_record_view *view, uint64_t limit);

#endif
