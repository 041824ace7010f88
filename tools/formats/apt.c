/* What this machine knows of packages: stanzas as `apt-cache dumpavail` prints them and as they lie
 * in /var/lib/dpkg/status. */
#include "tools/formats/import_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"

#define DPKG_STATUS "/var/lib/dpkg/status"

/* Fields whose text becomes an attachment, then the relations. */
enum field {
    FIELD_NAME,
    FIELD_VERSION,
    FIELD_SECTION,
    FIELD_ARCHITECTURE,
    FIELD_PRIORITY,
    FIELD_STATUS,
    FIELD_RELATIONS,
    FIELD_COUNT = FIELD_RELATIONS + 9
};

static const struct {
    const char *header;
    const char *name; /* of the attachment, or of the edge type */
} fields[FIELD_COUNT] = {
    {"Package", "name"},          {"Version", "version"},
    {"Section", "section"},       {"Architecture", "architecture"},
    {"Priority", "priority"},     {"Status", NULL},
    {"Depends", "DEPENDS"},       {"Pre-Depends", "PRE_DEPENDS"},
    {"Recommends", "RECOMMENDS"}, {"Suggests", "SUGGESTS"},
    {"Enhances", "ENHANCES"},     {"Breaks", "BREAKS"},
    {"Conflicts", "CONFLICTS"},   {"Replaces", "REPLACES"},
    {"Provides", "PROVIDES"},
};

struct apt {
    struct import *im;
    struct import_input input;
    struct jit_id package_type;
    struct jit_id virtual_type;
    struct jit_id edge_types[FIELD_COUNT];
    struct jit_buf value[FIELD_COUNT]; /* of the stanza being read */
    uint64_t line[FIELD_COUNT];        /* where it began; 0: not there */
    uint64_t first_line;               /* of the stanza */
    uint64_t stanzas;                  /* taken */
    enum field open;                   /* the field that a continuation belongs to */
    bool open_wanted;
    bool any;               /* a line of this stanza was read */
    struct jit_buf targets; /* names not known when they were named: u16 size || bytes */
};

static enum jit_err fail(struct apt *apt, uint64_t line, const char *what, const char *detail,
                         size_t detail_size)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, apt->input.name, line, 1);
    return import_fail(apt->im, JIT_EFORMAT, place, "%s%.*s", what,
                       (int)(detail_size < 80 ? detail_size : 80), detail);
}

/* ---- relations ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* The name at the front of "libc6:any (>= 2.3) [amd64] <!nocheck>". */
static size_t target_size(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && !is_space(text[at]) && strchr(":([<", text[at]) == NULL) {
        at++;
    }
    return at;
}

static enum jit_err add_target(struct apt *apt, const struct jit_id *from, enum field field,
                               const char *name, size_t size)
{
    const struct import_source *source = apt->im->source;
    struct import_owner owner;
    struct jit_id to;
    struct jit_id edge;
    if (size > JIT_LABEL_BYTES_MAX || !rmg_utf8_valid((const uint8_t *)name, size)) {
        return fail(apt, apt->line[field], "no name of a package: ", name, size);
    }
    jit_hash_named("node:", name, size, &to);
    enum jit_err err = rmg_collect_edge_numbered(apt->im->collect, &source->into->instance, from,
                                                 &to, &apt->edge_types[field], &edge);
    if (err != JIT_OK) {
        return err;
    }
    import_owner_begin(&owner, apt->im, &source->into->instance, RMG_PLANE_BETA, &edge,
                       &apt->edge_types[field]);
    err = import_owner_end(&owner);
    if (err == JIT_OK && !rmg_collect_has_node(apt->im->collect, &source->into->instance, &to)) {
        jit_buf_put_u16(&apt->targets, (uint16_t)size);
        jit_buf_put(&apt->targets, name, size);
        err = apt->targets.err;
    }
    return err;
}

/* "a (>= 1) | b, c": each alternative is a relation of its own. */
static enum jit_err add_relations(struct apt *apt, const struct jit_id *from, enum field field)
{
    const char *text = (const char *)apt->value[field].data;
    size_t left = apt->value[field].size;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && left > 0) {
        size_t size = 0;
        while (size < left && text[size] != ',' && text[size] != '|') {
            size++;
        }
        size_t first = 0;
        while (first < size && is_space(text[first])) {
            first++;
        }
        size_t name = target_size(text + first, size - first);
        if (name > 0) {
            err = add_target(apt, from, field, text + first, name);
        } else if (first < size) {
            err = fail(apt, apt->line[field], "a relation without a name: ", text + first,
                       size - first);
        }
        size += size < left;
        text += size;
        left -= size;
    }
    return err;
}

/* ---- stanzas ---- */

static void stanza_reset(struct apt *apt)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (apt->line[i] != 0) {
            jit_buf_reset(&apt->value[i]);
            apt->line[i] = 0;
        }
    }
    apt->any = false;
    apt->open_wanted = false;
}

/* In a status file only what is installed counts: "install ok installed". */
static bool is_there(const struct apt *apt)
{
    static const char word[] = " installed";
    const struct jit_buf *status = &apt->value[FIELD_STATUS];
    size_t size = sizeof word - 1;
    return apt->line[FIELD_STATUS] == 0 ||
           (status->size >= size && memcmp(status->data + status->size - size, word, size) == 0);
}

static enum jit_err add_package(struct apt *apt, const struct jit_id *id)
{
    const struct jit_id *instance = &apt->im->source->into->instance;
    struct import_owner owner;
    char place[IMPORT_PLACE_SIZE];
    enum jit_err err = JIT_OK;
    import_owner_begin(&owner, apt->im, instance, RMG_PLANE_ALPHA, id, &apt->package_type);
    for (int i = 0; err == JIT_OK && i < FIELD_STATUS; i++) {
        if (apt->line[i] == 0) {
            continue;
        }
        import_place(place, apt->input.name, apt->line[i], 1);
        err = import_owner_text(&owner, fields[i].name, strlen(fields[i].name), RMG_CODEC_TEXT,
                                (const char *)apt->value[i].data, apt->value[i].size, place);
    }
    err = err == JIT_OK ? import_owner_end(&owner) : err;
    for (int i = FIELD_RELATIONS; err == JIT_OK && i < FIELD_COUNT; i++) {
        err = add_relations(apt, id, (enum field)i);
    }
    return err;
}

static enum jit_err stanza_end(struct apt *apt)
{
    struct jit_id id;
    const struct jit_buf *name = &apt->value[FIELD_NAME];
    if (!apt->any) {
        return JIT_OK;
    }
    if (apt->line[FIELD_NAME] == 0) {
        return fail(apt, apt->first_line, "a stanza without the field Package", "", 0);
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (apt->value[i].err != JIT_OK) {
            return apt->value[i].err;
        }
    }
    if (name->size == 0 || name->size > JIT_LABEL_BYTES_MAX ||
        !rmg_utf8_valid(name->data, name->size)) {
        return fail(apt, apt->line[FIELD_NAME],
                    "no name of a package: ", name->size > 0 ? (const char *)name->data : "",
                    name->size);
    }
    if (!is_there(apt)) {
        stanza_reset(apt);
        return JIT_OK;
    }
    jit_hash_named("node:", name->data, name->size, &id);
    enum jit_err err = rmg_collect_node(apt->im->collect, &apt->im->source->into->instance, &id,
                                        &apt->package_type);
    if (err == JIT_EEXIST) {
        apt->im->report->stanzas_ignored++;
        err = JIT_OK;
    } else if (err == JIT_OK) {
        apt->stanzas++;
        err = add_package(apt, &id);
    }
    stanza_reset(apt);
    return err;
}

static enum field field_of(const char *header, size_t size)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (strlen(fields[i].header) == size && strncasecmp(fields[i].header, header, size) == 0) {
            return (enum field)i;
        }
    }
    return FIELD_COUNT;
}

static enum jit_err take_line(struct apt *apt, const char *line, size_t size)
{
    uint64_t number = apt->input.line;
    if (!apt->any) {
        apt->any = true;
        apt->first_line = number;
    } else if (is_space(line[0])) {
        if (apt->open_wanted) {
            jit_buf_put_u8(&apt->value[apt->open], '\n');
            jit_buf_put(&apt->value[apt->open], line, size);
        }
        return JIT_OK;
    }
    const char *colon = memchr(line, ':', size);
    if (colon == NULL || colon == line || is_space(line[0])) {
        return fail(apt, number, "neither \"Field: value\" nor a continuation: ", line, size);
    }
    apt->open = field_of(line, (size_t)(colon - line));
    apt->open_wanted = apt->open != FIELD_COUNT;
    if (!apt->open_wanted) {
        return JIT_OK;
    }
    if (apt->line[apt->open] != 0) {
        return fail(apt, number, "a second field ", fields[apt->open].header,
                    strlen(fields[apt->open].header));
    }
    size_t at = (size_t)(colon + 1 - line);
    while (at < size && is_space(line[at])) {
        at++;
    }
    while (size > at && is_space(line[size - 1])) {
        size--;
    }
    apt->line[apt->open] = number;
    jit_buf_put(&apt->value[apt->open], line + at, size - at);
    return JIT_OK;
}

static enum jit_err read_stanzas(struct apt *apt)
{
    const char *line;
    size_t size;
    enum jit_err err;
    while ((err = import_input_line(&apt->input, &line, &size)) == JIT_OK) {
        err = size == 0 ? stanza_end(apt) : take_line(apt, line, size);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? stanza_end(apt) : err;
}

/* Targets that no stanza described. */
static enum jit_err add_virtuals(struct apt *apt)
{
    const struct jit_id *instance = &apt->im->source->into->instance;
    struct jit_cursor cur = jit_cursor_of(apt->targets.data, apt->targets.size);
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && cur.left > 0) {
        struct import_owner owner;
        struct jit_id id;
        size_t size = jit_get_u16(&cur);
        const char *name = (const char *)jit_get_bytes(&cur, size);
        assert(name != NULL);
        jit_hash_named("node:", name, size, &id);
        if (rmg_collect_has_node(apt->im->collect, instance, &id)) {
            continue;
        }
        err = rmg_collect_node(apt->im->collect, instance, &id, &apt->virtual_type);
        if (err != JIT_OK) {
            break;
        }
        apt->im->report->virtuals++;
        import_owner_begin(&owner, apt->im, instance, RMG_PLANE_ALPHA, &id, &apt->virtual_type);
        err = import_owner_text(&owner, "name", 4, RMG_CODEC_TEXT, name, size, "");
        err = err == JIT_OK ? import_owner_end(&owner) : err;
    }
    return err;
}

/* ---- where stanzas come from ---- */

/* Without a shell; whatever it complains about is not for our user's screen. */
static int spawn_apt(pid_t *pid, int *out)
{
    extern char **environ;
    static char program[] = "apt-cache";
    static char verb[] = "dumpavail";
    char *argv[] = {program, verb, NULL};
    int ends[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t pipe_signal;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    int error = posix_spawn_file_actions_init(&actions);
    error = error != 0 ? error : posix_spawnattr_init(&attributes);
    if (error == 0) {
        posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        error = error != 0 ? error : posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        error = error != 0
                    ? error
                    : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        error =
            error != 0 ? error : posix_spawnp(pid, program, &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return error;
    }
    *out = ends[0];
    return 0;
}

/* JIT_OK also when apt-cache is not there or knows nothing: then no stanza was taken. */
static enum jit_err read_apt_cache(struct apt *apt)
{
    pid_t pid = 0;
    int out = -1;
    int status = 0;
    if (spawn_apt(&pid, &out) != 0) {
        return JIT_OK;
    }
    import_input_of_fd(&apt->input, apt->im, "apt-cache dumpavail", out);
    enum jit_err err = read_stanzas(apt);
    uint64_t lines = apt->input.line;
    import_input_close(&apt->input);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (err == JIT_OK && lines > 0 && status != 0) {
        char place[IMPORT_PLACE_SIZE];
        import_place(place, "apt-cache dumpavail", lines, 1);
        err = import_fail(apt->im, JIT_EIO, place, "apt-cache failed after this line");
    }
    return err;
}

static enum jit_err read_path(struct apt *apt, const char *path)
{
    enum jit_err err = import_input_open(&apt->input, apt->im, path);
    if (err == JIT_OK) {
        err = read_stanzas(apt);
    }
    import_input_close(&apt->input);
    return err;
}

static enum jit_err read_all(struct apt *apt)
{
    const struct import_source *source = apt->im->source;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < source->path_count; i++) {
        err = read_path(apt, source->paths[i]);
    }
    if (source->path_count == 0) {
        err = read_apt_cache(apt);
        if (err == JIT_OK && apt->stanzas == 0) {
            err = read_path(apt, DPKG_STATUS);
            err = err == JIT_ENOENT ? JIT_OK : err;
        }
    }
    if (err == JIT_OK && apt->stanzas == 0) {
        err = source->path_count > 0
                  ? import_fail(apt->im, JIT_EFORMAT, source->paths[0], "no package in it")
                  : import_fail(apt->im, JIT_ENOTSUP, "",
                                "neither apt-cache dumpavail nor " DPKG_STATUS " has a package");
    }
    return err;
}

static enum jit_err import_apt(struct import *im)
{
    struct apt apt = {.im = im};
    jit_hash_named("type:", "Package", 7, &apt.package_type);
    jit_hash_named("type:", "Virtual", 7, &apt.virtual_type);
    for (int i = 0; i < FIELD_COUNT; i++) {
        jit_buf_init(&apt.value[i], im->heap, JIT_LINE_BYTES_MAX);
        if (i >= FIELD_RELATIONS) {
            jit_hash_named("type:", fields[i].name, strlen(fields[i].name), &apt.edge_types[i]);
        }
    }
    jit_buf_init(&apt.targets, im->heap, SIZE_MAX / 2);
    enum jit_err err = read_all(&apt);
    if (err == JIT_OK) {
        err = add_virtuals(&apt);
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        jit_buf_release(&apt.value[i]);
    }
    jit_buf_release(&apt.targets);
    return err;
}

const struct format format_apt = {
    .name = "apt",
    .needs_target = true,
    .many = true,
    .no_input = true,
    .reads = "Without INPUT the packages this machine knows (apt-cache dumpavail, else\n"
             "/var/lib/dpkg/status); with INPUT files of such stanzas, - is stdin.",
    .read = import_apt,
};
