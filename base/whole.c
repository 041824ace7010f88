#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define TEMP_MAX  64u
#define LINK_SIZE 32u

static enum jit_err fail(struct jit_whole *out, int error)
{
    out->error = out->error == 0 ? error : out->error;
    return jit_err_of_errno(error);
}

void jit_folder_of(const char *path, char *folder)
{
    assert(strlen(path) < JIT_PATH_SIZE);
    snprintf(folder, JIT_PATH_SIZE, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        snprintf(folder, JIT_PATH_SIZE, ".");
    } else {
        slash[slash == folder ? 1 : 0] = 0;
    }
}

bool jit_folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return synced;
}

/* The name by which a file without one can be linked. */
static void link_of(const struct jit_whole *out, char link[LINK_SIZE])
{
    snprintf(link, LINK_SIZE, "/proc/self/fd/%d", out->fd);
}

static int open_nameless(struct jit_whole *out)
{
    char folder[JIT_PATH_SIZE];
    char link[LINK_SIZE];
    jit_folder_of(out->path, folder);
    out->fd = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    link_of(out, link);
    if (out->fd >= 0 && access(link, F_OK) != 0) { /* no /proc: it could never get a name */
        close(out->fd);
        out->fd = -1;
    }
    return out->fd;
}

/* Names beside the file to be replaced; what a killed process left behind is passed by. */
static bool next_temp(struct jit_whole *out, unsigned at)
{
    snprintf(out->temp, sizeof out->temp, "%s.%ld.%u.tmp", out->path, (long)getpid(), at);
    return at < TEMP_MAX;
}

static int open_named(struct jit_whole *out)
{
    errno = EEXIST;
    for (unsigned i = 0; out->fd < 0 && errno == EEXIST && next_temp(out, i); i++) {
        out->fd = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    out->temp[0] = out->fd < 0 ? 0 : out->temp[0];
    return out->fd;
}

enum jit_err jit_whole_open(struct jit_whole *out, const char *path)
{
    struct stat info;
    *out = (struct jit_whole){.fd = -1};
    if (strlen(path) >= sizeof out->path) {
        return fail(out, ENAMETOOLONG);
    }
    snprintf(out->path, sizeof out->path, "%s", path);
    out->in_place = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (out->in_place) {
        out->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } else if (open_nameless(out) < 0) {
        (void)open_named(out);
    }
    return out->fd < 0 ? fail(out, errno) : JIT_OK;
}

enum jit_err jit_whole_private(struct jit_whole *out)
{
    return out->in_place || fchmod(out->fd, 0600) == 0 ? JIT_OK : fail(out, errno);
}

enum jit_err jit_whole_write(void *whole, const uint8_t *bytes, size_t size)
{
    struct jit_whole *out = whole;
    while (size > 0) {
        ssize_t done = write(out->fd, bytes, size);
        if (done < 0 && errno != EINTR) {
            return fail(out, errno);
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
        out->size += done > 0 ? (uint64_t)done : 0;
    }
    return JIT_OK;
}

/* A link never replaces a file: then it gets a name beside it first. */
static int give_name(struct jit_whole *out)
{
    char link[LINK_SIZE];
    link_of(out, link);
    if (linkat(AT_FDCWD, link, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) == 0) {
        return 0;
    }
    int result = -1;
    for (unsigned i = 0; result != 0 && errno == EEXIST && next_temp(out, i); i++) {
        result = linkat(AT_FDCWD, link, AT_FDCWD, out->temp, AT_SYMLINK_FOLLOW);
    }
    out->temp[0] = result != 0 ? 0 : out->temp[0];
    return result;
}

static int publish(struct jit_whole *out)
{
    if (fsync(out->fd) != 0 || (out->temp[0] == 0 && give_name(out) != 0)) {
        return -1;
    }
    if (out->temp[0] != 0) {
        if (rename(out->temp, out->path) != 0) {
            return -1;
        }
        out->temp[0] = 0;
    }
    char folder[JIT_PATH_SIZE];
    jit_folder_of(out->path, folder);
    return jit_folder_sync(folder) ? 0 : -1; /* the name must survive a crash as well */
}

enum jit_err jit_whole_close(struct jit_whole *out, bool keep)
{
    if (out->fd >= 0) {
        if (keep && out->error == 0 && !out->in_place && publish(out) != 0) {
            (void)fail(out, errno);
        }
        if (close(out->fd) != 0) {
            (void)fail(out, errno);
        }
        out->fd = -1;
    }
    if (out->temp[0] != 0) {
        (void)unlink(out->temp);
        out->temp[0] = 0;
    }
    return out->error == 0 ? JIT_OK : jit_err_of_errno(out->error);
}

void jit_standard_files_hold(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            int taken = open("/dev/null", O_PATH); /* the lowest number that is free: this one */
            (void)taken;
        }
    }
}
