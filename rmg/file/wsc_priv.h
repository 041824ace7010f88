/* rmg/file/wsc_priv.h - sizes and places that the writer, the reader and the checker of `.wsc`
 * files share. */
#ifndef JIT_RMG_WSC_PRIV_H
#define JIT_RMG_WSC_PRIV_H

#include "rmg/file/wsc.h"

static const uint8_t rmg_wsc_magic[8] = {'W', 'S', 'C', 0, 1, 0, 0, 0};

/* Offsets in the header, a directory entry and an attachment row. */
enum {
    RMG_WSC_AT_SCHEMA = 8,
    RMG_WSC_AT_TICK = 40,
    RMG_WSC_AT_COUNT = 48,
    RMG_WSC_AT_DIRECTORY = 56,
    RMG_WSC_AT_ZEROS = 64,

    RMG_WSC_ENTRY_ROOT = 32,
    RMG_WSC_ENTRY_SECTIONS = 64,

    RMG_WSC_ATT_TYPE = 8,
    RMG_WSC_ATT_BLOB = 40,
    RMG_WSC_ATT_BLOB_SIZE = 48,
};

/* Bytes of a row, by section. */
static const uint8_t rmg_wsc_row_size[RMG_WSC_SECTIONS] = {
    RMG_WSC_NODE_SIZE,     RMG_WSC_EDGE_SIZE,  RMG_WSC_RANGE_SIZE,
    RMG_WSC_OUT_EDGE_SIZE, RMG_WSC_RANGE_SIZE, RMG_WSC_ATT_SIZE,
    RMG_WSC_RANGE_SIZE,    RMG_WSC_ATT_SIZE,   1};

/* An index has the rows of the section whose rows it is about and no number of its own in the
 * directory. */
static inline bool rmg_wsc_counted(enum rmg_wsc_section section)
{
    return section != RMG_WSC_OUT_INDEX && section != RMG_WSC_NODE_ATTS_INDEX &&
           section != RMG_WSC_EDGE_ATTS_INDEX;
}

/* rmg_wsc_write() with other windows than its own: small ones walk small instances several times.
 */
JIT_MUST_CHECK enum jit_err
rmg_wsc_write_within(uint64_t window_bytes, struct jit_heap *heap, const struct rmg_store *store,
                     const struct rmg_version *version, const struct rmg_wsc_head *head,
                     enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                     void *user, struct rmg_wsc_owner *owner, uint64_t *file_size);

static inline uint64_t rmg_wsc_pad(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

#endif
