#include "tools/client/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    (void)st;
    (void)flag;
    (void)walk;
    (void)remove(path); /* what cannot be removed is left */
    return 0;
}

static void remove_all(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A session of its own: Ctrl-C is for those who work. It keeps the standard streams, so that who
 * waits for the end of our output waits for the folder too, and nothing else. */
static void keep(const char *path, int alive)
{
    char byte;
    ssize_t n;
    setsid();
    if (dup2(alive, 3) == 3) {
        close_range(4, UINT_MAX, 0);
        alive = 3;
    }
    do {
        n = read(alive, &byte, 1);
    } while (n > 0 || (n < 0 && errno == EINTR));
    remove_all(path);
    _exit(0);
}

bool temporary_make(struct temporary *folder, const char *parent, const char *prefix)
{
    int ends[2];
    folder->keeper = -1;
    snprintf(folder->path, sizeof folder->path, "%.200s/%.30s-XXXXXX",
             parent != NULL && parent[0] != '\0' ? parent : "/var/tmp", prefix);
    if (mkdtemp(folder->path) == NULL) {
        return false;
    }
    if (pipe(ends) != 0) {
        return true; /* without a keeper it is removed when all goes well */
    }
    folder->keeper = fork();
    if (folder->keeper == 0) {
        close(ends[1]);
        keep(folder->path, ends[0]);
    }
    close(ends[0]);
    folder->alive = ends[1];
    if (folder->keeper < 0) {
        close(ends[1]);
    }
    return true;
}

void temporary_remove(struct temporary *folder)
{
    if (folder->keeper < 0) {
        remove_all(folder->path);
        return;
    }
    close(folder->alive);
    while (waitpid(folder->keeper, NULL, 0) < 0 && errno == EINTR) {
    }
    folder->keeper = -1;
}
