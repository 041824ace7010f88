/* Two schemas beside each other. A type grows at its end only: fields behind those that are there
 * are an addition, anything else that differs is a conflict. So a union never depends on which of
 * the two comes first. */
#include <stdio.h>

#include "base/check.h"
#include "rmg/schema/schema_priv.h"

static bool same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool same_ids(const struct jit_id *a, uint32_t a_count, const struct jit_id *b,
                     uint32_t b_count)
{
    return same_bytes(a, a_count * sizeof *a, b, b_count * sizeof *b);
}

static bool same_others(const struct rmg_schema_type *a, const struct rmg_schema_type *b)
{
    bool same = a->other_count == b->other_count;
    for (uint32_t i = 0; same && i < a->other_count; i++) {
        const struct rmg_attachment *x = &a->others[i];
        const struct rmg_attachment *y = &b->others[i];
        same = same_bytes(x->name, x->name_size, y->name, y->name_size) &&
               jit_id_equal(&x->value.type, &y->value.type) &&
               same_bytes(x->value.bytes, x->value.size, y->value.bytes, y->value.size);
    }
    return same;
}

/* Of two types with one id. True: they differ, and how. */
static bool compare_pair(const struct rmg_schema_type *a, const struct rmg_schema_type *b,
                         struct rmg_schema_difference *out)
{
    uint32_t both = a->field_count < b->field_count ? a->field_count : b->field_count;
    *out = (struct rmg_schema_difference){.a = a, .b = b};
    if (a->kind != b->kind) {
        out->what = RMG_SCHEMA_KIND;
        return true;
    }
    for (; out->field < both; out->field++) {
        const struct rmg_schema_field *x = &a->fields[out->field];
        const struct rmg_schema_field *y = &b->fields[out->field];
        bool same_default = x->has_default == y->has_default &&
                            same_bytes(x->value, x->value_size, y->value, y->value_size);
        if (strcmp(x->name, y->name) != 0) {
            out->what = RMG_SCHEMA_FIELD;
            return true;
        }
        if (!jit_id_equal(&x->type, &y->type)) {
            out->what = RMG_SCHEMA_CODEC;
            return true;
        }
        if (x->join != y->join || !same_default) {
            out->what = x->join != y->join ? RMG_SCHEMA_JOIN : RMG_SCHEMA_DEFAULT;
            return true;
        }
    }
    if (!same_ids(a->from, a->from_count, b->from, b->from_count) ||
        !same_ids(a->to, a->to_count, b->to, b->to_count)) {
        out->what = RMG_SCHEMA_ENDS;
        return true;
    }
    if (!same_others(a, b)) {
        out->what = RMG_SCHEMA_OTHER;
        return true;
    }
    out->what = a->field_count > b->field_count ? RMG_SCHEMA_LONGER_A : RMG_SCHEMA_LONGER_B;
    return a->field_count != b->field_count;
}

enum rmg_schema_relation
rmg_schema_compare(const struct rmg_schema *a, const struct rmg_schema *b,
                   bool (*visit)(void *user, const struct rmg_schema_difference *difference),
                   void *user)
{
    bool more_a = false;
    bool more_b = false;
    bool conflict = false;
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < a->type_count || k < b->type_count) {
        struct rmg_schema_difference difference = {.what = RMG_SCHEMA_ONLY_A};
        int order = i == a->type_count   ? 1
                    : k == b->type_count ? -1
                                         : jit_id_compare(&a->types[i]->id, &b->types[k]->id);
        bool differs = true;
        if (order < 0) {
            difference.a = a->types[i++];
        } else if (order > 0) {
            difference.what = RMG_SCHEMA_ONLY_B;
            difference.b = b->types[k++];
        } else {
            differs = compare_pair(a->types[i++], b->types[k++], &difference);
        }
        if (!differs) {
            continue;
        }
        more_a |= difference.what == RMG_SCHEMA_ONLY_A || difference.what == RMG_SCHEMA_LONGER_A;
        more_b |= difference.what == RMG_SCHEMA_ONLY_B || difference.what == RMG_SCHEMA_LONGER_B;
        conflict |= difference.what >= RMG_SCHEMA_KIND;
        if (visit != NULL && !visit(user, &difference)) {
            visit = NULL;
        }
    }
    return conflict           ? RMG_SCHEMA_CONFLICT
           : more_a && more_b ? RMG_SCHEMA_BOTH_MORE
           : more_a           ? RMG_SCHEMA_A_MORE
           : more_b           ? RMG_SCHEMA_B_MORE
                              : RMG_SCHEMA_SAME;
}

/* ---- in words ---- */

static void put(struct jit_buf *out, const char *text)
{
    jit_buf_put(out, text, strlen(text));
}

static void put_number(struct jit_buf *out, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    put(out, text);
}

static void put_field(struct jit_buf *out, const struct rmg_schema_field *field)
{
    put(out, "field `");
    put(out, field->name);
    put(out, "`");
}

static void put_sides(struct jit_buf *out, const char *left, const char *here, const char *right,
                      const char *there)
{
    put(out, left);
    put(out, " ");
    put(out, here);
    put(out, " and ");
    put(out, right);
    put(out, " ");
    put(out, there);
}

void rmg_schema_codec_print(const struct rmg_schema_field *field, struct jit_buf *out)
{
    char hex[JIT_ID_HEX];
    if (field->codec == RMG_CODEC_NONE) {
        jit_id_to_hex(&field->type, hex);
        put(out, "atom type ");
        put(out, hex);
        return;
    }
    put(out, rmg_codec_name(field->codec));
    if (field->element != RMG_CODEC_NONE) {
        put(out, "<");
        put(out, rmg_codec_name(field->element));
        put(out, ">");
    }
}

static void print_conflict(const struct rmg_schema_difference *d, const char *here,
                           const char *there, struct jit_buf *out)
{
    const struct rmg_schema_field *x =
        d->field < d->a->field_count ? &d->a->fields[d->field] : NULL;
    const struct rmg_schema_field *y =
        d->field < d->b->field_count ? &d->b->fields[d->field] : NULL;
    switch (d->what) {
    case RMG_SCHEMA_KIND:
        put(out, "is of kind ");
        put_sides(out, rmg_type_kind_name(d->a->kind), here, rmg_type_kind_name(d->b->kind), there);
        return;
    case RMG_SCHEMA_FIELD:
        put(out, "field ");
        put_number(out, d->field + 1u);
        put(out, " is `");
        put(out, x->name);
        put(out, "` ");
        put(out, here);
        put(out, " and `");
        put(out, y->name);
        put(out, "` ");
        put(out, there);
        return;
    case RMG_SCHEMA_CODEC:
        put_field(out, x);
        put(out, " is ");
        rmg_schema_codec_print(x, out);
        put(out, " ");
        put(out, here);
        put(out, " and ");
        rmg_schema_codec_print(y, out);
        put(out, " ");
        put(out, there);
        return;
    case RMG_SCHEMA_JOIN:
        put_field(out, x);
        put(out, " has join ");
        put_sides(out, x->join == RMG_JOIN_NONE ? "none" : rmg_join_name(x->join), here,
                  y->join == RMG_JOIN_NONE ? "none" : rmg_join_name(y->join), there);
        return;
    case RMG_SCHEMA_DEFAULT:
        put_field(out, x);
        put(out, !x->has_default || !y->has_default ? " has a default on one side only"
                                                    : " has another default on each side");
        return;
    case RMG_SCHEMA_ENDS:
        put(out, "its edges have other ends on each side");
        return;
    default:
        put(out, "an atom of its node, of no meaning here, differs");
        return;
    }
}

void rmg_schema_difference_print(const struct rmg_schema_difference *difference, const char *here,
                                 const char *there, struct jit_buf *out)
{
    const struct rmg_schema_difference *d = difference;
    const struct rmg_schema_type *longer = d->what == RMG_SCHEMA_LONGER_A ? d->a : d->b;
    put(out, "type ");
    put(out, d->a == NULL ? d->b->name : d->a->name);
    put(out, ": ");
    switch (d->what) {
    case RMG_SCHEMA_ONLY_A:
    case RMG_SCHEMA_ONLY_B:
        put(out, "only ");
        put(out, d->what == RMG_SCHEMA_ONLY_A ? here : there);
        return;
    case RMG_SCHEMA_LONGER_A:
    case RMG_SCHEMA_LONGER_B:
        put_number(out, d->a->field_count);
        put(out, " fields ");
        put(out, here);
        put(out, " and ");
        put_number(out, d->b->field_count);
        put(out, " ");
        put(out, there);
        put(out, ", the first one more is `");
        put(out, longer->fields[d->field].name);
        put(out, "`");
        return;
    default:
        print_conflict(d, here, there, out);
        return;
    }
}

/* ---- together ---- */

enum jit_err rmg_schema_union(struct jit_heap *heap, const struct rmg_schema *a,
                              const struct rmg_schema *b, struct rmg_schema **out)
{
    struct rmg_schema *sum = NULL;
    *out = NULL;
    if (rmg_schema_compare(a, b, NULL, NULL) == RMG_SCHEMA_CONFLICT) {
        return JIT_ECONFLICT;
    }
    enum jit_err err = rmg_schema_new(heap, &sum);
    for (uint32_t i = 0; err == JIT_OK && i < a->type_count; i++) {
        const struct rmg_schema_type *other = rmg_schema_find(b, &a->types[i]->id);
        bool longer = other != NULL && other->field_count > a->types[i]->field_count;
        err = rmg_schema_add(sum, longer ? other : a->types[i], NULL);
    }
    for (uint32_t i = 0; err == JIT_OK && i < b->type_count; i++) {
        if (rmg_schema_find(a, &b->types[i]->id) == NULL) {
            err = rmg_schema_add(sum, b->types[i], NULL);
        }
    }
    if (err != JIT_OK) {
        rmg_schema_free(sum);
        return err;
    }
    *out = sum;
    return JIT_OK;
}
