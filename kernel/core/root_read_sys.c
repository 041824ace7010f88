/* Reading /sys: the numbers of a run, its rules, its invariants, and which fields they look for. */
#include "kernel/core/root_read_priv.h"
#include "base/hash.h"
#include "rmg/rules/invariant.h"

static enum jit_err read_numbers(struct kern_reader *r, const struct rmg_graph *sys)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id u64_type;
    struct jit_id u32_type;
    struct rmg_value value;
    kern_place_id("/sys", &instance, &root_node);
    kern_type_id("u64", &u64_type);
    kern_type_id("u32", &u32_type);
    enum jit_err err = kern_reader_atom(r, sys, &root_node, "seed", &u64_type,
                                        "/sys has no atom `seed` of type u64", &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.size != 8) {
        return kern_reader_wrong(r, "the atom `seed` of /sys does not have 8 bytes");
    }
    r->config->seed = jit_le64(value.bytes);
    err = kern_reader_atom(r, sys, &root_node, "language", &u32_type,
                           "/sys has no atom `language` of type u32", &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.size != 4 || jit_le32(value.bytes) != 1) {
        return kern_reader_wrong(r, "the language version in /sys is not 1");
    }
    r->config->language = jit_le32(value.bytes);
    return JIT_OK;
}

/* ---- rules ---- */

static enum jit_err read_rule(struct kern_reader *r, const struct rmg_graph *sys,
                              const struct jit_id *id)
{
    struct kern_config *config = r->config;
    struct rmg_value value;
    enum jit_err err = kern_reader_atom(r, sys, id, "program", rmg_codec_type(RMG_CODEC_BYTES),
                                        "a rule in /sys has no atom `program`", &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.size == 0 || value.size > JIT_PROGRAM_BYTES_MAX) {
        return kern_reader_wrong(r, "a rule's program in /sys is empty or larger than 64 KiB");
    }
    uint32_t at = config->rule_count;
    uint8_t *bytes = r->heap->alloc(r->heap, value.size);
    if (bytes == NULL) {
        return JIT_ENOMEM;
    }
    memcpy(bytes, value.bytes, value.size);
    config->programs[at] = bytes;
    config->program_sizes[at] = value.size;
    config->rule_count++;
    err = rmg_rule_decode(r->heap, bytes, value.size, &config->rules[at]);
    if (err != JIT_OK && err != JIT_ENOMEM) {
        return kern_reader_wrong(r, "a rule's program in /sys does not verify");
    }
    if (err == JIT_OK && !jit_id_equal(&config->rules[at]->id, id)) {
        return kern_reader_wrong(r, "a rule in /sys lies under another rule's id");
    }
    return err;
}

static enum jit_err read_rules(struct kern_reader *r, const struct rmg_graph *sys)
{
    uint64_t count = 0;
    enum jit_err err = kern_reader_count(sys, "rule", &count);
    if (err != JIT_OK) {
        return err;
    }
    if (count > JIT_RULES_MAX) {
        return kern_reader_wrong(r, "more than 4,096 rules in /sys");
    }
    if (count == 0) {
        return JIT_OK;
    }
    r->config->rules = jit_heap_zalloc(r->heap, count, sizeof *r->config->rules);
    r->config->programs = jit_heap_zalloc(r->heap, count, sizeof *r->config->programs);
    r->config->program_sizes = jit_heap_zalloc(r->heap, count, sizeof *r->config->program_sizes);
    if (r->config->rules == NULL || r->config->programs == NULL ||
        r->config->program_sizes == NULL) {
        return JIT_ENOMEM;
    }
    return kern_reader_each(r, sys, "rule", read_rule);
}

/* ---- invariants ---- */

static enum jit_err read_invariant(struct kern_reader *r, const struct rmg_graph *sys,
                                   const struct jit_id *id)
{
    struct kern_config *config = r->config;
    struct rmg_rule **out = &config->invariants[config->invariant_count];
    struct rmg_value value;
    struct jit_id own;
    enum jit_err err = kern_reader_atom(r, sys, id, "program", rmg_codec_type(RMG_CODEC_BYTES),
                                        "an invariant in /sys has no atom `program`", &value);
    if (err == JIT_OK && (value.size == 0 || value.size > JIT_PROGRAM_BYTES_MAX)) {
        return kern_reader_wrong(r,
                                 "an invariant's program in /sys is empty or larger than 64 KiB");
    }
    if (err == JIT_OK) {
        err = rmg_rule_decode(r->heap, value.bytes, value.size, out);
        if (err != JIT_OK && err != JIT_ENOMEM) {
            return kern_reader_wrong(r, "an invariant's program in /sys does not verify");
        }
    }
    if (err != JIT_OK) {
        return err;
    }
    config->invariant_count++;
    jit_hash_named("invariant:", (*out)->name, strlen((*out)->name), &own);
    if (!jit_id_equal(&own, id)) {
        return kern_reader_wrong(r, "an invariant in /sys lies under another one's id");
    }
    const char *what = rmg_invariant_wrong(*out);
    return what == NULL ? JIT_OK : kern_reader_wrong(r, what);
}

static enum jit_err read_invariants(struct kern_reader *r, const struct rmg_graph *sys)
{
    uint64_t count = 0;
    enum jit_err err = kern_reader_count(sys, KERN_INVARIANT_TYPE, &count);
    if (err != JIT_OK || count == 0) {
        return err;
    }
    if (count > KERN_INVARIANTS_MAX) {
        return kern_reader_wrong(r, "more than 1,024 invariants in /sys");
    }
    r->config->invariants = jit_heap_zalloc(r->heap, count, sizeof *r->config->invariants);
    return r->config->invariants == NULL
               ? JIT_ENOMEM
               : kern_reader_each(r, sys, KERN_INVARIANT_TYPE, read_invariant);
}

/* ---- extents of fields ---- */

static enum jit_err list_sought(struct kern_reader *r)
{
    struct kern_config *config = r->config;
    enum jit_err err = rmg_sought_add(r->heap, &config->sought, config->rules, config->rule_count);
    if (err == JIT_OK) {
        err = rmg_sought_add(r->heap, &config->sought, config->invariants, config->invariant_count);
    }
    return err == JIT_ELIMIT
               ? kern_reader_wrong(
                     r, "the rules in /sys ask for more than 1,024 fields of nodes anywhere")
               : err;
}

enum jit_err kern_reader_sys(struct kern_reader *r, const struct rmg_graph *sys)
{
    enum jit_err err = read_numbers(r, sys);
    if (err == JIT_OK) {
        err = read_rules(r, sys);
    }
    if (err == JIT_OK) {
        err = read_invariants(r, sys);
    }
    return err == JIT_OK ? list_sought(r) : err;
}
