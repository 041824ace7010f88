/* rmg/engine/work_field.c - attributes of the working form: a column a name, read from the version
 * when the name is first asked for; what nobody names is never read. */
#include "rmg/engine/work_priv.h"

/* ---- owners of the version, ascending like handles ---- */

struct owners {
    struct rmg_iter iter;
    const struct jit_id *ids;
    uint32_t count; /* of ids */
    uint32_t at;
};

static void owners_begin(const struct rmg_work *work, enum rmg_plane plane, struct owners *out)
{
    bool alpha = plane == RMG_PLANE_ALPHA;
    rmg_iter_all(&work->graph, alpha ? RMG_ALPHA : RMG_BETA, &out->iter);
    out->ids = alpha || work->base_edges == 0 ? work->ids : work->ids + work->base_nodes;
    out->count = alpha ? work->base_nodes : work->base_edges;
    out->at = 0;
}

/* The next owner's handle; JIT_ENOENT at the end. */
static enum jit_err owners_next(struct owners *owners, uint32_t *owner, uint32_t *count)
{
    struct jit_id id;
    enum jit_err err = rmg_iter_owner(&owners->iter, &id, count);
    if (err != JIT_OK) {
        return err;
    }
    while (owners->at < owners->count && jit_id_compare(&owners->ids[owners->at], &id) < 0) {
        owners->at++;
    }
    if (owners->at == owners->count || !jit_id_equal(&owners->ids[owners->at], &id)) {
        return JIT_ECORRUPT;
    }
    *owner = owners->at;
    return JIT_OK;
}

static enum jit_err count_owner(struct rmg_work *work, const struct owners *owners,
                                enum rmg_plane plane, uint32_t owner, uint32_t count)
{
    uint16_t flags = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct rmg_attachment attachment;
        enum jit_err err = rmg_iter_attachment(&owners->iter, i, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        if (attachment.value.kind == RMG_VALUE_PORTAL) {
            flags = WORK_PORTAL;
        }
    }
    /* What was set before the count has been counted already. */
    if (plane == RMG_PLANE_ALPHA) {
        work->nodes[owner].atoms = (uint16_t)(work->nodes[owner].atoms + count);
        work->nodes[owner].flags |= flags;
    } else {
        work->edges[owner].atoms = (uint16_t)(work->edges[owner].atoms + count);
        work->edges[owner].flags |= flags;
    }
    return JIT_OK;
}

enum jit_err work_owners(struct rmg_work *work)
{
    static const enum rmg_plane planes[] = {RMG_PLANE_ALPHA, RMG_PLANE_BETA};
    if (work->owners_known) {
        return JIT_OK;
    }
    work->owners_known = true;
    for (unsigned i = 0; i < 2; i++) {
        struct owners owners;
        uint32_t owner = 0;
        uint32_t count = 0;
        enum jit_err err;
        owners_begin(work, planes[i], &owners);
        while ((err = owners_next(&owners, &owner, &count)) == JIT_OK) {
            err = count > JIT_ATTACHMENTS_MAX ? JIT_ECORRUPT
                                              : count_owner(work, &owners, planes[i], owner, count);
            if (err != JIT_OK) {
                return err;
            }
        }
        if (err != JIT_ENOENT) {
            return err;
        }
    }
    return JIT_OK;
}

/* ---- slots ---- */

static uint64_t bits_of(const struct rmg_datum *datum)
{
    uint64_t bits = 0;
    if (datum->codec == RMG_CODEC_BOOL) {
        return datum->as.boolean;
    }
    memcpy(&bits, &datum->as, sizeof bits);
    return bits;
}

static bool is_bytes(enum rmg_codec codec)
{
    return codec == RMG_CODEC_TEXT || codec == RMG_CODEC_BYTES || codec == RMG_CODEC_ID ||
           codec == RMG_CODEC_LIST;
}

/* The slot's value; borrows the bytes. */
static enum jit_err slot_fill(struct rmg_work *work, struct work_slot *slot,
                              const struct rmg_value *value)
{
    struct rmg_datum datum;
    enum rmg_codec codec =
        value->kind == RMG_VALUE_ATOM ? rmg_codec_of_type(&value->type) : RMG_CODEC_NONE;
    if (codec != RMG_CODEC_NONE &&
        rmg_codec_decode(codec, value->bytes, value->size, &datum) == JIT_OK) {
        slot->codec = (uint8_t)codec;
        slot->size = value->size;
        slot->bits = is_bytes(codec) ? (uint64_t)(uintptr_t)datum.bytes : bits_of(&datum);
        return JIT_OK;
    }
    struct work_raw *raw = rmg_scratch_alloc(&work->bytes, sizeof *raw);
    if (raw == NULL) {
        return JIT_ENOMEM;
    }
    *raw = (struct work_raw){.kind = value->kind, .type = value->type, .bytes = value->bytes};
    slot->codec = RMG_CODEC_NONE;
    slot->size = value->size;
    slot->bits = (uint64_t)(uintptr_t)raw;
    return JIT_OK;
}

void work_slot_value(const struct work_slot *slot, struct jit_buf *bytes, struct rmg_value *out)
{
    if (slot->codec == RMG_CODEC_NONE) {
        const struct work_raw *raw = (const struct work_raw *)(uintptr_t)slot->bits;
        *out = (struct rmg_value){
            .kind = raw->kind, .type = raw->type, .bytes = raw->bytes, .size = slot->size};
        return;
    }
    struct rmg_datum datum;
    jit_buf_reset(bytes);
    work_slot_datum(slot, &datum);
    rmg_codec_encode(&datum, bytes);
    *out = (struct rmg_value){.kind = RMG_VALUE_ATOM,
                              .type = *rmg_codec_type(datum.codec),
                              .bytes = bytes->data,
                              .size = (uint32_t)bytes->size};
}

static enum jit_err column_room(struct rmg_work *work, struct work_column *column, size_t count)
{
    size_t before = column->room;
    if (count <= before) {
        return JIT_OK;
    }
    if (jit_heap_grow(work->heap, (void **)&column->slots, &column->room, count,
                      sizeof *column->slots) != 0) {
        return JIT_ENOMEM;
    }
    memset(column->slots + before, 0, (column->room - before) * sizeof *column->slots);
    return JIT_OK;
}

enum jit_err work_slot_room(struct rmg_work *work, uint32_t column, uint32_t owner)
{
    return column_room(work, &work->columns[column], owner + 1ul);
}

/* The slot is no portal and the owner has room for one more where it needs it. */
static enum jit_err slot_put(struct rmg_work *work, uint32_t column, uint32_t owner,
                             const struct work_slot *value)
{
    enum jit_err err = work_slot_room(work, column, owner);
    if (err != JIT_OK) {
        return err;
    }
    struct work_column *at = &work->columns[column];
    struct work_slot *slot = &at->slots[owner];
    if (!work_slot_filled(slot)) {
        uint16_t *atoms =
            at->plane == RMG_PLANE_ALPHA ? &work->nodes[owner].atoms : &work->edges[owner].atoms;
        (*atoms)++;
    }
    slot->bits = value->bits;
    slot->size = value->size;
    slot->codec = value->codec;
    slot->state = WORK_CHANGED;
    return JIT_OK;
}

enum jit_err work_slot_set(struct rmg_work *work, uint32_t column, uint32_t owner,
                           const struct rmg_datum *datum)
{
    static const uint8_t nothing;
    struct work_slot value = {.codec = (uint8_t)datum->codec, .size = datum->size};
    if (is_bytes(datum->codec)) {
        const void *bytes =
            datum->size == 0 ? &nothing : rmg_scratch_copy(&work->bytes, datum->bytes, datum->size);
        if (bytes == NULL) {
            return JIT_ENOMEM;
        }
        value.bits = (uint64_t)(uintptr_t)bytes;
    } else {
        value.bits = bits_of(datum);
    }
    return slot_put(work, column, owner, &value);
}

/* ---- columns ---- */

static enum jit_err column_read(struct rmg_work *work, struct work_column *column)
{
    struct owners owners;
    uint32_t owner = 0;
    uint32_t count = 0;
    enum jit_err err;
    owners_begin(work, column->plane, &owners);
    while ((err = owners_next(&owners, &owner, &count)) == JIT_OK) {
        for (uint32_t i = 0; i < count; i++) {
            struct rmg_attachment attachment;
            err = rmg_iter_attachment(&owners.iter, i, &attachment);
            if (err != JIT_OK) {
                return err == JIT_ENOENT ? JIT_ECORRUPT : err;
            }
            if (attachment.name_size != column->name_size ||
                (column->name_size > 0 &&
                 memcmp(attachment.name, column->name, column->name_size) != 0)) {
                continue;
            }
            err = column_room(work, column, owner + 1ul);
            if (err == JIT_OK) {
                column->slots[owner] = (struct work_slot){.state = WORK_SAME, .was = true};
                err = slot_fill(work, &column->slots[owner], &attachment.value);
            }
            if (err != JIT_OK) {
                return err;
            }
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err work_column_of(struct rmg_work *work, enum rmg_plane plane, const char *name,
                            uint32_t name_size, uint32_t *column)
{
    for (uint32_t i = 0; i < work->column_count; i++) {
        const struct work_column *at = &work->columns[i];
        if (at->plane == plane && at->name_size == name_size &&
            (name_size == 0 || memcmp(at->name, name, name_size) == 0)) {
            *column = i;
            return JIT_OK;
        }
    }
    enum jit_err err = work_owners(work);
    if (err == JIT_OK && jit_heap_grow(work->heap, (void **)&work->columns, &work->column_room,
                                       work->column_count + 1ul, sizeof *work->columns) != 0) {
        err = JIT_ENOMEM;
    }
    if (err != JIT_OK) {
        return err;
    }
    struct work_column *at = &work->columns[work->column_count];
    *at = (struct work_column){.plane = plane, .name_size = name_size};
    if (name_size > 0) {
        memcpy(at->name, name, name_size);
    }
    err = column_read(work, at);
    if (err != JIT_OK) {
        work->heap->free(work->heap, at->slots);
        return err;
    }
    *column = work->column_count++;
    return JIT_OK;
}

/* ---- for everybody ---- */

static bool owner_live(const struct rmg_work *work, enum rmg_plane plane, uint32_t owner)
{
    return plane == RMG_PLANE_ALPHA ? work_node_live(work, owner) : work_edge_live(work, owner);
}

enum jit_err rmg_work_get(struct rmg_work *work, enum rmg_plane plane, uint32_t owner,
                          const char *name, uint32_t name_size, struct rmg_value *out)
{
    uint32_t column = 0;
    if (!owner_live(work, plane, owner) || name_size > JIT_NAME_BYTES_MAX) {
        return JIT_ENOENT;
    }
    enum jit_err err = work_column_of(work, plane, name, name_size, &column);
    if (err != JIT_OK) {
        return err;
    }
    const struct work_slot *slot = work_slot_at(&work->columns[column], owner);
    if (!work_slot_filled(slot)) {
        return JIT_ENOENT;
    }
    work_slot_value(slot, &work->value, out);
    return work->value.err;
}

enum jit_err rmg_work_set(struct rmg_work *work, enum rmg_plane plane, uint32_t owner,
                          const struct rmg_attachment *attachment)
{
    struct rmg_value value = attachment->value;
    struct work_slot filled = {.state = WORK_CHANGED};
    uint32_t column = 0;
    if (!owner_live(work, plane, owner)) {
        return JIT_ENOENT;
    }
    if (attachment->name_size > JIT_NAME_BYTES_MAX || value.kind != RMG_VALUE_ATOM ||
        jit_id_is_zero(&value.type) ||
        !rmg_utf8_valid((const uint8_t *)attachment->name, attachment->name_size)) {
        return JIT_EINVALID;
    }
    if (value.size > JIT_ATOM_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    enum jit_err err =
        work_column_of(work, plane, attachment->name, attachment->name_size, &column);
    if (err != JIT_OK) {
        return err;
    }
    const struct work_slot *slot = work_slot_at(&work->columns[column], owner);
    uint16_t atoms = plane == RMG_PLANE_ALPHA ? work->nodes[owner].atoms : work->edges[owner].atoms;
    if (!work_slot_filled(slot) && atoms >= JIT_ATTACHMENTS_MAX) {
        return JIT_ELIMIT;
    }
    if (work_slot_filled(slot) && slot->codec == RMG_CODEC_NONE &&
        ((const struct work_raw *)(uintptr_t)slot->bits)->kind == RMG_VALUE_PORTAL) {
        return JIT_EINVALID;
    }
    if (value.size > 0) {
        value.bytes = rmg_scratch_copy(&work->bytes, value.bytes, value.size);
        if (value.bytes == NULL) {
            return JIT_ENOMEM;
        }
    }
    err = slot_fill(work, &filled, &value);
    return err == JIT_OK ? slot_put(work, column, owner, &filled) : err;
}

enum jit_err rmg_work_clear(struct rmg_work *work, enum rmg_plane plane, uint32_t owner,
                            const char *name, uint32_t name_size)
{
    uint32_t column = 0;
    if (!owner_live(work, plane, owner) || name_size > JIT_NAME_BYTES_MAX) {
        return JIT_ENOENT;
    }
    enum jit_err err = work_column_of(work, plane, name, name_size, &column);
    if (err != JIT_OK) {
        return err;
    }
    struct work_slot *slot = work_slot_at(&work->columns[column], owner);
    if (!work_slot_filled(slot)) {
        return JIT_ENOENT;
    }
    if (slot->codec == RMG_CODEC_NONE &&
        ((const struct work_raw *)(uintptr_t)slot->bits)->kind == RMG_VALUE_PORTAL) {
        return JIT_EINVALID;
    }
    slot->state = slot->was ? WORK_CLEARED : WORK_ABSENT;
    uint16_t *atoms =
        plane == RMG_PLANE_ALPHA ? &work->nodes[owner].atoms : &work->edges[owner].atoms;
    (*atoms)--;
    return JIT_OK;
}
