#include "tools/formats/format.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define MAGIC_WITHIN_MAX 4096u

#define X(name) &format_##name,
const struct format *const format_table[] = {FORMATS(X) NULL};
#undef X

static_assert(sizeof format_table / sizeof *format_table <= FORMATS_MAX + 1, "room for all names");

const struct format *format_by_name(const char *name)
{
    for (size_t i = 0; format_table[i] != NULL; i++) {
        if (strcmp(format_table[i]->name, name) == 0) {
            return format_table[i];
        }
    }
    return NULL;
}

static bool has_extension(const struct format *format, const char *path, size_t size)
{
    for (size_t i = 0; i < sizeof format->extensions / sizeof *format->extensions; i++) {
        const char *extension = format->extensions[i];
        size_t end = extension == NULL ? 0 : strlen(extension);
        if (end > 0 && size > end && strcmp(path + size - end, extension) == 0) {
            return true;
        }
    }
    return false;
}

static const struct format *by_path(const char *path)
{
    size_t size = strlen(path);
    for (size_t i = 0; format_table[i] != NULL; i++) {
        if (has_extension(format_table[i], path, size)) {
            return format_table[i];
        }
    }
    return NULL;
}

static const struct format *by_bytes(const void *bytes, size_t size)
{
    for (size_t i = 0; format_table[i] != NULL; i++) {
        const struct format *format = format_table[i];
        assert(format->magic_within <= MAGIC_WITHIN_MAX);
        size_t within = format->magic_within == 0 ? format->magic_size : format->magic_within;
        within = within < size ? within : size;
        if (format->magic != NULL &&
            memmem(bytes, within, format->magic, format->magic_size) != NULL) {
            return format;
        }
    }
    return NULL;
}

const struct format *format_of_file(const char *base, const char *path)
{
    const struct format *format = by_path(path);
    uint8_t head[MAGIC_WITHIN_MAX];
    char full[4096];
    struct stat info;
    if (format != NULL || strcmp(path, "-") == 0) {
        return format;
    }
    bool joined = base != NULL && path[0] != '/';
    int size = snprintf(full, sizeof full, "%s%s%s", joined ? base : "", joined ? "/" : "", path);
    if (size < 0 || (size_t)size >= sizeof full || stat(full, &info) != 0 ||
        !S_ISREG(info.st_mode)) {
        return NULL;
    }
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    if (fd >= 0) {
        close(fd);
    }
    return got <= 0 ? NULL : by_bytes(head, (size_t)got);
}

void format_names(bool write, const char *names[FORMATS_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; format_table[i] != NULL; i++) {
        if (write ? format_table[i]->write != NULL : format_reads(format_table[i])) {
            names[count++] = format_table[i]->name;
        }
    }
    names[count] = NULL;
}

static size_t append(char *out, size_t size, size_t at, const char *name, const char *text,
                     size_t text_size)
{
    int added = snprintf(out + at, size - at, "%s%.*s", name, (int)text_size, text);
    return added < 0 || (size_t)added >= size - at ? size - 1 : at + (size_t)added;
}

void format_list(bool write, char *out, size_t size)
{
    const char *names[FORMATS_MAX + 1];
    size_t at = 0;
    out[0] = 0;
    format_names(write, names);
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *before = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";
        at = append(out, size, at, before, names[i], strlen(names[i]));
    }
}

void format_help(bool write, const char *end, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; format_table[i] != NULL; i++) {
        const char *text = write ? format_table[i]->writes : format_table[i]->reads;
        char name[16];
        snprintf(name, sizeof name, "%-8s", format_table[i]->name);
        while (text != NULL) {
            const char *line = strchrnul(text, '\n');
            at = append(out, size, at, name, text, (size_t)(line - text));
            at = append(out, size, at, "", "\n", 1);
            snprintf(name, sizeof name, "%8s", "");
            text = *line == 0 ? NULL : line + 1;
        }
    }
    (void)append(out, size, at, "", end, strlen(end));
}
