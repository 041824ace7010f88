/* tests/tools/format_fixture.h - a folder of input files and one import of them. */
#ifndef JIT_TESTS_TOOLS_FORMAT_FIXTURE_H
#define JIT_TESTS_TOOLS_FORMAT_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/tcase.h"
#include "tools/formats/format.h"

static char folder[64];

static inline void folder_make(void)
{
    snprintf(folder, sizeof folder, "/tmp/jitos-formats-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void folder_remove(void)
{
    char path[512];
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    rmdir(folder);
}

static inline void put_file(const char *name, const void *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

/* The schema of these types; free it with rmg_schema_free. */
static inline struct rmg_schema *schema_of(const struct rmg_schema_type *types, size_t count)
{
    struct rmg_schema *schema = NULL;
    must(rmg_schema_new(jit_heap_libc(), &schema));
    for (size_t i = 0; i < count; i++) {
        must(rmg_schema_add(schema, &types[i], NULL));
    }
    return schema;
}

/* One import into "/" (or as it is) and what came of it. */
struct trial {
    struct fault_heap mem;
    struct rmg_collect *collect;
    struct format_graph graph;
    struct import_report report;
    struct format_error error;
    struct jit_id top;
    bool fired; /* the planned refusal was reached */
    enum jit_err err;
};

struct trial_input {
    const struct format *format;
    const char *paths[4];
    const struct rmg_schema *schema;
    bool as_it_is;
    int64_t refuse_at; /* 0: none; n: the n-th allocation of the import, from 1 */
};

/* Only the import runs on the fault heap. Loads the result when it is good. */
static inline void trial_run(struct trial *t, const struct trial_input *input)
{
    struct import_target target;
    struct import_source source = {
        .format = input->format, .paths = input->paths, .base = folder, .schema = input->schema};
    memset(t, 0, sizeof *t);
    t->mem = fault_heap_make(-1, false);
    must(format_graph_init(&t->graph, &t->mem.heap));
    must(rmg_collect_new(&t->mem.heap, t->graph.store, &t->collect));
    if (!input->as_it_is) {
        must(rmg_collect_path(t->collect, "/", &target.instance));
        jit_hash_named("node:", "/", 1, &target.root_node);
        source.into = &target;
    }
    jit_hash_named("warp:", "/", 1, &t->top);
    while (source.path_count < 4 && input->paths[source.path_count] != NULL) {
        source.path_count++;
    }
    int64_t before = t->mem.calls;
    t->mem.refuse_at = input->refuse_at == 0 ? -1 : before + input->refuse_at - 1;
    t->err = import_run(&source, t->collect, &t->report, &t->error);
    t->fired = fault_heap_fired(&t->mem);
    t->mem.refuse_at = -1;
    if (t->err == JIT_OK && !t->fired) {
        struct jit_id at;
        enum jit_err err = format_graph_load(&t->graph, t->collect, &at);
        ck_assert_msg(err == JIT_OK, "what an import accepts must load: %s", jit_err_text(err));
    }
}

static inline void trial_end(struct trial *t)
{
    rmg_collect_free(t->collect);
    format_graph_release(&t->graph);
    ck_assert_int_eq(t->mem.live, 0);
}

/* The import must fail with this place and this sentence. */
static inline void expect_fault(const struct trial_input *input, enum jit_err err,
                                const char *place, const char *what)
{
    struct trial t;
    trial_run(&t, input);
    ck_assert_msg(t.err == err, "%s: got %s: %s: %s", what, jit_err_text(t.err), t.error.place,
                  t.error.what);
    ck_assert_str_eq(t.error.what, what);
    ck_assert_str_eq(t.error.place, place);
    trial_end(&t);
}

/* Refuse the first allocation of the import, the second, ... until none is refused. */
static inline void expect_no_memory(const struct trial_input *input)
{
    struct trial_input one = *input;
    bool more = true;
    for (one.refuse_at = 1; more; one.refuse_at++) {
        struct trial t;
        ck_assert_int_lt(one.refuse_at, 20000);
        trial_run(&t, &one);
        more = t.fired;
        ck_assert_msg(t.err == (more ? JIT_ENOMEM : JIT_OK), "allocation %ld: %s: %s",
                      (long)one.refuse_at, jit_err_text(t.err), t.error.what);
        trial_end(&t);
    }
}

/* Writes a state in a format; outs: as many as the format has. */
static inline enum jit_err export_to(const struct format *format, const struct format_graph *graph,
                                     const struct export_out *outs, struct export_report *report,
                                     struct format_error *error)
{
    struct export_job job = {.graph = graph, .outs = outs, .report = report, .error = error};
    return export_run(format, &job);
}

static inline void graph_of(const struct trial *t, const struct jit_id *instance,
                            struct rmg_graph *view)
{
    struct rmg_instance in;
    must(rmg_store_instance(t->graph.store, &t->graph.version, instance, &in));
    rmg_store_graph(t->graph.store, &in, view);
}

/* The value of an attachment as hex digits of its bytes, "-" when it is not there. */
static inline const char *value_hex(const struct trial *t, enum rmg_plane plane,
                                    const struct jit_id *owner, const char *name, char *out,
                                    size_t size)
{
    struct rmg_graph view;
    struct rmg_value value;
    graph_of(t, &t->top, &view);
    snprintf(out, size, "-");
    if (rmg_attachment_get(&view, plane, owner, name, (uint32_t)strlen(name), &value) != JIT_OK) {
        return out;
    }
    out[0] = 0;
    for (uint32_t i = 0; i < value.size && 2 * i + 3 < size; i++) {
        snprintf(out + 2 * i, 3, "%02x", value.bytes[i]);
    }
    return out;
}

static inline void check_text(const struct trial *t, const struct jit_id *owner, const char *name,
                              const char *want)
{
    struct rmg_graph view;
    struct rmg_value value;
    graph_of(t, &t->top, &view);
    enum jit_err err =
        rmg_attachment_get(&view, RMG_PLANE_ALPHA, owner, name, (uint32_t)strlen(name), &value);
    if (want == NULL) {
        ck_assert_int_eq(err, JIT_ENOENT);
        return;
    }
    must(err);
    ck_assert(jit_id_equal(&value.type, rmg_codec_type(RMG_CODEC_TEXT)));
    ck_assert_uint_eq(value.size, strlen(want));
    ck_assert(memcmp(value.bytes, want, value.size) == 0);
}

static inline uint64_t edges_between(const struct trial *t, const char *from, const char *type,
                                     const char *to)
{
    struct rmg_graph view;
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct jit_id a = named("node:", from);
    struct jit_id b = named("node:", to);
    struct jit_id e = named("type:", type);
    uint64_t count = 0;
    graph_of(t, &t->top, &view);
    rmg_iter_edges_of(&view, &a, RMG_DIR_OUT, &e, &iter);
    while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        count += jit_id_equal(&edge.to, &b);
    }
    return count;
}

/* A file with some of its bytes replaced by these, or by any (which NULL), again and again: it is
 * read, or the fault is named. At most `most` bytes a time. */
static inline void expect_no_harm(const struct trial_input *input, const char *name,
                                  const void *bytes, size_t size, const char *which,
                                  size_t which_size, unsigned most, uint64_t seed)
{
    struct jit_random random = jit_random_of(seed);
    char *copy = malloc(size);
    ck_assert_ptr_nonnull(copy);
    for (int round = 0; round < 1500; round++) {
        struct trial t;
        memcpy(copy, bytes, size);
        for (uint64_t n = jit_random_below(&random, most) + 1; n > 0; n--) {
            copy[jit_random_below(&random, size)] =
                which == NULL ? (char)jit_random_next(&random)
                              : which[jit_random_below(&random, which_size)];
        }
        put_file(name, copy, size);
        trial_run(&t, input);
        ck_assert_msg(t.err == JIT_OK || (t.error.place[0] != 0 && t.error.what[0] != 0),
                      "round %d", round);
        trial_end(&t);
    }
    free(copy);
}

#endif
