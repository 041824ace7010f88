/* base/whole.h - a file that appears under its name only when it is complete and on the medium;
 * else nothing is there, and what was there before stays. Whoever is killed on the way leaves
 * nothing behind, where the file system has files without a name (O_TMPFILE); elsewhere
 * PATH.PID.N.tmp. What is no regular file (a device, a pipe) is written in place.
 *
 * Owns:   the caller's memory; close it after every open, also one that failed.
 * Errors: those of jit_err_of_errno; error keeps the first errno for messages. */
#ifndef JIT_BASE_WHOLE_H
#define JIT_BASE_WHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define JIT_PATH_SIZE 4096u

struct jit_whole {
    char path[JIT_PATH_SIZE];
    char temp[JIT_PATH_SIZE + 40]; /* "": it has no name until it is complete */
    int fd;                        /* -1: not open */
    int error;                     /* errno of the first failure */
    bool in_place;
    uint64_t size; /* written so far */
};

JIT_MUST_CHECK enum jit_err jit_whole_open(struct jit_whole *out, const char *path);
/* For the eyes of its owner alone, whatever the umask says. What is written in place keeps the
 * rights that it has: it is not ours. */
JIT_MUST_CHECK enum jit_err jit_whole_private(struct jit_whole *out);
/* whole is a struct jit_whole: the shape that writers of formats ask for. */
JIT_MUST_CHECK enum jit_err jit_whole_write(void *whole, const uint8_t *bytes, size_t size);
/* keep: make it appear; else, and when a write failed, leave nothing. */
JIT_MUST_CHECK enum jit_err jit_whole_close(struct jit_whole *out, bool keep);

/* For the begin of a program: where it was started with descriptors 0, 1 or 2 closed, its first
 * files would have these numbers, and words for people would be written into them. They are taken
 * by what can be neither read nor written. */
void jit_standard_files_hold(void);

/* The folder that a path lies in: "." for a bare name. folder has JIT_PATH_SIZE bytes. */
void jit_folder_of(const char *path, char *folder);

/* The names in a folder survive a crash from here on. False: errno says why they may not. */
bool jit_folder_sync(const char *folder);

#endif
