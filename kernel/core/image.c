#include "kernel/core/image.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/root_priv.h"

#define PART_BYTES ((size_t)1 << 20)
#define PART_NAME  8u
/* No word of the language, so no system file has a type of this name. */
#define TYPE_NAME "sys:image"

static_assert(PART_BYTES <= JIT_ATOM_BYTES_MAX, "a part is an atom");
static_assert(KERN_IMAGE_BYTES_MAX / PART_BYTES <= 100, "two digits");

void kern_image_id(const uint8_t *bytes, size_t size, struct jit_id *out)
{
    struct jit_id digest;
    jit_hash(bytes, size, &digest);
    jit_hash_named("image:", digest.bytes, sizeof digest.bytes, out);
}

static void part_name(char name[PART_NAME], size_t part)
{
    snprintf(name, PART_NAME, "part%02u", (unsigned)part % 100u);
}

enum jit_err kern_image_collect(struct rmg_collect *collect, const uint8_t *bytes, size_t size,
                                struct jit_id *id)
{
    struct jit_id sys;
    struct jit_id root_node;
    struct jit_id type;
    if (size == 0 || size > KERN_IMAGE_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    kern_image_id(bytes, size, id);
    kern_type_id(TYPE_NAME, &type);
    kern_place_id("/sys", &sys, &root_node);
    if (rmg_collect_has_node(collect, &sys, id)) {
        return JIT_OK;
    }
    enum jit_err err = kern_root_type(collect, TYPE_NAME);
    if (err == JIT_OK) {
        err = rmg_collect_node(collect, &sys, id, &type);
    }
    for (size_t at = 0; err == JIT_OK && at < size; at += PART_BYTES) {
        char name[PART_NAME];
        size_t left = size - at < PART_BYTES ? size - at : PART_BYTES;
        struct rmg_datum datum = {
            .codec = RMG_CODEC_BYTES, .bytes = bytes + at, .size = (uint32_t)left};
        part_name(name, at / PART_BYTES);
        err = rmg_collect_datum(collect, &sys, RMG_PLANE_ALPHA, id, name, &datum);
    }
    return err;
}

enum jit_err kern_image_run_by(struct rmg_collect *collect, const char *process, uint32_t index,
                               const struct jit_id *image)
{
    struct jit_id proc;
    struct jit_id root_node;
    struct jit_id id;
    struct rmg_datum datum = {.codec = RMG_CODEC_ID, .bytes = image->bytes, .size = JIT_ID_BYTES};
    kern_place_id("/proc", &proc, &root_node);
    kern_process_id(process, index, &id);
    return rmg_collect_datum(collect, &proc, RMG_PLANE_ALPHA, &id, "exec", &datum);
}

/* Parts until one is not full: what a genesis of somebody else's has there is not believed. */
static enum jit_err read_parts(const struct rmg_graph *graph, const struct jit_id *id,
                               struct jit_buf *out)
{
    for (size_t part = 0; part < KERN_IMAGE_BYTES_MAX / PART_BYTES; part++) {
        char name[PART_NAME];
        struct rmg_value value;
        part_name(name, part);
        enum jit_err err =
            rmg_attachment_get(graph, RMG_PLANE_ALPHA, id, name, (uint32_t)strlen(name), &value);
        if (err == JIT_ENOENT) {
            return JIT_OK;
        }
        if (err != JIT_OK) {
            return err;
        }
        if (value.kind != RMG_VALUE_ATOM || value.size == 0 || value.size > PART_BYTES ||
            !jit_id_equal(&value.type, rmg_codec_type(RMG_CODEC_BYTES))) {
            return JIT_EINVALID;
        }
        jit_buf_put(out, value.bytes, value.size);
        if (value.size < PART_BYTES) {
            return out->err;
        }
    }
    return out->err;
}

enum jit_err kern_image_read(const struct rmg_store *store, const struct rmg_version *version,
                             const struct jit_id *id, struct jit_buf *out)
{
    struct jit_id sys;
    struct jit_id root_node;
    struct jit_id found;
    struct rmg_instance instance;
    struct rmg_graph graph;
    size_t before = out->size;
    kern_place_id("/sys", &sys, &root_node);
    enum jit_err err = rmg_store_instance(store, version, &sys, &instance);
    if (err == JIT_OK) {
        rmg_store_graph(store, &instance, &graph);
        err = read_parts(&graph, id, out);
    }
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_EINVALID : err;
    }
    if (out->size == before) {
        return JIT_EINVALID;
    }
    kern_image_id(out->data + before, out->size - before, &found);
    return jit_id_equal(&found, id) ? JIT_OK : JIT_EINVALID;
}
