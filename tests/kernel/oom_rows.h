/* tests/kernel/oom_rows.h - the public operations that take memory, a row each (tests/lib/oom.h).
 * An operation that is not listed takes none, or is a part of one that is. */
#ifndef JIT_TESTS_OOM_ROWS_H
#define JIT_TESTS_OOM_ROWS_H

#include "tests/lib/oom.h"

extern const struct oom_row oom_graph_rows[]; /* rmg: store, change */
extern const size_t oom_graph_row_count;
extern const struct oom_row oom_file_rows[]; /* rmg/file, librmg */
extern const size_t oom_file_row_count;
extern const struct oom_row oom_collect_rows[]; /* collections, schemas */
extern const size_t oom_collect_row_count;
extern const struct oom_row oom_rule_rows[]; /* the language, rules, the engine */
extern const size_t oom_rule_row_count;
extern const struct oom_row oom_kernel_rows[]; /* sws, syscall, the core */
extern const size_t oom_kernel_row_count;
extern const struct oom_row oom_storage_rows[]; /* log, checkpoints, hub */
extern const size_t oom_storage_row_count;

#endif
