#include "rmg/file/file_priv.h"

#include "base/check.h"
#include "base/cursor.h"

static enum jit_err refuse(struct rmg_file_fault *fault, enum jit_err err, uint64_t offset,
                           const char *what)
{
    if (fault != NULL) {
        *fault = (struct rmg_file_fault){.offset = offset, .section = "header", .what = what};
    }
    return err;
}

/* Sizes are claims: each is judged against the bytes that are there before anything relies on it.
 */
static enum jit_err open_sizes(struct rmg_file *file, struct rmg_file_fault *fault)
{
    uint64_t left = file->size - RMG_FILE_HEADER_SIZE;
    uint64_t payload_bytes = jit_le64(file->bytes + RMG_FILE_AT_PAYLOAD);
    file->node_count = jit_le64(file->bytes + RMG_FILE_AT_NODES);
    file->edge_count = jit_le64(file->bytes + RMG_FILE_AT_EDGES);
    if (file->node_count > left / RMG_FILE_NODE_SIZE) {
        return refuse(fault, JIT_ECORRUPT, RMG_FILE_AT_NODES,
                      "more nodes than the file has room for");
    }
    left -= file->node_count * RMG_FILE_NODE_SIZE;
    if (file->edge_count > left / RMG_FILE_EDGE_SIZE) {
        return refuse(fault, JIT_ECORRUPT, RMG_FILE_AT_EDGES,
                      "more edges than the file has room for");
    }
    left -= file->edge_count * RMG_FILE_EDGE_SIZE;
    if (payload_bytes != left) {
        return refuse(fault, JIT_ECORRUPT, RMG_FILE_AT_PAYLOAD,
                      payload_bytes > left ? "the file ends before its payloads do"
                                           : "the file goes on behind its payloads");
    }
    if (payload_bytes % 8 != 0 || payload_bytes < 8 + RMG_FILE_BLOCK_MIN) {
        return refuse(fault, JIT_ECORRUPT, RMG_FILE_AT_PAYLOAD,
                      "the payloads are no multiple of 8 bytes or hold no instance");
    }
    file->edges_at = RMG_FILE_HEADER_SIZE + file->node_count * RMG_FILE_NODE_SIZE;
    file->payload_at = file->edges_at + file->edge_count * RMG_FILE_EDGE_SIZE;
    file->instance_count = jit_le64(file->bytes + file->payload_at);
    if (file->instance_count == 0 || file->instance_count > JIT_INSTANCES_MAX ||
        file->instance_count > (payload_bytes - 8) / RMG_FILE_BLOCK_MIN) {
        refuse(fault, JIT_ECORRUPT, file->payload_at,
               "no instance, or more than the file has room for");
        if (fault != NULL) {
            fault->section = "instance list";
        }
        return JIT_ECORRUPT;
    }
    return JIT_OK;
}

enum jit_err rmg_file_open(const void *bytes, uint64_t size, struct rmg_file *out,
                           struct rmg_file_fault *fault)
{
    struct rmg_file file = {.bytes = bytes, .size = size};
    *out = (struct rmg_file){0};
    if (size < sizeof rmg_file_magic ||
        memcmp(file.bytes, rmg_file_magic, sizeof rmg_file_magic) != 0) {
        return refuse(fault, JIT_EFORMAT, 0, "it does not begin as an .rmg file does");
    }
    if (size < RMG_FILE_HEADER_SIZE) {
        return refuse(fault, JIT_ECORRUPT, size, "the file ends in its header");
    }
    if (jit_le16(file.bytes + RMG_FILE_AT_MAJOR) != RMG_FILE_MAJOR) {
        return refuse(fault, JIT_EVERSION, RMG_FILE_AT_MAJOR,
                      "an unknown major version; this program knows version 1");
    }
    if (jit_le16(file.bytes + RMG_FILE_AT_MINOR) != RMG_FILE_MINOR) {
        return refuse(fault, JIT_EVERSION, RMG_FILE_AT_MINOR,
                      "an unknown minor version; this program knows version 1.0");
    }
    memcpy(file.root.bytes, file.bytes + RMG_FILE_AT_ROOT, JIT_ID_BYTES);
    enum jit_err err = open_sizes(&file, fault);
    if (err == JIT_OK) {
        *out = file;
    }
    return err;
}

uint64_t rmg_file_blocks(const struct rmg_file *file)
{
    return file->payload_at + 8;
}

/* A cursor over the payloads from an offset on; bad when it is not inside them. */
static struct jit_cursor payload_cursor(const struct rmg_file *file, uint64_t offset)
{
    if (offset < file->payload_at || offset > file->size) {
        return (struct jit_cursor){.bad = true};
    }
    return jit_cursor_of(file->bytes + offset, (size_t)(file->size - offset));
}

static void get_parent(struct jit_cursor *cur, struct rmg_parent *parent)
{
    uint8_t present = jit_get_u8(cur);
    *parent = (struct rmg_parent){.present = present == 1};
    cur->bad = cur->bad || present > 1;
    if (!parent->present) {
        return;
    }
    uint8_t plane = jit_get_u8(cur);
    cur->bad = cur->bad || (plane != RMG_PLANE_ALPHA && plane != RMG_PLANE_BETA);
    parent->plane = plane == RMG_PLANE_BETA ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    jit_get_id(cur, &parent->instance);
    jit_get_id(cur, &parent->owner);
    uint64_t name_size = jit_get_u64(cur);
    const uint8_t *name = name_size > JIT_NAME_BYTES_MAX ? NULL : jit_get_bytes(cur, name_size);
    if (name == NULL) {
        cur->bad = true;
        return;
    }
    parent->name_size = (uint32_t)name_size;
    memcpy(parent->name, name, parent->name_size);
}

enum jit_err rmg_file_instance_at(const struct rmg_file *file, uint64_t offset,
                                  struct rmg_file_instance *out)
{
    struct jit_cursor cur = payload_cursor(file, offset);
    *out = (struct rmg_file_instance){.offset = offset};
    cur.bad = cur.bad || offset % 8 != 0;
    jit_get_id(&cur, &out->id);
    jit_get_id(&cur, &out->root_node);
    get_parent(&cur, &out->parent);
    uint64_t size = rmg_file_parent_size(&out->parent);
    const uint8_t *zeros = jit_get_bytes(&cur, rmg_file_pad(size) - size);
    for (uint64_t i = 0; zeros != NULL && i < rmg_file_pad(size) - size; i++) {
        cur.bad = cur.bad || zeros[i] != 0;
    }
    out->first_node = jit_get_u64(&cur);
    out->node_count = jit_get_u64(&cur);
    out->first_edge = jit_get_u64(&cur);
    out->edge_count = jit_get_u64(&cur);
    out->next = offset + rmg_file_block_size(&out->parent);
    return cur.bad ? JIT_EFORMAT : JIT_OK;
}

static void get_id(const uint8_t *at, struct jit_id *id)
{
    memcpy(id->bytes, at, JIT_ID_BYTES);
}

enum jit_err rmg_file_node_at(const struct rmg_file *file, uint64_t index,
                              struct rmg_file_node *out)
{
    *out = (struct rmg_file_node){0};
    if (index >= file->node_count) {
        return JIT_ENOENT;
    }
    const uint8_t *at = file->bytes + RMG_FILE_HEADER_SIZE + index * RMG_FILE_NODE_SIZE;
    get_id(at, &out->id);
    get_id(at + RMG_FILE_NODE_TYPE, &out->type);
    out->child_count = jit_le64(at + RMG_FILE_NODE_CHILDREN);
    out->edge_count = jit_le64(at + RMG_FILE_NODE_EDGES);
    out->payload_offset = jit_le64(at + RMG_FILE_NODE_PAYLOAD);
    out->payload_size = jit_le64(at + RMG_FILE_NODE_PAYLOAD + 8);
    out->subgraph_offset = jit_le64(at + RMG_FILE_NODE_SUBGRAPH);
    return JIT_OK;
}

enum jit_err rmg_file_edge_at(const struct rmg_file *file, uint64_t index,
                              struct rmg_file_edge *out)
{
    *out = (struct rmg_file_edge){0};
    if (index >= file->edge_count) {
        return JIT_ENOENT;
    }
    const uint8_t *at = file->bytes + file->edges_at + index * RMG_FILE_EDGE_SIZE;
    get_id(at, &out->edge.id);
    get_id(at + RMG_FILE_EDGE_FROM, &out->edge.from);
    get_id(at + RMG_FILE_EDGE_TO, &out->edge.to);
    get_id(at + RMG_FILE_EDGE_TYPE, &out->edge.type);
    out->data_offset = jit_le64(at + RMG_FILE_EDGE_DATA);
    out->data_size = jit_le64(at + RMG_FILE_EDGE_DATA + 8);
    return JIT_OK;
}

enum jit_err rmg_file_payload_at(const struct rmg_file *file, uint64_t offset, uint64_t size,
                                 struct rmg_file_payload *out)
{
    *out = (struct rmg_file_payload){.bytes = file->bytes};
    if (size == 0) {
        return JIT_OK;
    }
    struct jit_cursor cur = payload_cursor(file, offset);
    if (cur.bad || offset % 8 != 0 || size < 8 || size > cur.left) {
        return JIT_EFORMAT;
    }
    uint64_t count = jit_get_u64(&cur);
    if (count == 0 || count > JIT_ATTACHMENTS_MAX) {
        return JIT_EFORMAT;
    }
    out->at = offset + 8;
    out->end = offset + size;
    out->left = count;
    return JIT_OK;
}

enum jit_err rmg_file_payload_next(struct rmg_file_payload *payload, struct rmg_attachment *out)
{
    *out = (struct rmg_attachment){0};
    if (payload->left == 0) {
        return payload->at == payload->end ? JIT_ENOENT : JIT_EFORMAT;
    }
    struct jit_cursor cur =
        jit_cursor_of(payload->bytes + payload->at, (size_t)(payload->end - payload->at));
    uint64_t name_size = jit_get_u64(&cur);
    const uint8_t *name = name_size > JIT_NAME_BYTES_MAX ? NULL : jit_get_bytes(&cur, name_size);
    uint8_t kind = jit_get_u8(&cur);
    jit_get_id(&cur, &out->value.type);
    if (name == NULL || cur.bad || (kind != RMG_VALUE_ATOM && kind != RMG_VALUE_PORTAL)) {
        return JIT_EFORMAT;
    }
    out->name = (const char *)name;
    out->name_size = (uint32_t)name_size;
    out->value.kind = kind == RMG_VALUE_ATOM ? RMG_VALUE_ATOM : RMG_VALUE_PORTAL;
    if (kind == RMG_VALUE_ATOM) {
        uint64_t size = jit_get_u64(&cur);
        out->value.bytes = size > JIT_ATOM_BYTES_MAX ? NULL : jit_get_bytes(&cur, size);
        if (out->value.bytes == NULL) {
            return JIT_EFORMAT;
        }
        out->value.size = (uint32_t)size;
    }
    payload->at = payload->end - cur.left;
    payload->left--;
    return JIT_OK;
}
