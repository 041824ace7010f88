#include "rmg/lang/lang.h"

#include "base/check.h"
#include "rmg/lang/lang_priv.h"

/* The first byte that is not UTF-8, or size. NUL is none either. */
static uint32_t first_bad_byte(const uint8_t *bytes, uint32_t size)
{
    if (rmg_utf8_valid(bytes, size)) {
        return size;
    }
    uint32_t at = 0;
    while (at < size) {
        uint32_t step = 1;
        while (step <= 4 && step <= size - at && !rmg_utf8_valid(bytes + at, step)) {
            step++;
        }
        if (step > 4 || step > size - at) {
            return at;
        }
        at += step;
    }
    return size;
}

bool lang_check_source(struct lang_parser *p, size_t source_size)
{
    if (source_size > LANG_SOURCE_BYTES_MAX) {
        return lang_fail(p, 0, 0, "a system file has at most %u bytes, this one has %llu",
                         LANG_SOURCE_BYTES_MAX, (unsigned long long)source_size);
    }
    uint32_t bad = first_bad_byte((const uint8_t *)p->source, p->source_size);
    if (bad < p->source_size) {
        lang_fail(p, bad, 1, "this byte is not UTF-8 text: 0x%02x", (uint8_t)p->source[bad]);
        return lang_help(p, "save the file as UTF-8");
    }
    return true;
}

static void compile_list(struct lang_parser *p, struct lang_scope *scope,
                         struct lang_rule_node *first)
{
    for (struct lang_rule_node *rule = first; rule != NULL && !lang_stopped(p); rule = rule->next) {
        if (rule->broken) {
            continue;
        }
        scope->p = p;
        scope->rule = rule;
        scope->element_count = 0;
        scope->created_count = 0;
        scope->portal_count = 0;
        scope->field_count = 0;
        scope->equal_count = 0;
        scope->negative_count = 0;
        scope->aggregate_count = 0;
        scope->negative_value_count = 0;
        scope->aggregate_value_count = 0;
        scope->update_count = 0;
        scope->constant_count = 0;
        /* A type that was wrong may leave a rule without code and without an error of its own. */
        if (lang_check_rule(scope) && (!rule->invariant || lang_check_invariant(scope)) &&
            p->error_count == 0) {
            (void)lang_compile_rule(scope);
        }
    }
}

static void compile_rules(struct lang_parser *p)
{
    struct lang_scope *scope = lang_alloc(p->arena, 1, sizeof *scope);
    if (scope == NULL) {
        lang_no_memory(p);
        return;
    }
    compile_list(p, scope, p->rules);
    compile_list(p, scope, p->invariants);
    p->arena->heap->free(p->arena->heap, scope->constants);
}

bool lang_parse_begin(struct lang_parser *p, size_t source_size)
{
    p->types_end = &p->types;
    p->imports_end = &p->imports;
    p->rules_end = &p->rules;
    p->invariants_end = &p->invariants;
    p->processes_end = &p->processes;
    p->grants_end = &p->grants;
    p->scripts_end = &p->scripts;
    if (!lang_check_source(p, source_size)) {
        return false;
    }
    bool mark = p->source_size >= 3 && memcmp(p->source, "\xef\xbb\xbf", 3) == 0;
    lang_lex(p->source, p->source_size, mark ? 3 : 0, &p->token); /* a byte order mark is nothing */
    return true;
}

static bool run(struct lang_parser *p, size_t source_size)
{
    if (!lang_parse_begin(p, source_size) || !lang_parse_file(p)) {
        return false;
    }
    if (!lang_stopped(p)) {
        (void)lang_resolve_ends(p);
    }
    compile_rules(p);
    return !lang_stopped(p) && lang_link(p);
}

enum jit_err lang_parse(struct jit_heap *heap, const char *file, const uint8_t *source,
                        size_t source_size, struct lang_system **out, struct jit_buf *messages)
{
    return lang_parse_nested(heap, file, source, source_size, NULL, 0, out, messages);
}

enum jit_err lang_parse_with(struct jit_heap *heap, const char *file, const uint8_t *source,
                             size_t source_size, const struct lang_sources *sources,
                             struct lang_system **out, struct jit_buf *messages)
{
    return lang_parse_nested(heap, file, source, source_size, sources, 0, out, messages);
}

enum jit_err lang_parse_nested(struct jit_heap *heap, const char *file, const uint8_t *source,
                               size_t source_size, const struct lang_sources *sources,
                               uint32_t depth, struct lang_system **out, struct jit_buf *messages)
{
    struct lang_arena arena = {.heap = heap};
    struct lang_system *system = NULL;
    enum jit_err err = JIT_ENOMEM;

    assert(heap != NULL);
    assert(source != NULL || source_size == 0);
    *out = NULL;
    struct lang_parser *p = lang_alloc(&arena, 1, sizeof *p);
    if (p == NULL) {
        goto out;
    }
    p->arena = &arena;
    p->file = file;
    p->sources = sources;
    p->import_depth = depth;
    p->source = source == NULL ? "" : (const char *)source;
    p->source_size = source_size > LANG_SOURCE_BYTES_MAX ? 0 : (uint32_t)source_size;
    bool good = run(p, source_size);
    if (p->err == JIT_OK && !good) {
        assert(p->error_count > 0);
        lang_render(p, messages);
        err = JIT_EFORMAT;
        goto out;
    }
    system = good ? lang_alloc(&arena, 1, sizeof *system) : NULL;
    if (system == NULL || !lang_collect(p, system)) {
        goto out;
    }
    system->memory = arena.blocks;
    arena.blocks = NULL; /* transferred */
    *out = system;
    err = JIT_OK;
out:
    lang_arena_release(&arena);
    return err;
}

void lang_system_free(struct jit_heap *heap, struct lang_system *system)
{
    if (system != NULL) {
        struct lang_arena arena = {.heap = heap, .blocks = system->memory};
        lang_arena_release(&arena);
    }
}
