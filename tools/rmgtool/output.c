#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/rmgtool/rmg.h"

static int refuse(struct rmg_output *out, int error)
{
    cli_what(out->cli, "cannot write %s", out->path);
    cli_why(out->cli, "%s", strerror(error));
    cli_next(out->cli, "df -h . ; ls -ld %s", out->path);
    return CLI_HOST;
}

int rmg_output_open(struct rmg_output *out, struct cli *cli, const char *path)
{
    struct stat info;
    *out = (struct rmg_output){.cli = cli, .fd = -1};
    if (strlen(path) >= sizeof out->path) {
        return refuse(out, ENAMETOOLONG);
    }
    snprintf(out->path, sizeof out->path, "%s", path);
    bool special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (!special) {
        snprintf(out->temp, sizeof out->temp, "%s.%ld.tmp", path, (long)getpid());
    }
    out->fd = special
                  ? open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
                  : open(out->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (out->fd < 0) {
        out->temp[0] = 0;
        return refuse(out, errno);
    }
    return CLI_OK;
}

enum jit_err rmg_output_write(void *output, const uint8_t *bytes, size_t size)
{
    struct rmg_output *out = output;
    while (size > 0) {
        ssize_t done = write(out->fd, bytes, size);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            out->error = errno;
            return errno == ENOSPC || errno == EDQUOT ? JIT_ENOSPC : JIT_EIO;
        }
        bytes += done;
        size -= (size_t)done;
        out->size += (uint64_t)done;
    }
    return JIT_OK;
}

/* The name must survive a crash as well. */
static int sync_folder(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        snprintf(folder, sizeof folder, ".");
    } else {
        slash[slash == folder ? 1 : 0] = 0;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

int rmg_output_close(struct rmg_output *out, bool keep)
{
    if (out->fd < 0) {
        return CLI_OK;
    }
    bool named = out->temp[0] != 0;
    bool good = keep && out->error == 0;
    if (good && named && fsync(out->fd) != 0) {
        out->error = errno;
    }
    if (close(out->fd) != 0 && out->error == 0) {
        out->error = errno;
    }
    out->fd = -1;
    if (good && out->error == 0 && named &&
        (rename(out->temp, out->path) != 0 || sync_folder(out->path) != 0)) {
        out->error = errno;
    }
    if (named && (!good || out->error != 0)) {
        unlink(out->temp);
    }
    return out->error != 0 ? refuse(out, out->error) : CLI_OK;
}
