#include "tools/formats/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "rmg/store/codec.h"

#define MAPPED_MIN (64ull << 20)

enum jit_err format_graph_init(struct format_graph *graph, struct jit_heap *heap)
{
    *graph = (struct format_graph){.heap = heap, .version = rmg_version_empty()};
    void *base = jit_memory_reserve(JIT_ARENA_BYTES_MAX, MAPPED_MIN, &graph->mapped);
    if (base == NULL) {
        return JIT_ENOMEM;
    }
    rmg_arena_init(&graph->arena, base, graph->mapped, graph->mapped, 0);
    struct rmg_store_options options = {.arenas = {&graph->arena}, .arena_count = 1};
    return rmg_store_new(heap, &options, &graph->store);
}

void format_graph_release(struct format_graph *graph)
{
    rmg_store_free(graph->store);
    jit_memory_release(graph->arena.base, graph->mapped);
    *graph = (struct format_graph){.heap = graph->heap, .version = rmg_version_empty()};
}

enum jit_err format_graph_load(struct format_graph *graph, struct rmg_collect *collect,
                               struct jit_id *at)
{
    struct rmg_tx *tx = NULL;
    *at = (struct jit_id){{0}};
    enum jit_err err = rmg_tx_begin(graph->store, &graph->version, &tx);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_collect_load(collect, tx, at);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, &graph->version);
}

enum jit_err format_fail(struct format_error *error, enum jit_err err, const char *place,
                         const char *format, va_list list)
{
    snprintf(error->place, sizeof error->place, "%s", place);
    vsnprintf(error->what, sizeof error->what, format, list);
    return err;
}

/* ---- files ---- */

/* "RMG", "WSC", "JCK": every file that holds a state begins with three capitals. What does not is
 * refused by its reader, and a stream of it may have no end. */
static bool begins_as_state(const uint8_t *bytes, uint64_t size)
{
    for (uint64_t i = 0; i < size && i < 3; i++) {
        if (bytes[i] < 'A' || bytes[i] > 'Z') {
            return false;
        }
    }
    return true;
}

/* state: read no further than is needed to see that it is none. */
static enum jit_err read_fd(struct jit_heap *heap, int fd, uint64_t size_max, bool state,
                            uint8_t **bytes, uint64_t *size)
{
    struct stat info;
    size_t capacity = 0;
    void *data = NULL;
    uint64_t used = 0;
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        return JIT_EIO;
    }
    uint64_t expected = S_ISREG(info.st_mode) && info.st_size > 0 ? (uint64_t)info.st_size : 0;
    for (;;) {
        uint64_t want = expected > used ? expected + 1 : used + 65536;
        if (jit_heap_grow(heap, &data, &capacity, want, 1) != 0) {
            heap->free(heap, data);
            return JIT_ENOMEM;
        }
        ssize_t got = read(fd, (uint8_t *)data + used, capacity - used);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            heap->free(heap, data);
            return JIT_EIO;
        }
        used += got > 0 ? (uint64_t)got : 0;
        if (state && !begins_as_state(data, used)) {
            break;
        }
        if (size_max > 0 && used > size_max) {
            heap->free(heap, data);
            return JIT_ELIMIT;
        }
    }
    *bytes = data;
    *size = used;
    return JIT_OK;
}

static enum jit_err open_path(const char *path, int *fd)
{
    *fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return *fd < 0 ? jit_err_of_errno(errno) : JIT_OK;
}

enum jit_err format_read_file(struct jit_heap *heap, const char *path, uint64_t size_max,
                              uint8_t **bytes, uint64_t *size)
{
    int fd = -1;
    *bytes = NULL;
    *size = 0;
    enum jit_err err = open_path(path, &fd);
    if (err == JIT_OK) {
        err = read_fd(heap, fd, size_max, false, bytes, size);
        close(fd);
    }
    return err;
}

/* A page of a mapped file that is there no more. */
static void cut_short(int signal)
{
    static const char words[] = "a file that was being read was cut short; nothing was written\n";
    (void)signal;
    ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
    (void)written;
    _exit(5);
}

enum jit_err format_bytes_of_fd(struct jit_heap *heap, int fd, struct format_bytes *out)
{
    struct stat info;
    *out = (struct format_bytes){.heap = heap};
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
        lseek(fd, 0, SEEK_CUR) == 0) {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            struct sigaction action = {.sa_handler = cut_short};
            (void)sigaction(SIGBUS, &action, NULL);
            out->bytes = bytes;
            out->size = (uint64_t)info.st_size;
            return JIT_OK;
        }
    }
    enum jit_err err = read_fd(heap, fd, 0, true, &out->read, &out->size);
    out->bytes = out->read;
    return err;
}

enum jit_err format_bytes_open(struct jit_heap *heap, const char *path, struct format_bytes *out)
{
    int fd = -1;
    *out = (struct format_bytes){.heap = heap};
    enum jit_err err = open_path(path, &fd);
    if (err == JIT_OK) {
        err = format_bytes_of_fd(heap, fd, out);
        close(fd);
    }
    return err;
}

void format_bytes_close(struct format_bytes *bytes)
{
    if (bytes->read != NULL) {
        bytes->heap->free(bytes->heap, bytes->read);
    } else if (bytes->bytes != NULL) {
        munmap((void *)(uintptr_t)bytes->bytes, (size_t)bytes->size);
    }
    *bytes = (struct format_bytes){.heap = bytes->heap};
}

const char *format_label(const struct rmg_graph *view, enum rmg_plane plane,
                         const struct jit_id *owner, uint32_t *size)
{
    struct rmg_value value;
    *size = 0;
    if (rmg_attachment_get(view, plane, owner, "name", 4, &value) != JIT_OK ||
        value.kind != RMG_VALUE_ATOM || rmg_codec_of_type(&value.type) != RMG_CODEC_TEXT ||
        !rmg_utf8_valid(value.bytes, value.size)) {
        return NULL;
    }
    *size = value.size;
    return (const char *)value.bytes;
}

/* ---- names of types ---- */

struct name {
    struct jit_id id;
    char text[JIT_NAME_BYTES_MAX + 1];
};

struct format_names {
    struct jit_heap *heap;
    struct name *names;
    size_t count;
    size_t capacity;
};

static enum jit_err add_name(struct format_names *names, const struct jit_id *id, const char *text,
                             size_t size)
{
    void *data = names->names;
    if (size > JIT_NAME_BYTES_MAX) {
        return JIT_OK; /* too long to be read anyway */
    }
    if (jit_heap_grow(names->heap, &data, &names->capacity, names->count + 1,
                      sizeof *names->names) != 0) {
        return JIT_ENOMEM;
    }
    names->names = data;
    struct name *name = &names->names[names->count++];
    *name = (struct name){.id = *id};
    memcpy(name->text, text, size);
    return JIT_OK;
}

/* Every type in /schema has its name as a text. */
static enum jit_err add_schema(struct format_names *names, const struct format_graph *graph)
{
    struct rmg_instance in;
    struct rmg_graph view;
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    struct jit_id schema;
    jit_hash_named("warp:", "/schema", 7, &schema);
    enum jit_err err = rmg_store_instance(graph->store, &graph->version, &schema, &in);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    rmg_store_graph(graph->store, &in, &view);
    rmg_iter_all(&view, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        struct jit_id want;
        uint32_t size;
        const char *name = format_label(&view, RMG_PLANE_ALPHA, &id, &size);
        if (name == NULL) {
            continue;
        }
        jit_hash_named("type:", name, size, &want);
        if (jit_id_equal(&want, &id)) { /* else it is not that type's name */
            err = add_name(names, &id, name, size);
            if (err != JIT_OK) {
                return err;
            }
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static int compare_names(const void *a, const void *b)
{
    return jit_id_compare(&((const struct name *)a)->id, &((const struct name *)b)->id);
}

enum jit_err format_names_new(const struct format_graph *graph, struct format_names **out)
{
    static const char *const known[] = {
        "instance", "type",        "rule",       "process",  "capability", "Package", "Virtual",
        "DEPENDS",  "PRE_DEPENDS", "RECOMMENDS", "SUGGESTS", "ENHANCES",   "BREAKS",  "CONFLICTS",
        "REPLACES", "PROVIDES",    "Node",       "EDGE",     "bool",       "i64",     "f64",
        "f32",      "text",        "bytes",      "id",       "list",       "json",    "xml"};
    struct format_names *names = jit_heap_zalloc(graph->heap, 1, sizeof *names);
    enum jit_err err = names == NULL ? JIT_ENOMEM : JIT_OK;
    *out = NULL;
    if (err == JIT_OK) {
        names->heap = graph->heap;
        err = add_schema(names, graph);
    }
    for (size_t i = 0; err == JIT_OK && i < sizeof known / sizeof *known; i++) {
        struct jit_id id;
        jit_hash_named("type:", known[i], strlen(known[i]), &id);
        err = add_name(names, &id, known[i], strlen(known[i]));
    }
    if (err != JIT_OK) {
        format_names_free(names);
        return err;
    }
    qsort(names->names, names->count, sizeof *names->names, compare_names);
    *out = names;
    return JIT_OK;
}

enum jit_err format_names_add(struct format_names *names, const struct rmg_schema *schema)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < schema->type_count; i++) {
        const struct rmg_schema_type *type = schema->types[i];
        err = add_name(names, &type->id, type->name, strlen(type->name));
    }
    qsort(names->names, names->count, sizeof *names->names, compare_names);
    return err;
}

void format_names_free(struct format_names *names)
{
    if (names != NULL) {
        struct jit_heap *heap = names->heap;
        heap->free(heap, names->names);
        heap->free(heap, names);
    }
}

const char *format_name_of(const struct format_names *names, const struct jit_id *type)
{
    struct name key = {.id = *type};
    const struct name *found = bsearch(&key, names->names, names->count, sizeof key, compare_names);
    return found == NULL ? NULL : found->text;
}
