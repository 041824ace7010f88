/* tests/rmg/lang/lang_fixture.h - what the tests of the text language share: parse a text, compare
 * two systems, check everything that holds for any accepted text. */
#ifndef JIT_TESTS_LANG_FIXTURE_H
#define JIT_TESTS_LANG_FIXTURE_H

#include <stdio.h>

#include "rmg/lang/lang.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define LANG_TEXT_MAX (32u << 20)

struct lang_fixture {
    struct fault_heap mem;
    struct lang_system *system;
    struct jit_buf messages;
    struct jit_buf text; /* canonical */
};

static inline void lang_fixture_init(struct lang_fixture *f)
{
    *f = (struct lang_fixture){.mem = fault_heap_make(-1, false)};
    jit_buf_init(&f->messages, jit_heap_libc(), 1u << 20);
    jit_buf_init(&f->text, jit_heap_libc(), LANG_TEXT_MAX);
}

static inline void lang_fixture_release(struct lang_fixture *f)
{
    lang_system_free(&f->mem.heap, f->system);
    f->system = NULL;
    jit_buf_release(&f->messages);
    jit_buf_release(&f->text);
    ck_assert_int_eq(f->mem.live, 0);
}

static inline enum jit_err lang_fixture_parse(struct lang_fixture *f, const void *text, size_t size)
{
    lang_system_free(&f->mem.heap, f->system);
    jit_buf_reset(&f->messages);
    return lang_parse(&f->mem.heap, "test.jitos", text, size, &f->system, &f->messages);
}

static inline bool lang_same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static inline bool lang_same_ends(const struct lang_end *a, uint32_t a_count,
                                  const struct lang_end *b, uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++) {
        same = jit_id_equal(&a[i].id, &b[i].id) && strcmp(a[i].name, b[i].name) == 0;
    }
    return same;
}

static inline bool lang_same_type(const struct lang_type *x, const struct lang_type *y)
{
    bool same = strcmp(x->name, y->name) == 0 && x->is_edge == y->is_edge &&
                jit_id_equal(&x->id, &y->id) && x->field_count == y->field_count &&
                lang_same_ends(x->from, x->from_count, y->from, y->from_count) &&
                lang_same_ends(x->to, x->to_count, y->to, y->to_count);
    for (uint32_t k = 0; same && k < x->field_count; k++) {
        const struct lang_field *v = &x->fields[k];
        const struct lang_field *w = &y->fields[k];
        same = strcmp(v->name, w->name) == 0 && v->codec == w->codec && v->element == w->element &&
               v->join == w->join && v->has_default == w->has_default &&
               lang_same_bytes(v->value, v->value_size, w->value, w->value_size);
    }
    return same;
}

static inline bool lang_same_import(const struct lang_import *x, const struct lang_import *y)
{
    bool same = x->apt == y->apt && x->file_count == y->file_count &&
                jit_id_equal(&x->into.instance, &y->into.instance);
    for (uint32_t k = 0; same && k < x->file_count; k++) {
        same = strcmp(x->files[k], y->files[k]) == 0;
    }
    return same;
}

static inline bool lang_same_text(const struct lang_rule *x, const struct lang_rule *y)
{
    return lang_same_bytes(x->program, x->program_size, y->program, y->program_size) &&
           lang_same_bytes(x->text, x->text_size, y->text, y->text_size);
}

static inline bool lang_same_rule(const struct lang_rule *x, const struct lang_rule *y)
{
    return lang_same_text(x, y) && jit_id_equal(&x->rule.id, &y->rule.id) &&
           jit_id_equal(&x->rule.hash, &y->rule.hash);
}

static inline bool lang_same_process(const struct lang_process *x, const struct lang_process *y)
{
    bool same = strcmp(x->name, y->name) == 0 && x->count == y->count && x->apply == y->apply &&
                x->ticks == y->ticks && strcmp(x->over.path, y->over.path) == 0 &&
                x->run_count == y->run_count;
    for (uint32_t k = 0; same && k < x->run_count; k++) {
        same = x->runs[k].rule == y->runs[k].rule &&
               jit_id_equal(&x->runs[k].params_digest, &y->runs[k].params_digest) &&
               lang_same_bytes(x->runs[k].params, x->runs[k].params_size, y->runs[k].params,
                               y->runs[k].params_size);
    }
    return same;
}

static inline bool lang_same_grant(const struct lang_grant *x, const struct lang_grant *y)
{
    bool same =
        x->process == y->process && x->limit == y->limit && x->right_count == y->right_count;
    for (uint32_t k = 0; same && k < x->right_count; k++) {
        const struct lang_right *v = &x->rights[k];
        const struct lang_right *w = &y->rights[k];
        same = v->kind == w->kind && strcmp(v->place.path, w->place.path) == 0 &&
               lang_same_bytes(v->rules, v->rule_count * sizeof *v->rules, w->rules,
                               w->rule_count * sizeof *w->rules);
    }
    return same;
}

static inline bool lang_same_script(const struct lang_script *x, const struct lang_script *y)
{
    bool same = strcmp(x->name, y->name) == 0 && x->rewrites_max == y->rewrites_max &&
                x->top_count == y->top_count && x->run_count == y->run_count &&
                lang_same_bytes(x->steps, x->step_count * sizeof *x->steps, y->steps,
                                y->step_count * sizeof *y->steps);
    for (uint32_t k = 0; same && k < x->run_count; k++) {
        same = x->runs[k].rule == y->runs[k].rule &&
               lang_same_bytes(x->runs[k].params, x->runs[k].params_size, y->runs[k].params,
                               y->runs[k].params_size);
    }
    return same;
}

/* Everything but positions. */
static inline bool lang_same_system(const struct lang_system *a, const struct lang_system *b)
{
    bool same = strcmp(a->name, b->name) == 0 && a->is_schema == b->is_schema &&
                a->type_count == b->type_count && a->import_count == b->import_count &&
                a->rule_count == b->rule_count && a->invariant_count == b->invariant_count &&
                a->process_count == b->process_count && a->grant_count == b->grant_count &&
                a->script_count == b->script_count;
    for (uint32_t i = 0; same && i < a->type_count; i++) {
        same = lang_same_type(&a->types[i], &b->types[i]);
    }
    for (uint32_t i = 0; same && i < a->import_count; i++) {
        same = lang_same_import(&a->imports[i], &b->imports[i]);
    }
    for (uint32_t i = 0; same && i < a->rule_count; i++) {
        same = lang_same_rule(&a->rules[i], &b->rules[i]);
    }
    for (uint32_t i = 0; same && i < a->invariant_count; i++) {
        same = lang_same_text(&a->invariants[i], &b->invariants[i]);
    }
    for (uint32_t i = 0; same && i < a->process_count; i++) {
        same = lang_same_process(&a->processes[i], &b->processes[i]);
    }
    for (uint32_t i = 0; same && i < a->grant_count; i++) {
        same = lang_same_grant(&a->grants[i], &b->grants[i]);
    }
    for (uint32_t i = 0; same && i < a->script_count; i++) {
        same = lang_same_script(&a->scripts[i], &b->scripts[i]);
    }
    return same;
}

/* What is true of every accepted text: each program verifies, is canonical and says what the struct
 * says; the canonical text gives the same system and the same text. NULL, or what is wrong. */
static inline const char *lang_check_accepted(struct lang_fixture *f)
{
    struct jit_buf again;
    struct lang_system *second = NULL;
    const char *wrong = NULL;
    jit_buf_init(&again, jit_heap_libc(), LANG_TEXT_MAX);
    for (uint32_t i = 0; wrong == NULL && i < f->system->rule_count; i++) {
        const struct lang_rule *rule = &f->system->rules[i];
        struct rmg_rule *decoded = NULL;
        if (rmg_rule_decode(&f->mem.heap, rule->program, rule->program_size, &decoded) != JIT_OK) {
            wrong = "a program does not verify";
        } else {
            jit_buf_reset(&again);
            if (rmg_rule_encode(decoded, &again) != JIT_OK ||
                !lang_same_bytes(again.data, again.size, rule->program, rule->program_size)) {
                wrong = "a program is not canonical";
            } else if (!jit_id_equal(&decoded->id, &rule->rule.id) ||
                       !jit_id_equal(&decoded->hash, &rule->rule.hash)) {
                wrong = "id or hash of a rule differ";
            }
        }
        rmg_rule_free(&f->mem.heap, decoded);
    }
    jit_buf_reset(&f->text);
    lang_format(f->system, &f->text);
    jit_buf_reset(&f->messages);
    if (wrong == NULL && f->text.err != JIT_OK) {
        wrong = "the system cannot be formatted";
    }
    if (wrong == NULL && f->text.size <= LANG_SOURCE_BYTES_MAX) {
        enum jit_err err = lang_parse(&f->mem.heap, "formatted.jitos", f->text.data, f->text.size,
                                      &second, &f->messages);
        jit_buf_reset(&again);
        if (err != JIT_OK) {
            wrong = "the formatted text is refused";
        } else if (!lang_same_system(f->system, second)) {
            wrong = "the formatted text means something else";
        } else {
            lang_format(second, &again);
            if (!lang_same_bytes(again.data, again.size, f->text.data, f->text.size)) {
                wrong = "formatting is not idempotent";
            }
        }
    }
    lang_system_free(&f->mem.heap, second);
    jit_buf_release(&again);
    return wrong;
}

/* The bytes of a file under the source tree; the caller frees them. */
static inline char *lang_read_file(const char *path, size_t *size)
{
    char name[1024];
    const char *top = getenv("top_srcdir");
    snprintf(name, sizeof name, "%s/%s", top == NULL ? "." : top, path);
    FILE *file = fopen(name, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", name);
    char *bytes = malloc(1u << 20);
    ck_assert_ptr_nonnull(bytes);
    *size = fread(bytes, 1, 1u << 20, file);
    ck_assert_int_eq(fclose(file), 0);
    return bytes;
}

#endif
