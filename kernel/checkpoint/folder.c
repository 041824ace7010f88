#include "kernel/checkpoint/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/limits.h"
#include "kernel/log/io_posix.h"
#include "kernel/log/log.h"

#define LOCK_PAUSE_NS 5000000
#define LOCK_TRIES    600u /* 3 s */
#define SEGMENT_SHARE 32u  /* a segment is so small a part of its file system */

/* What an interrupted first start may leave behind does not count. */
static const char *const leftovers[] = {".",     "..",       "LOCK",       "FORMAT.tmp", "log",
                                        "blobs", "hub.sock", "SOURCE",     "SOURCE.tmp", "ckpt",
                                        "KEY",   "KEY.tmp",  IO_PROBE_NAME};

static enum jit_err say(enum jit_err err, char *message, size_t size, const char *path,
                        const char *what)
{
    snprintf(message, size, "%s: %s", path, what);
    return err;
}

static enum jit_err say_errno(char *message, size_t size, const char *path, const char *what)
{
    int error = errno;
    snprintf(message, size, "%s: %s: %s", path, what, strerror(error));
    return jit_err_of_errno(error);
}

static enum jit_err look_empty(int dir_fd, bool *empty)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    *empty = true;
    if (dir == NULL) {
        const enum jit_err err = jit_err_of_errno(errno);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        bool known = false;
        for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
            known = known || strcmp(entry->d_name, leftovers[i]) == 0;
        }
        *empty = *empty && known;
    }
    closedir(dir);
    return JIT_OK;
}

/* FORMAT itself is the log's (kernel/log/log.h); here it only tells a data folder from any other.
 */
static enum jit_err check_kind(struct shell_folder *folder, const char *path,
                               enum shell_folder_mode mode, char *message, size_t size)
{
    struct stat st;
    if (fstatat(folder->fd, "FORMAT", &st, AT_SYMLINK_NOFOLLOW) == 0) {
        return S_ISREG(st.st_mode)
                   ? JIT_OK
                   : say(JIT_EFORMAT, message, size, path, "FORMAT is not a regular file");
    }
    if (errno != ENOENT) {
        return say_errno(message, size, path, "FORMAT");
    }
    if (mode != SHELL_FOLDER_OWN) {
        return say(JIT_ENOENT, message, size, path,
                   "this is no data folder: it has no file FORMAT");
    }
    bool empty = false;
    const enum jit_err err = look_empty(folder->fd, &empty);
    if (err != JIT_OK) {
        return say(err, message, size, path, jit_err_text(err));
    }
    if (!empty) {
        return say(JIT_EFORMAT, message, size, path,
                   "the folder is not empty and is no data folder; name a new or an empty one");
    }
    folder->fresh = true;
    return JIT_OK;
}

/* A supervisor that was killed holds its lock until its last writes have ended (io_ring_hold): they
 * are waited for. Whether it lives cannot be told sooner: its socket goes no earlier than its lock.
 */
static int take_lock(int fd, int how)
{
    for (unsigned tries = 0;; tries++) {
        if (flock(fd, how | LOCK_NB) == 0) {
            return 0;
        }
        if (errno != EWOULDBLOCK || tries == LOCK_TRIES) {
            return -1;
        }
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
        nanosleep(&pause, NULL);
    }
}

static bool held_by_lock_of(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) {
        close(fd);
    }
    return held;
}

bool shell_folder_held(int dir_fd)
{
    return held_by_lock_of(dir_fd, "LOCK") || held_by_lock_of(dir_fd, ".");
}

/* LOCK is held by the last writes of a supervisor that was killed, and works on every file system.
 * But it can be removed, by somebody who takes it for left over: so the folder itself is locked as
 * well, where that works. */
static enum jit_err lock(struct shell_folder *folder, const char *path, enum shell_folder_mode mode,
                         char *message, size_t size)
{
    int flags = mode == SHELL_FOLDER_OWN ? O_RDWR | O_CREAT : O_RDONLY;
    folder->lock_fd = openat(folder->fd, "LOCK", flags | O_CLOEXEC, 0600);
    if (folder->lock_fd < 0) {
        if (errno == ENOENT) {
            return say(JIT_ENOENT, message, size, path,
                       "this is no data folder: it has no file LOCK");
        }
        return say_errno(message, size, path, "LOCK");
    }
    const int how = mode == SHELL_FOLDER_OWN ? LOCK_EX : LOCK_SH;
    if (take_lock(folder->lock_fd, how) != 0) {
        return errno == EWOULDBLOCK
                   ? say(JIT_EBUSY, message, size, path,
                         "a supervisor is using this folder; end it, or name another folder")
                   : say_errno(message, size, path, "LOCK");
    }
    if (take_lock(folder->fd, how) != 0 && errno == EWOULDBLOCK) {
        return say(JIT_EBUSY, message, size, path,
                   "a supervisor is using this folder, though its LOCK was taken away; end it, or "
                   "name another folder");
    }
    return JIT_OK;
}

enum jit_err shell_folder_open(struct shell_folder *folder, const char *path,
                               enum shell_folder_mode mode, char *message, size_t message_size)
{
    *folder = (struct shell_folder){.fd = -1, .lock_fd = -1};
    assert(message_size > 0);
    if (mode == SHELL_FOLDER_OWN && mkdir(path, 0700) != 0 && errno != EEXIST) {
        return say_errno(message, message_size, path, "the folder could not be made");
    }
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        return say_errno(message, message_size, path, "the folder could not be opened");
    }
    enum jit_err err = JIT_OK;
    if (mode != SHELL_FOLDER_OWN) {
        err = check_kind(folder, path, mode, message, message_size);
    }
    if (err == JIT_OK && mode != SHELL_FOLDER_PEEK) {
        err = lock(folder, path, mode, message, message_size);
    }
    if (err == JIT_OK && mode == SHELL_FOLDER_OWN) {
        err = check_kind(folder, path, mode, message, message_size);
    }
    if (err != JIT_OK) {
        shell_folder_close(folder);
    }
    return err;
}

void shell_folder_close(struct shell_folder *folder)
{
    if (folder->lock_fd >= 0) {
        (void)flock(folder->lock_fd, LOCK_UN); /* at once, whoever else holds the file open */
        close(folder->lock_fd);
    }
    if (folder->fd >= 0) {
        (void)flock(folder->fd, LOCK_UN);
        close(folder->fd);
    }
    folder->fd = -1;
    folder->lock_fd = -1;
}

/* Two of them are there from the start, and a third may be: so there is room for a history. */
uint64_t shell_folder_segment_bytes(const struct shell_folder *folder)
{
    struct statvfs fs;
    if (fstatvfs(folder->fd, &fs) != 0) {
        return 0;
    }
    uint64_t share = (uint64_t)fs.f_blocks * fs.f_frsize / SEGMENT_SHARE;
    share = share / LOG_BLOCK_BYTES * LOG_BLOCK_BYTES;
    share = share > LOG_SEGMENT_BYTES_MIN ? share : LOG_SEGMENT_BYTES_MIN;
    return share < JIT_LOG_SEGMENT_BYTES ? share : JIT_LOG_SEGMENT_BYTES;
}
