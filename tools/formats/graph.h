/* tools/formats/graph.h - one state in the memory of a tool: a store over an arena that grows as it
 * is touched, made from a collect, an .rmg file or an input that can be imported.
 * Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_GRAPH_H
#define JIT_TOOLS_FORMATS_GRAPH_H

#include <stdarg.h>

#include "rmg/change/collect.h"
#include "rmg/file/file.h"
#include "rmg/schema/schema.h"
#include "rmg/store/store.h"
#include "rmg/file/wsc.h"

struct format_graph {
    struct jit_heap *heap;
    struct rmg_arena arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct rmg_wsc_head head; /* of a .wsc; else zeros */
    uint64_t mapped;          /* bytes of address space */
};

/* An empty one. Errors: JIT_ENOMEM. Release it also after an error. */
JIT_MUST_CHECK enum jit_err format_graph_init(struct format_graph *graph, struct jit_heap *heap);
void format_graph_release(struct format_graph *graph);

/* Into an empty graph. Errors: of rmg_collect_load and rmg_tx_seal; at: the id of a duplicate. */
JIT_MUST_CHECK enum jit_err format_graph_load(struct format_graph *graph,
                                              struct rmg_collect *collect, struct jit_id *at);

/* What is wrong with an input, or cannot be written. */
#define FORMAT_PLACE_SIZE 512u
#define FORMAT_WHAT_SIZE  512u
struct format_error {
    char place[FORMAT_PLACE_SIZE]; /* "nodes.csv:3:14", "x.rmg: node 7, byte 912", or "" */
    char what[FORMAT_WHAT_SIZE];
};

/* Fills it; returns err. */
enum jit_err format_fail(struct format_error *error, enum jit_err err, const char *place,
                         const char *format, va_list list) __attribute__((format(printf, 4, 0)));

/* A whole file in memory; size_max 0: no bound. Errors: JIT_ENOENT, JIT_EPERM, JIT_EIO, JIT_ENOMEM,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err format_read_file(struct jit_heap *heap, const char *path,
                                             uint64_t size_max, uint8_t **bytes, uint64_t *size);

/* All bytes of a file that holds a state. A regular file is mapped: then they need no memory beside
 * the state that is made of them. Nobody may cut it short meanwhile, which ends the program with a
 * word. What is no regular file is read. Errors: as format_read_file. */
struct format_bytes {
    const uint8_t *bytes;
    uint64_t size;
    uint8_t *read; /* not mapped, but from the heap */
    struct jit_heap *heap;
};
JIT_MUST_CHECK enum jit_err format_bytes_open(struct jit_heap *heap, const char *path,
                                              struct format_bytes *out);
JIT_MUST_CHECK enum jit_err format_bytes_of_fd(struct jit_heap *heap, int fd,
                                               struct format_bytes *out);
void format_bytes_close(struct format_bytes *bytes); /* also after an error, and of zeros */

/* The text under "name" of a node or an edge: what people know it by. NULL: it has none. */
const char *format_label(const struct rmg_graph *view, enum rmg_plane plane,
                         const struct jit_id *owner, uint32_t *size);

/* The name of a type for people: from the state's /schema, else a well-known one, else NULL. */
struct format_names;
JIT_MUST_CHECK enum jit_err format_names_new(const struct format_graph *graph,
                                             struct format_names **out);
/* Also the types of this schema. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err format_names_add(struct format_names *names,
                                             const struct rmg_schema *schema);
void format_names_free(struct format_names *names); /* may be NULL */
const char *format_name_of(const struct format_names *names, const struct jit_id *type);

#endif
