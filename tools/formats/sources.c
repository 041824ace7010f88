#include "tools/formats/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/formats/graph.h"

#define PATH_SIZE 4096u

void format_folder_of(const char *file, char *out, size_t size)
{
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    if (slash == NULL) {
        snprintf(out, size, ".");
    } else {
        snprintf(out, size, "%.*s", (int)(slash == file ? 1 : slash - file), file);
    }
}

static enum jit_err try_path(struct jit_heap *heap, const char *folder, const char *name,
                             char **path, uint8_t **bytes, size_t *size)
{
    char text[PATH_SIZE];
    uint64_t read = 0;
    int used = name[0] == '/' || strcmp(folder, ".") == 0
                   ? snprintf(text, sizeof text, "%s", name)
                   : snprintf(text, sizeof text, "%s/%s", folder, name);
    if (used < 0 || (size_t)used >= sizeof text) {
        return JIT_ELIMIT;
    }
    enum jit_err err = format_read_file(heap, text, LANG_SOURCE_BYTES_MAX, bytes, &read);
    if (err != JIT_OK) {
        return err;
    }
    *path = heap->alloc(heap, (size_t)used + 1);
    if (*path == NULL) {
        heap->free(heap, *bytes);
        *bytes = NULL;
        return JIT_ENOMEM;
    }
    memcpy(*path, text, (size_t)used + 1);
    *size = (size_t)read;
    return JIT_OK;
}

/* Where the schemas lie beside the program: in the source tree, or among installed files that were
 * staged or moved. */
static enum jit_err try_beside(struct jit_heap *heap, const char *name, char **path,
                               uint8_t **bytes, size_t *size)
{
    static const char *const places[] = {"../schemas", "../share/" PACKAGE "/schemas"};
    char self[PATH_SIZE / 2];
    char folder[PATH_SIZE];
    enum jit_err err = JIT_ENOENT;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL) {
        return JIT_ENOENT;
    }
    *slash = '\0';
    for (size_t i = 0; i < 2 && err == JIT_ENOENT; i++) {
        snprintf(folder, sizeof folder, "%s/%s", self, places[i]);
        err = try_path(heap, folder, name, path, bytes, size);
    }
    return err;
}

static enum jit_err read_source(void *user, struct jit_heap *heap, const char *from,
                                const char *name, char **path, uint8_t **bytes, size_t *size)
{
    char folder[PATH_SIZE];
    const char *installed = getenv("JITOS_SCHEMAS");
    (void)user;
    if (strcmp(name, "-") == 0) {
        return JIT_ENOENT; /* standard input is no file of types */
    }
    format_folder_of(from, folder, sizeof folder);
    enum jit_err err = try_path(heap, folder, name, path, bytes, size);
    if (err == JIT_ENOENT && name[0] != '/') {
        err = try_path(heap, installed != NULL ? installed : JIT_DATA_PATH "/schemas", name, path,
                       bytes, size);
    }
    if (err == JIT_ENOENT && name[0] != '/' && installed == NULL) {
        err = try_beside(heap, name, path, bytes, size);
    }
    return err;
}

struct lang_sources format_sources(void)
{
    return (struct lang_sources){.read = read_source};
}
