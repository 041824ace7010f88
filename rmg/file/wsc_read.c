#include "rmg/file/wsc_priv.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

static enum jit_err refuse(struct rmg_file_fault *fault, enum jit_err err, const char *section,
                           uint64_t index, uint64_t offset, const char *what)
{
    if (fault != NULL) {
        *fault = (struct rmg_file_fault){
            .offset = offset, .section = section, .index = index, .what = what};
    }
    return err;
}

bool rmg_wsc_is(const void *bytes, uint64_t size)
{
    return size >= 4 && memcmp(bytes, rmg_wsc_magic, 4) == 0;
}

/* Numbers of an entry as they are written: the rows of an index are those of what it is about. */
static void entry_decode(const uint8_t *entry, struct rmg_wsc_instance *out)
{
    const uint8_t *at = entry + RMG_WSC_ENTRY_SECTIONS;
    memcpy(out->id.bytes, entry, JIT_ID_BYTES);
    memcpy(out->root_node.bytes, entry + RMG_WSC_ENTRY_ROOT, JIT_ID_BYTES);
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        out->at[s] = jit_le64(at);
        at += 8;
        if (rmg_wsc_counted(s)) {
            out->rows[s] = jit_le64(at);
            at += 8;
        }
    }
    out->rows[RMG_WSC_OUT_INDEX] = out->rows[RMG_WSC_NODES];
    out->rows[RMG_WSC_NODE_ATTS_INDEX] = out->rows[RMG_WSC_NODES];
    out->rows[RMG_WSC_EDGE_ATTS_INDEX] = out->rows[RMG_WSC_EDGES];
    assert(at == entry + RMG_WSC_ENTRY_SIZE);
}

/* Where in its entry the offset of a section stands. */
static uint64_t entry_place(unsigned section)
{
    uint64_t place = RMG_WSC_ENTRY_SECTIONS;
    for (unsigned s = 0; s < section; s++) {
        place += rmg_wsc_counted(s) ? 16 : 8;
    }
    return place;
}

/* Each section begins where the one before ends, on the next multiple of 8. Claims are judged
 * against the bytes that are there before anything relies on them. */
static enum jit_err open_entry(const struct rmg_wsc *file, uint64_t index, uint64_t *end,
                               struct rmg_file_fault *fault)
{
    static const char *const more[RMG_WSC_SECTIONS] = {
        "more nodes than the file has room for",
        "more edges than the file has room for",
        "the ranges of the out-edges do not fit into the file",
        "more out-edges than the file has room for",
        "the ranges of the nodes' attachments do not fit into the file",
        "more node attachments than the file has room for",
        "the ranges of the edges' attachments do not fit into the file",
        "more edge attachments than the file has room for",
        "more blob bytes than the file has room for"};
    uint64_t entry_at = RMG_WSC_HEADER_SIZE + index * RMG_WSC_ENTRY_SIZE;
    struct rmg_wsc_instance in;
    entry_decode(file->bytes + entry_at, &in);
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        uint64_t place = entry_at + entry_place(s);
        uint64_t at = rmg_wsc_pad(*end);
        if (in.at[s] != at) {
            return refuse(fault, JIT_ECORRUPT, "directory entry", index, place,
                          "a section that is not where it must be");
        }
        if (at > file->size || in.rows[s] > (file->size - at) / rmg_wsc_row_size[s]) {
            return refuse(fault, JIT_ECORRUPT, "directory entry", index,
                          place + (rmg_wsc_counted(s) ? 8 : 0), more[s]);
        }
        for (; *end < at; ++*end) {
            if (file->bytes[*end] != 0) {
                return refuse(fault, JIT_ECORRUPT, "directory entry", index, *end,
                              "padding that is not zero");
            }
        }
        *end = at + in.rows[s] * rmg_wsc_row_size[s];
    }
    return JIT_OK;
}

static enum jit_err open_header(struct rmg_wsc *file, struct rmg_file_fault *fault)
{
    const uint8_t *bytes = file->bytes;
    memcpy(file->head.schema_hash.bytes, bytes + RMG_WSC_AT_SCHEMA, JIT_ID_BYTES);
    file->head.tick = jit_le64(bytes + RMG_WSC_AT_TICK);
    file->instance_count = jit_le64(bytes + RMG_WSC_AT_COUNT);
    if (file->instance_count == 0 || file->instance_count > JIT_INSTANCES_MAX ||
        file->instance_count > (file->size - RMG_WSC_HEADER_SIZE) / RMG_WSC_ENTRY_SIZE) {
        return refuse(fault, JIT_ECORRUPT, "header", 0, RMG_WSC_AT_COUNT,
                      "no instance, or more than the file has room for");
    }
    if (jit_le64(bytes + RMG_WSC_AT_DIRECTORY) != RMG_WSC_HEADER_SIZE) {
        return refuse(fault, JIT_ECORRUPT, "header", 0, RMG_WSC_AT_DIRECTORY,
                      "the directory is not right behind the header");
    }
    for (uint64_t at = RMG_WSC_AT_ZEROS; at < RMG_WSC_HEADER_SIZE; at++) {
        if (bytes[at] != 0) {
            return refuse(fault, JIT_ECORRUPT, "header", 0, at, "a reserved byte that is not zero");
        }
    }
    return JIT_OK;
}

enum jit_err rmg_wsc_open(const void *bytes, uint64_t size, struct rmg_wsc *out,
                          struct rmg_file_fault *fault)
{
    struct rmg_wsc file = {.bytes = bytes, .size = size};
    *out = (struct rmg_wsc){0};
    if (!rmg_wsc_is(bytes, size)) {
        return refuse(fault, JIT_EFORMAT, "header", 0, 0, "it does not begin as a .wsc file does");
    }
    if (size < RMG_WSC_HEADER_SIZE) {
        return refuse(fault, JIT_ECORRUPT, "header", 0, size, "the file ends in its header");
    }
    if (memcmp(bytes, rmg_wsc_magic, sizeof rmg_wsc_magic) != 0) {
        return refuse(fault, JIT_EVERSION, "header", 0, 4,
                      "an unknown version; this program knows version 1");
    }
    enum jit_err err = open_header(&file, fault);
    uint64_t end = RMG_WSC_HEADER_SIZE + file.instance_count * RMG_WSC_ENTRY_SIZE;
    for (uint64_t i = 0; err == JIT_OK && i < file.instance_count; i++) {
        err = open_entry(&file, i, &end, fault);
    }
    if (err == JIT_OK && end != size) {
        err = refuse(fault, JIT_ECORRUPT, "directory entry", file.instance_count - 1, end,
                     "the file goes on behind its last section");
    }
    if (err == JIT_OK) {
        *out = file;
    }
    return err;
}

void rmg_wsc_image(const struct rmg_wsc *file, struct jit_id *out)
{
    jit_hash(file->bytes, (size_t)file->size, out);
}

/* ---- instances ---- */

enum jit_err rmg_wsc_instance_at(const struct rmg_wsc *file, uint64_t index,
                                 struct rmg_wsc_instance *out)
{
    *out = (struct rmg_wsc_instance){0};
    if (index >= file->instance_count) {
        return JIT_ENOENT;
    }
    struct rmg_wsc_instance in = {.offset = RMG_WSC_HEADER_SIZE + index * RMG_WSC_ENTRY_SIZE};
    entry_decode(file->bytes + in.offset, &in);
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        if (in.at[s] % 8 != 0 || in.at[s] > file->size ||
            in.rows[s] > (file->size - in.at[s]) / rmg_wsc_row_size[s]) {
            return JIT_EFORMAT;
        }
    }
    *out = in;
    return JIT_OK;
}

/* Among `count` rows that begin with an id. */
static enum jit_err find(const uint8_t *rows, uint64_t row_size, uint64_t count,
                         const struct jit_id *id, uint64_t *index)
{
    uint64_t low = 0;
    uint64_t high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int order = memcmp(rows + middle * row_size, id->bytes, JIT_ID_BYTES);
        if (order == 0) {
            *index = middle;
            return JIT_OK;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return JIT_ENOENT;
}

enum jit_err rmg_wsc_instance_find(const struct rmg_wsc *file, const struct jit_id *id,
                                   struct rmg_wsc_instance *out)
{
    uint64_t index = 0;
    *out = (struct rmg_wsc_instance){0};
    enum jit_err err = find(file->bytes + RMG_WSC_HEADER_SIZE, RMG_WSC_ENTRY_SIZE,
                            file->instance_count, id, &index);
    return err == JIT_OK ? rmg_wsc_instance_at(file, index, out) : err;
}

/* ---- rows ---- */

static const uint8_t *row(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                          enum rmg_wsc_section section, uint64_t index)
{
    assert(index < in->rows[section]);
    return file->bytes + in->at[section] + index * rmg_wsc_row_size[section];
}

enum jit_err rmg_wsc_node_at(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                             uint64_t index, struct rmg_bulk_node *out)
{
    static_assert(sizeof *out == RMG_WSC_NODE_SIZE, "a row is the struct");
    *out = (struct rmg_bulk_node){0};
    if (index >= in->rows[RMG_WSC_NODES]) {
        return JIT_ENOENT;
    }
    memcpy(out, row(file, in, RMG_WSC_NODES, index), sizeof *out);
    return JIT_OK;
}

enum jit_err rmg_wsc_edge_at(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                             uint64_t index, struct rmg_edge *out)
{
    static_assert(sizeof *out == RMG_WSC_EDGE_SIZE, "a row is the struct");
    *out = (struct rmg_edge){0};
    if (index >= in->rows[RMG_WSC_EDGES]) {
        return JIT_ENOENT;
    }
    memcpy(out, row(file, in, RMG_WSC_EDGES, index), sizeof *out);
    return JIT_OK;
}

enum jit_err rmg_wsc_node_find(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                               const struct jit_id *id, uint64_t *index)
{
    return find(file->bytes + in->at[RMG_WSC_NODES], RMG_WSC_NODE_SIZE, in->rows[RMG_WSC_NODES], id,
                index);
}

enum jit_err rmg_wsc_edge_find(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                               const struct jit_id *id, uint64_t *index)
{
    return find(file->bytes + in->at[RMG_WSC_EDGES], RMG_WSC_EDGE_SIZE, in->rows[RMG_WSC_EDGES], id,
                index);
}

/* The index-th range of an index, which must lie in the section behind it. */
static enum jit_err range(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                          enum rmg_wsc_section section, uint64_t index, uint64_t *first,
                          uint64_t *count)
{
    *first = 0;
    *count = 0;
    if (index >= in->rows[section]) {
        return JIT_ENOENT;
    }
    const uint8_t *at = row(file, in, section, index);
    uint64_t rows = in->rows[section + 1];
    uint64_t start = jit_le64(at);
    uint64_t size = jit_le64(at + 8);
    if (start > rows || size > rows - start) {
        return JIT_EFORMAT;
    }
    *first = start;
    *count = size;
    return JIT_OK;
}

enum jit_err rmg_wsc_out_edges(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                               uint64_t node, uint64_t *first, uint64_t *count)
{
    return range(file, in, RMG_WSC_OUT_INDEX, node, first, count);
}

enum jit_err rmg_wsc_out_edge_at(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                                 uint64_t place, struct rmg_edge *out)
{
    *out = (struct rmg_edge){0};
    if (place >= in->rows[RMG_WSC_OUT_EDGES]) {
        return JIT_ENOENT;
    }
    const uint8_t *at = row(file, in, RMG_WSC_OUT_EDGES, place);
    enum jit_err err = rmg_wsc_edge_at(file, in, jit_le64(at), out);
    if (err == JIT_OK && memcmp(out->id.bytes, at + 8, JIT_ID_BYTES) != 0) {
        *out = (struct rmg_edge){0};
        err = JIT_EFORMAT;
    }
    return err == JIT_ENOENT ? JIT_EFORMAT : err;
}

enum jit_err rmg_wsc_attachment(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                                enum rmg_plane plane, uint64_t owner, struct rmg_attachment *out)
{
    enum rmg_wsc_section section =
        plane == RMG_PLANE_ALPHA ? RMG_WSC_NODE_ATTS_INDEX : RMG_WSC_EDGE_ATTS_INDEX;
    uint64_t first = 0;
    uint64_t count = 0;
    *out = (struct rmg_attachment){.name = NULL};
    enum jit_err err = range(file, in, section, owner, &first, &count);
    if (err != JIT_OK || count != 1) {
        return err != JIT_OK ? err : count == 0 ? JIT_ENOENT : JIT_EFORMAT;
    }
    const uint8_t *at = row(file, in, section + 1, first);
    uint64_t blob = jit_le64(at + RMG_WSC_ATT_BLOB);
    uint64_t size = jit_le64(at + RMG_WSC_ATT_BLOB_SIZE);
    struct rmg_attachment found = {.name = "", .value.kind = RMG_VALUE_PORTAL};
    memcpy(found.value.type.bytes, at + RMG_WSC_ATT_TYPE, JIT_ID_BYTES);
    if (at[0] == RMG_VALUE_ATOM) {
        uint64_t bytes = in->rows[RMG_WSC_BLOBS];
        if (blob > bytes || size > bytes - blob || size > JIT_ATOM_BYTES_MAX) {
            return JIT_EFORMAT;
        }
        found.value.kind = RMG_VALUE_ATOM;
        found.value.bytes = file->bytes + in->at[RMG_WSC_BLOBS] + blob;
        found.value.size = (uint32_t)size;
    } else if (at[0] != RMG_VALUE_PORTAL) {
        return JIT_EFORMAT;
    }
    *out = found;
    return JIT_OK;
}
