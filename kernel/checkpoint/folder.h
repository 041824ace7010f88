/* kernel/checkpoint/folder.h - a data folder: who may use it, and what it says of itself.
 * Spec:  DESIGN 14.13: LOCK, FORMAT, log/, blobs/, ckpt/, hub.sock.
 * Layer: kernel (shell). */
#ifndef JIT_KERNEL_FOLDER_H
#define JIT_KERNEL_FOLDER_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/io.h"

struct shell_folder {
    int fd;      /* of the folder, O_PATH is not enough: files are opened in it */
    int lock_fd; /* holds LOCK */
    bool fresh;  /* it was not a data folder before */
};

enum shell_folder_mode {
    SHELL_FOLDER_OWN,  /* make it if need be; nobody else may use it */
    SHELL_FOLDER_READ, /* it must exist; readers may share it, an owner excludes them */
    SHELL_FOLDER_PEEK  /* likewise, beside whoever owns it: its end may be in the making */
};

/* message says what failed and what to do. Errors: JIT_ENOENT, JIT_EBUSY (somebody else holds
 * LOCK), JIT_EFORMAT (not a data folder, and not
 * empty), JIT_EIO, JIT_EPERM, JIT_ENOSPC. */
JIT_MUST_CHECK enum jit_err shell_folder_open(struct shell_folder *folder, const char *path,
                                              enum shell_folder_mode mode, char *message,
                                              size_t message_size);
void shell_folder_close(struct shell_folder *folder);

/* Does somebody own it just now, by either of the locks that an owner has? */
bool shell_folder_held(int dir_fd);

/* Of the segments of a new log in it, as DESIGN 9.2 has them: smaller on a small file system. 0:
 * the file system does not say how large it is. */
uint64_t shell_folder_segment_bytes(const struct shell_folder *folder);

#endif
