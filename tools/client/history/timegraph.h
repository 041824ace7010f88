/* tools/client/history/timegraph.h - /time: a history as a graph that can be walked and queried
 * like any other, made of the log when it is asked for, outside every hash. Spec:  DESIGN 9.1;
 * docs/spec/time.md has its types. Layer: tools. */
#ifndef JIT_TOOLS_TIMEGRAPH_H
#define JIT_TOOLS_TIMEGRAPH_H

#include "tools/formats/graph.h"
#include "tools/client/history/history.h"

/* "/time", "/time/...". */
bool timegraph_is(const char *path);
/* Ticks, branches and checkpoints; for "/time/@N..." also requests and operations of tick N. out is
 * zeros; release it whatever comes back. Returns an exit code; said. */
int timegraph_make(struct cli *cli, const char *data, const char *path, struct format_graph *out);

#endif
