/* tools/formats/import.h - bring a graph in, in one of the formats of tools/formats/format.h.
 * Spec:  DESIGN 4.1 (ids of what has none), 4.6; docs/spec/formats.md says how each is read.
 * Layer: tools. One entry for `rmg import` and for the imports of a system file.
 *
 * An importer fills a struct rmg_collect; nothing is half done, since a collect that failed is
 * thrown away. Every fault of an input names file, line and column. What was added without a fault
 * is a valid part of a state: ends of edges and owners of attachments are there. */
#ifndef JIT_TOOLS_FORMATS_IMPORT_H
#define JIT_TOOLS_FORMATS_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "rmg/change/collect.h"
#include "rmg/schema/schema.h"
#include "tools/formats/graph.h"

struct format;

/* The instance to import into; it and its root node are in the collect. */
struct import_target {
    struct jit_id instance;
    struct jit_id root_node;
};

struct import_source {
    const struct format *format; /* one that reads (format.h) */
    const char *const *paths;    /* "-": standard input, except for CSV */
    uint32_t path_count;         /* exactly 1 unless the format takes many, or needs none */
    const char *base;            /* folder that relative paths count from; NULL: where we are */
    /* What a system file declares, or NULL. With a schema only declared fields are imported, for
     * every format: a value must have (or parse as) its field's codec, and a missing one gets its
     * default. Types that are not declared are imported without values. Portals are no values and
     * always kept. The types of an input's own /schema come along as they are; with `into` they
     * are compared with these and left out. */
    const struct rmg_schema *schema;
    /* Learns the names of types that an input gives in words, as types without fields. Or NULL. */
    struct rmg_schema *names;
    /* A format may need one (needs_target). For the others: the content of the top instance goes
     * there (its root node becomes the target's), nested instances come along; NULL: all as it is.
     */
    const struct import_target *into;
    /* Called now and then: bytes done and, if known, in all (else 0). May be NULL. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* What was added. */
struct import_report {
    uint64_t instances;
    uint64_t nodes;
    uint64_t edges;
    uint64_t values;
    uint64_t virtuals;         /* apt: nodes for targets without a stanza, among nodes */
    uint64_t stanzas_ignored;  /* apt: later stanzas of a name */
    uint64_t values_ignored;   /* not declared by the schema */
    uint64_t nodes_undeclared; /* of types that the schema does not declare */
    uint64_t edges_undeclared;
};

#define IMPORT_PLACE_SIZE FORMAT_PLACE_SIZE

/* Errors: JIT_EFORMAT (the input is wrong), JIT_EINVALID (it is no valid state), JIT_EEXIST (an id
 * is there already), JIT_ECORRUPT (a damaged .rmg), JIT_EVERSION, JIT_ENOENT (no such file),
 * JIT_ENOTSUP (neither apt nor dpkg know a package), JIT_ELIMIT, JIT_EIO, JIT_EPERM, JIT_ENOMEM.
 * The collect is then of no use any more. */
JIT_MUST_CHECK enum jit_err import_run(const struct import_source *source,
                                       struct rmg_collect *collect, struct import_report *report,
                                       struct format_error *error);

#endif
