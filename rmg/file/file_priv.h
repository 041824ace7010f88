/* rmg/file/file_priv.h - sizes that the writer, the reader and the checker of `.rmg` files share.
 */
#ifndef JIT_RMG_FILE_PRIV_H
#define JIT_RMG_FILE_PRIV_H

#include "rmg/file/file.h"

static const uint8_t rmg_file_magic[4] = {0x52, 0x4d, 0x47, 0x00};

/* Offsets in the header, a node record and an edge record. */
enum {
    RMG_FILE_AT_MAJOR = 4,
    RMG_FILE_AT_MINOR = 6,
    RMG_FILE_AT_NODES = 8,
    RMG_FILE_AT_EDGES = 16,
    RMG_FILE_AT_PAYLOAD = 24,
    RMG_FILE_AT_ROOT = 32,

    RMG_FILE_NODE_TYPE = 32,
    RMG_FILE_NODE_CHILDREN = 64,
    RMG_FILE_NODE_EDGES = 72,
    RMG_FILE_NODE_PAYLOAD = 80,
    RMG_FILE_NODE_SUBGRAPH = 96,

    RMG_FILE_EDGE_FROM = 32,
    RMG_FILE_EDGE_TO = 64,
    RMG_FILE_EDGE_TYPE = 96,
    RMG_FILE_EDGE_DATA = 128,
};

/* The smallest block: id, root node, u8 0 and its padding, four numbers. */
#define RMG_FILE_BLOCK_MIN 104u

static inline uint64_t rmg_file_pad(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

static inline uint64_t rmg_file_parent_size(const struct rmg_parent *parent)
{
    return parent->present ? 2 + 2 * JIT_ID_BYTES + 8 + parent->name_size : 1;
}

static inline uint64_t rmg_file_block_size(const struct rmg_parent *parent)
{
    return 2 * JIT_ID_BYTES + rmg_file_pad(rmg_file_parent_size(parent)) + 4 * 8;
}

/* Bytes of one attachment in a payload. */
static inline uint64_t rmg_file_attachment_size(const struct rmg_attachment *attachment)
{
    uint64_t size = 8 + (uint64_t)attachment->name_size + 1 + JIT_ID_BYTES;
    return attachment->value.kind == RMG_VALUE_ATOM ? size + 8 + attachment->value.size : size;
}

#endif
