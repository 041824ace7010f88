/* rmg/file/wsc_write_priv.h - a .wsc being written, shared by its files. Layer: rmg. */
#ifndef JIT_RMG_FILE_WSC_WRITE_PRIV_H
#define JIT_RMG_FILE_WSC_WRITE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "rmg/file/out_priv.h"
#include "rmg/file/wsc_priv.h"
#include "rmg/store/id_table.h"

/* The lists of out-edges are put in order for so many nodes, and so many rows, at once. An instance
 * with more is walked several times: memory is bounded, time is not. */
#define WINDOW_BYTES (64u << 20)
#define WINDOW_NODE  (JIT_ID_BYTES + 3 * sizeof(uint64_t)) /* bytes of a node in it */

/* What an instance takes, found by a first walk. */
struct wsc_measure {
    struct jit_id id;
    uint64_t node_atts;
    uint64_t edge_atts;
    uint64_t blob_bytes;
};

/* Nodes that follow each other, and how many edges leave each. */
struct wsc_window {
    struct jit_id *ids;
    uint64_t *degrees;
    uint64_t *next; /* row of the list for the next edge of each */
    struct rmg_id_table table;
    uint64_t room;
    uint64_t count;
    bool whole; /* all nodes of the instance are in it */
};

struct wsc_writer {
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct rmg_out out;
    struct wsc_measure *measures;
    size_t measure_count;
    size_t measure_room;
    /* the instance being written */
    struct rmg_instance in;
    struct rmg_graph graph;
    struct wsc_window window;
    uint64_t window_bytes; /* for its nodes, and again for its rows */
};

/* Edges with the places of the nodes they leave, for as many as are in the window. */
struct wsc_batch {
    struct rmg_edge edges[RMG_ID_BATCH];
    size_t places[RMG_ID_BATCH]; /* SIZE_MAX: the node is not in the window */
    size_t count;
};

/* ---- wsc_write.c ---- */
uint64_t wsc_at_least_one(uint64_t count);

/* ---- wsc_fits.c ---- */
/* Offsets and numbers of the sections of an instance, and where the last one ends. */
void wsc_place_sections(const struct rmg_instance *in, const struct wsc_measure *m,
                        struct rmg_wsc_instance *out, uint64_t *end);
JIT_MUST_CHECK enum jit_err wsc_measure(struct wsc_writer *w, struct rmg_wsc_owner *owner);

/* ---- wsc_window.c ---- */
void wsc_window_release(struct wsc_writer *w);
JIT_MUST_CHECK enum jit_err wsc_window_new(struct wsc_writer *w);
/* The next edges by id; none at the end. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err wsc_batch_next(struct rmg_iter *iter, struct wsc_batch *batch);
void wsc_batch_find(const struct wsc_window *window, struct wsc_batch *batch);
void wsc_batch_count(struct wsc_window *window, const struct wsc_batch *batch);
/* The next nodes of the iteration, and the edges that leave them. */
JIT_MUST_CHECK enum jit_err wsc_window_load(struct wsc_writer *w, struct rmg_iter *nodes);

#endif
