#include "tools/client/history/branches.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/history.h"

/* What --data was, and what it became: one program, one command line. */
static struct {
    char top[BRANCH_PATH_SIZE]; /* "": nobody asked yet */
    char path[BRANCH_PATH_SIZE];
} data;
static int room = -1; /* the folder `branches`, locked, until the program ends */

/* The folder above, where the path is written as that of a branch; else it stays as it is. */
static bool step_up(char top[BRANCH_PATH_SIZE])
{
    size_t size = strlen(top);
    while (size > 1 && top[size - 1] == '/') {
        top[--size] = '\0';
    }
    char *name = strrchr(top, '/');
    if (name == NULL || name == top) {
        return false;
    }
    *name = '\0';
    char *dir = strrchr(top, '/');
    const char *parent = dir != NULL ? dir + 1 : top;
    if (strcmp(parent, HEAD_BRANCHES) != 0) {
        *name = '/';
        return false;
    }
    if (dir == NULL) {
        snprintf(top, BRANCH_PATH_SIZE, ".");
    } else {
        dir[dir == top ? 1 : 0] = '\0';
    }
    return true;
}

/* The folder whose branch this is; itself when it is none. A branch is one from wherever it is
 * named, be it "." or a link; and a folder that somebody keeps under `branches` is none as long as
 * there is no data folder above. */
static void find_top(const char *path, char top[BRANCH_PATH_SIZE])
{
    char real[PATH_MAX];
    snprintf(top, BRANCH_PATH_SIZE, "%.4200s", path);
    if (step_up(top) && history_begun(top)) {
        return;
    }
    if (realpath(path, real) != NULL) {
        snprintf(top, BRANCH_PATH_SIZE, "%.4200s", real);
        if (step_up(top) && history_begun(top)) {
            return;
        }
    }
    snprintf(top, BRANCH_PATH_SIZE, "%.4200s", path);
    for (size_t size = strlen(top); size > 1 && top[size - 1] == '/';) {
        top[--size] = '\0';
    }
}

void branches_path(const char *top, const char *name, char path[BRANCH_PATH_SIZE])
{
    if (strcmp(name, HEAD_MAIN) == 0) {
        snprintf(path, BRANCH_PATH_SIZE, "%.4200s", top);
    } else if (strchr(name, '/') != NULL) {
        snprintf(path, BRANCH_PATH_SIZE, "%.4200s", name);
    } else {
        snprintf(path, BRANCH_PATH_SIZE, "%.4000s/" HEAD_BRANCHES "/%.64s", top, name);
    }
}

/* Has the folder this very log? What cannot be read is taken for it. */
static enum jit_err has_log(const char *path, const uint8_t uuid[LOG_UUID_BYTES], bool *has)
{
    struct history_folder folder;
    uint8_t found[LOG_UUID_BYTES];
    enum jit_err err = history_folder_open(path, true, &folder);
    if (err == JIT_OK) {
        err = log_uuid(jit_heap_libc(), folder.io, found);
    }
    *has = err != JIT_ENOENT && (err != JIT_OK || memcmp(found, uuid, sizeof found) == 0);
    history_folder_close(&folder);
    return err == JIT_ENOMEM ? err : JIT_OK;
}

/* The branch that is the head because it is there by now: JIT_ENOENT, there is none such. */
static enum jit_err announced(struct jit_io *io, const char *top, struct head_next *next)
{
    char path[BRANCH_PATH_SIZE];
    bool there = false;
    enum jit_err err = head_next_read(io, next);
    if (err == JIT_OK) {
        branches_path(top, next->name, path);
        err = has_log(path, next->uuid, &there);
    }
    return err == JIT_OK && !there ? JIT_ENOENT : err;
}

int branches_head(struct cli *cli, const char *top, char name[HEAD_NAME_MAX + 1])
{
    struct jit_io *io = NULL;
    int fd = -1;
    int code = history_io(cli, top, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    const char *file = "HEAD.next";
    struct head_next next;
    enum jit_err err = announced(io, top, &next);
    if (err == JIT_OK) {
        memcpy(name, next.name, sizeof next.name);
    } else if (err == JIT_ENOENT) {
        file = "HEAD";
        err = head_read(io, name);
    }
    io_posix_close(io);
    close(fd);
    if (err != JIT_OK) {
        cli_what(cli, "the head of %s cannot be read", top);
        if (err == JIT_ECORRUPT) {
            cli_why(cli, "its file %s is damaged", file);
        } else {
            cli_why(cli, "%s", jit_err_text(err));
        }
        cli_next(cli, "remove %s/%s, then: jitos branch --data %s", top, file, top);
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

/* What was announced is settled first: it must not come between. */
static enum jit_err settle(struct jit_io *io, const char *top)
{
    struct head_next next;
    enum jit_err err = announced(io, top, &next);
    if (err == JIT_OK) {
        return head_next_take(io, &next);
    }
    return err == JIT_ENOENT || err == JIT_ECORRUPT ? head_next_drop(io) : err;
}

/* Settled; then the head is `name`, or will be `next`; NULL: neither. */
static enum jit_err change_head(const char *top, const char *name, const struct head_next *next)
{
    struct history_folder folder;
    enum jit_err err = history_folder_open(top, false, &folder);
    if (err == JIT_OK) {
        err = settle(folder.io, top);
    }
    if (err == JIT_OK && name != NULL) {
        err = head_write(folder.io, name);
    }
    if (err == JIT_OK && next != NULL) {
        err = head_next_write(folder.io, next);
    }
    history_folder_close(&folder);
    return err;
}

int branches_move(struct cli *cli, const char *top, const char *name)
{
    enum jit_err err = change_head(top, name, NULL);
    if (err != JIT_OK) {
        cli_what(cli, "the head of %s cannot be moved", top);
        cli_why(cli, "%s", jit_err_text(err));
        cli_next(cli, "it is where it was; mend that, then: jitos branch --switch %s", name);
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int branches_announce(struct cli *cli, const char *top, const struct head_next *next)
{
    enum jit_err err = change_head(top, NULL, next);
    if (err != JIT_OK) {
        cli_what(cli, "the head of %s cannot be moved", top);
        cli_why(cli, "%s", jit_err_text(err));
        cli_next(cli, "nothing has changed; mend that, then the same command again");
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int branches_settle(struct cli *cli, const char *top)
{
    enum jit_err err = change_head(top, NULL, NULL);
    if (err != JIT_OK) {
        cli_what(cli, "the head of %s cannot be settled", top);
        cli_why(cli, "%s", jit_err_text(err));
        cli_next(cli, "jitos branch --data %s says which one it is", top);
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

void branches_tidy(const char *top)
{
    (void)change_head(top, NULL, NULL);
}

int branches_become(struct cli *cli, const char *top, const char *name)
{
    char head[HEAD_NAME_MAX + 1];
    branches_tidy(top);
    int code = branches_head(cli, top, head);
    return code == CLI_OK && strcmp(head, name) != 0 ? branches_move(cli, top, name) : code;
}

#define ROOM_TRIES 1000u /* it may be a link to nowhere */

/* False: errno says why. A file system that has no locks for folders gives none. */
static bool take_room(const char *path)
{
    struct stat info;
    for (unsigned tries = 0; room < 0; tries++) {
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        room = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (room < 0 && (errno != ENOENT || tries == ROOM_TRIES)) {
            return false;
        }
        if (room < 0) {
            continue; /* whoever failed to make a branch has removed it */
        }
        while (flock(room, LOCK_EX) != 0 && errno == EINTR) {
        }
        if (fstat(room, &info) == 0 && info.st_nlink == 0) { /* while we waited */
            close(room);
            room = -1;
        }
    }
    return true;
}

int branches_room(struct cli *cli, const char *top)
{
    char path[BRANCH_PATH_SIZE];
    snprintf(path, sizeof path, "%.4200s/" HEAD_BRANCHES, top);
    if (!take_room(path)) {
        const enum jit_err err = jit_err_of_errno(errno);
        cli_what(cli, "%s cannot be made", path);
        cli_why(cli, "%s", strerror(errno));
        if (err == JIT_ENOENT) {
            cli_next(cli, "name a data folder with --data DIR");
            return CLI_USAGE;
        }
        return history_not_owned(cli, err);
    }
    /* The branch's own files are synced by whoever writes them; its folder's name is here. */
    bool synced = jit_folder_sync(top);
    if (!synced) {
        cli_what(cli, "%s cannot be synced", top);
        cli_why(cli, "%s", strerror(errno));
    }
    return synced ? CLI_OK : CLI_HOST;
}

void branches_no_room(const char *top)
{
    char path[BRANCH_PATH_SIZE];
    snprintf(path, sizeof path, "%.4200s/" HEAD_BRANCHES, top);
    if (room >= 0) {
        (void)rmdir(path); /* one that is not empty stays */
    }
}

void branches_unused(const char *top, const char *stem, char name[HEAD_NAME_MAX + 1])
{
    char path[BRANCH_PATH_SIZE];
    struct stat info;
    snprintf(name, HEAD_NAME_MAX + 1, "%.40s", stem);
    branches_path(top, name, path);
    for (unsigned n = 2; stat(path, &info) == 0 && n < 100000; n++) {
        snprintf(name, HEAD_NAME_MAX + 1, "%.40s-%u", stem, n);
        branches_path(top, name, path);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int branches_list(const char *top, char ***names)
{
    char path[BRANCH_PATH_SIZE];
    size_t count = 0;
    size_t capacity = 16;
    char **list = calloc(capacity, sizeof *list);
    snprintf(path, sizeof path, "%.4200s/" HEAD_BRANCHES, top);
    DIR *dir = opendir(path);
    bool starved = list == NULL || (dir == NULL && errno == ENOMEM);
    if (list != NULL) {
        list[count++] = strdup(HEAD_MAIN);
    }
    for (const struct dirent *entry; dir != NULL && !starved && (entry = readdir(dir));) {
        char branch[BRANCH_PATH_SIZE];
        if (!ckpt_name_good(entry->d_name)) {
            continue;
        }
        branches_path(top, entry->d_name, branch);
        bool begun = true;
        starved = history_look(branch, &begun) == JIT_ENOMEM;
        if (starved || !begun) {
            continue; /* what a try that was cut off has left is no branch */
        }
        if (count == capacity) {
            char **grown = realloc(list, 2 * capacity * sizeof *list);
            if (grown == NULL) {
                starved = true;
                break;
            }
            list = grown;
            capacity *= 2;
        }
        list[count++] = strdup(entry->d_name);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (starved) {
        return -1; /* the program ends */
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i] == NULL) {
            return -1; /* no memory for a name: the program ends */
        }
    }
    qsort(list + 1, count - 1, sizeof *list, compare_names);
    *names = list;
    return (int)count;
}

const char *branches_top(const struct cli *cli)
{
    return data.top[0] != '\0' ? data.top : cli_text(cli, "data");
}

/* It would be cut, and lead elsewhere. */
static int too_long(struct cli *cli, size_t size)
{
    cli_what(cli, "the path of the data folder is too long");
    cli_why(cli, "it has %zu bytes, and may have %u, so that branches have room below it", size,
            BRANCH_TOP_MAX);
    cli_next(cli, "name it from a folder nearer to it");
    return CLI_USAGE;
}

int branches_prepare(struct cli *cli)
{
    char name[HEAD_NAME_MAX + 1];
    struct stat info;
    if (!cli_has(cli, "data") || cli_text(cli, "data") == NULL) {
        return CLI_OK;
    }
    if (strlen(cli_text(cli, "data")) > BRANCH_TOP_MAX) {
        return too_long(cli, strlen(cli_text(cli, "data")));
    }
    find_top(cli_text(cli, "data"), data.top);
    if (strlen(data.top) > BRANCH_TOP_MAX) { /* as it is told in full */
        return too_long(cli, strlen(data.top));
    }
    snprintf(data.path, sizeof data.path, "%.4200s/HEAD", cli_text(cli, "data"));
    bool moved = stat(data.path, &info) == 0;
    snprintf(data.path, sizeof data.path, "%.4200s/HEAD.next", cli_text(cli, "data"));
    if (!moved && stat(data.path, &info) != 0) {
        return CLI_OK;
    }
    int code = branches_head(cli, data.top, name);
    if (code == CLI_OK && strcmp(name, HEAD_MAIN) != 0) {
        branches_path(data.top, name, data.path);
        cli_replace(cli, "data", data.path);
        if (stat(data.path, &info) != 0 && errno == ENOENT &&
            strcmp(cli->verb->name, "branch") != 0) {
            cli_what(cli, "the branch in use, %s, is not there any more", name);
            cli_why(cli, "somebody has removed or renamed %s", data.path);
            cli_next(cli, "jitos branch --switch " HEAD_MAIN " --data %s", data.top);
            code = CLI_NOT_FOUND;
        }
    }
    return code;
}
