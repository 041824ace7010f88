#include "tools/history.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "kernel/io_posix.h"

int history_failed(struct cli *cli, const char *data, enum jit_err err,
                   const struct log_report *report)
{
    char place[300];
    if (err == JIT_ENOENT) {
        cli_what(cli, "%s has no log", data);
        cli_why(cli, "it is no data folder, or its first start did not finish");
        cli_next(cli, "jitos run FILE --ticks N --data %s", data);
        return CLI_NOT_FOUND;
    }
    log_report_text(report, place, sizeof place);
    cli_what(cli, "the log of %s does not verify", data);
    cli_why(cli, "%s%s%s", jit_err_text(err), place[0] != '\0' ? ": " : "", place);
    if (err == JIT_ECORRUPT || err == JIT_EVERSION || err == JIT_EFORMAT) {
        cli_next(cli, "restore the folder from a copy; nothing has been changed in it");
        return CLI_CORRUPT;
    }
    return (int)cli_exit_of(err);
}

/* Reading beside a supervisor that writes: each record is handed on once, however often we look. */
struct once {
    log_visit *visit;
    void *user;
    uint64_t next; /* tick */
};

static enum jit_err visit_once(void *user, const struct log_record *record)
{
    struct once *once = user;
    if (record->tick < once->next) {
        return JIT_OK;
    }
    enum jit_err err = once->visit(once->user, record);
    if (err == JIT_OK) {
        once->next = record->tick + 1;
    }
    return err;
}

static bool is_held(int dir_fd)
{
    int fd = openat(dir_fd, "LOCK", O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) {
        close(fd);
    }
    return held;
}

/* A batch that is being written while we read may look damaged: half of it was there, and what
 * follows it came later. Damage stays where it is; a batch is whole when we look again. */
static enum jit_err read_log(struct jit_io *io, int dir_fd, struct once *once,
                             struct log_report *report)
{
    enum jit_err err = log_verify(jit_heap_libc(), io, visit_once, once, report);
    if (err != JIT_ECORRUPT || !is_held(dir_fd)) {
        return err;
    }
    uint64_t place = report->at.record;
    err = log_verify(jit_heap_libc(), io, visit_once, once, report);
    return err == JIT_ECORRUPT && report->at.record > place ? JIT_OK : err;
}

int history_each(struct cli *cli, const char *data, log_visit *visit, void *user,
                 struct log_report *report)
{
    struct jit_io *io = NULL;
    struct io_options options = {.read_only = true, .die_at = IO_DIE_NEVER};
    memset(report, 0, sizeof *report);
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        cli_what(cli, "%s cannot be opened", data);
        cli_why(cli, "%s", strerror(errno));
        cli_next(cli, "name a data folder with --data DIR");
        return CLI_NOT_FOUND;
    }
    enum jit_err err = io_posix_open(jit_heap_libc(), fd, &options, &io);
    if (err == JIT_OK) {
        struct once once = {.visit = visit, .user = user};
        err = read_log(io, fd, &once, report);
    }
    io_posix_close(io);
    close(fd);
    if (err == JIT_ENOENT && report->records > 0) {
        err = JIT_OK; /* the visitor had seen enough */
    }
    return err == JIT_OK ? CLI_OK : history_failed(cli, data, err, report);
}

/* The lock outlives an owner that was killed by the writes it had under way; as long as this a
 * folder that has no history yet may only seem to be in use. */
#define HELD_STEP_MS 20
#define HELD_STEPS   150

bool history_begun(const char *data)
{
    struct jit_io *io = NULL;
    struct io_options options = {.read_only = true, .die_at = IO_DIE_NEVER};
    bool begun = true;
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno != ENOENT;
    }
    enum jit_err err = io_posix_open(jit_heap_libc(), fd, &options, &io);
    /* Where a supervisor is at work, a genesis may become durable at any moment. */
    bool held = true;
    for (unsigned step = 0; err == JIT_OK && held && step < HELD_STEPS; step++) {
        held = is_held(fd);
        err = log_begun(jit_heap_libc(), io, &begun);
        if (err != JIT_OK || begun || !held) {
            break;
        }
        (void)poll(NULL, 0, HELD_STEP_MS);
    }
    begun = begun || held;
    io_posix_close(io);
    close(fd);
    return err != JIT_OK || begun;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return errno == 0 && *end == '\0';
}

bool history_parse(const char *text, struct history_revision *out)
{
    *out = (struct history_revision){.kind = HISTORY_HEAD};
    if (text[0] == '@') {
        out->kind = HISTORY_TICK;
        return parse_number(text + 1, &out->number);
    }
    if (strncmp(text, "HEAD", 4) == 0) {
        return text[4] == '\0' || (text[4] == '~' && parse_number(text + 5, &out->number));
    }
    size_t size = strlen(text);
    out->kind = HISTORY_COMMIT;
    if (size < 8 || size > 64) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
        out->prefix[i] = (char)tolower((unsigned char)text[i]);
    }
    return true;
}
