#include "tools/client/history/history.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/whole.h"
#include "kernel/log/io_posix.h"

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
    if (err == JIT_ENOMEM) {
        cli_what(cli, "the log of %s cannot be read", data);
        cli_why(cli, "%s", jit_err_text(err));
        return CLI_HOST;
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

struct visitor {
    log_visit *visit;
    void *user;
    bool enough;         /* it stopped without an error, maybe at the first record */
    enum jit_err failed; /* what it returned else */
};

static enum jit_err visit_noting(void *user, const struct log_record *record)
{
    struct visitor *visitor = user;
    enum jit_err err = visitor->visit(visitor->user, record);
    visitor->enough = err == JIT_ENOENT;
    visitor->failed = visitor->enough ? JIT_OK : err;
    return err;
}

/* Where the folder's history begins: at a checkpoint, or *found false, at a genesis. */
static enum jit_err find_start(struct jit_io *io, struct ckpt_manifest *start, bool *found)
{
    struct ckpt_list list;
    uint8_t uuid[LOG_UUID_BYTES];
    uint64_t first = 1;
    uint64_t last = 1;
    *found = false;
    enum jit_err err = log_uuid(jit_heap_libc(), io, uuid);
    if (err != JIT_OK) { /* whoever reads the log says more about it */
        return err == JIT_ENOMEM ? err : JIT_OK;
    }
    err = ckpt_list_read(jit_heap_libc(), io, uuid, &list);
    if (err == JIT_OK) {
        err = log_segments(jit_heap_libc(), io, &first, &last);
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    const struct ckpt_entry *entry = err == JIT_OK ? ckpt_list_start(&list, first) : NULL;
    if (entry != NULL) {
        *start = *entry->manifest;
        *found = true;
    }
    ckpt_list_release(&list);
    return err;
}

static enum jit_err read_log(struct jit_io *io, struct visitor *visitor, struct log_report *report)
{
    struct ckpt_manifest start;
    bool found = false;
    enum jit_err err = find_start(io, &start, &found);
    return err == JIT_OK ? log_verify_from(jit_heap_libc(), io, found ? &start.mark : NULL,
                                           visit_noting, visitor, report)
                         : err;
}

enum jit_err history_folder_open(const char *path, bool read_only, struct history_folder *out)
{
    const struct io_options options = {.read_only = read_only, .die_at = IO_DIE_NEVER};
    out->io = NULL;
    out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->fd < 0 ? jit_err_of_errno(errno)
                       : io_posix_open(jit_heap_libc(), out->fd, &options, &out->io);
}

void history_folder_close(struct history_folder *folder)
{
    io_posix_close(folder->io);
    if (folder->fd >= 0) {
        close(folder->fd);
    }
}

int history_io(struct cli *cli, const char *data, int *fd, struct jit_io **io)
{
    struct history_folder folder;
    enum jit_err err = history_folder_open(data, true, &folder);
    *fd = folder.fd;
    *io = folder.io;
    if (err == JIT_OK) {
        return CLI_OK;
    }
    if (folder.fd < 0) {
        cli_what(cli, "%s cannot be opened", data);
        cli_why(cli, "%s", strerror(errno));
        cli_next(cli, "name a data folder with --data DIR");
        return CLI_NOT_FOUND;
    }
    history_folder_close(&folder);
    cli_what(cli, "%s cannot be read", data);
    cli_why(cli, "%s", jit_err_text(err));
    return (int)cli_exit_of(err);
}

int history_checkpoints(struct cli *cli, const char *data, bool own, struct ckpt_list *list)
{
    struct jit_io *io = NULL;
    int fd = -1;
    uint8_t uuid[LOG_UUID_BYTES];
    *list = (struct ckpt_list){.heap = jit_heap_libc()};
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    /* A folder that cannot say its uuid has none, and is refused when it is opened. */
    enum jit_err err = JIT_OK;
    if (!own) {
        err = ckpt_list_read(jit_heap_libc(), io, NULL, list);
    } else {
        err = log_uuid(jit_heap_libc(), io, uuid);
        if (err == JIT_OK) {
            err = ckpt_list_read(jit_heap_libc(), io, uuid, list);
        } else if (err != JIT_ENOMEM) {
            err = JIT_OK;
        }
    }
    io_posix_close(io);
    close(fd);
    if (err != JIT_OK) {
        *list = (struct ckpt_list){.heap = jit_heap_libc()};
        cli_what(cli, "the checkpoints of %s cannot be read", data);
        cli_why(cli, "%s", jit_err_text(err));
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int history_start(struct cli *cli, const char *data, struct ckpt_manifest *start, bool *found)
{
    struct jit_io *io = NULL;
    int fd = -1;
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = find_start(io, start, found);
    io_posix_close(io);
    close(fd);
    if (err != JIT_OK) {
        cli_what(cli, "the checkpoints of %s cannot be read", data);
        cli_why(cli, "%s", jit_err_text(err));
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int history_each_failing(struct cli *cli, const char *data, log_visit *visit, void *user,
                         struct log_report *report, enum jit_err *failed)
{
    struct jit_io *io = NULL;
    int fd = -1;
    *failed = JIT_OK;
    *report = (struct log_report){.why = ""};
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    struct visitor visitor = {.visit = visit, .user = user};
    enum jit_err err = read_log(io, &visitor, report);
    io_posix_close(io);
    close(fd);
    *failed = visitor.failed;
    if (visitor.failed != JIT_OK) {
        return (int)cli_exit_of(err);
    }
    if (err == JIT_ENOENT && (visitor.enough || report->records > 0)) {
        err = JIT_OK;
    }
    return err == JIT_OK ? CLI_OK : history_failed(cli, data, err, report);
}

int history_each(struct cli *cli, const char *data, log_visit *visit, void *user,
                 struct log_report *report)
{
    enum jit_err failed = JIT_OK;
    int code = history_each_failing(cli, data, visit, user, report, &failed);
    return failed == JIT_OK ? code : history_failed(cli, data, failed, report);
}

/* The lock outlives an owner that was killed by the writes it had under way; as long as this a
 * folder that has no history yet may only seem to be in use. */
#define HELD_STEP_MS 20
#define HELD_STEPS   150

enum jit_err history_begun_in(struct jit_io *io, bool *begun)
{
    struct ckpt_manifest start;
    enum jit_err err = log_begun(jit_heap_libc(), io, begun);
    /* A restored folder has a checkpoint before its first tick. */
    return err == JIT_OK && !*begun ? find_start(io, &start, begun) : err;
}

enum jit_err history_look(const char *data, bool *begun)
{
    struct history_folder folder;
    enum jit_err err = history_folder_open(data, true, &folder);
    *begun = folder.fd >= 0;
    if (folder.fd < 0) {
        return errno == ENOENT ? JIT_OK : err;
    }
    /* Where a supervisor is at work, a genesis may become durable at any moment. */
    bool held = true;
    for (unsigned step = 0; err == JIT_OK && held && step < HELD_STEPS; step++) {
        held = shell_folder_held(folder.fd);
        err = history_begun_in(folder.io, begun);
        if (err != JIT_OK || *begun || !held) {
            break;
        }
        (void)poll(NULL, 0, HELD_STEP_MS);
    }
    *begun = *begun || held || err != JIT_OK;
    history_folder_close(&folder);
    return err;
}

bool history_begun(const char *data)
{
    bool begun = true;
    return history_look(data, &begun) != JIT_OK || begun;
}

/* ---- states ---- */

struct opening {
    const struct history_opening *options;
    struct cli_progress progress;
};

static void on_replayed(void *user, const struct log_record *record,
                        const struct kern_replay *replay)
{
    struct opening *o = user;
    cli_progress_update(&o->progress, record->tick, NULL);
    if (o->options->replayed != NULL) {
        o->options->replayed(o->options->user, record, replay);
    }
}

static bool data_held(const char *data)
{
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool held = fd >= 0 && shell_folder_held(fd);
    if (fd >= 0) {
        close(fd);
    }
    return held;
}

/* Owning what is no data folder would make one of it. */
static bool has_format(const char *data)
{
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool has = fd >= 0 && faccessat(fd, "FORMAT", F_OK, 0) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

int history_not_owned(struct cli *cli, enum jit_err err)
{
    if (err == JIT_EBUSY) {
        cli_next(cli, "end the supervisor of this folder first");
        return CLI_USAGE;
    }
    if (err == JIT_EPERM) {
        cli_next(cli, "run it as the user whose folder it is, where it can be written");
    }
    return (int)cli_exit_of(err);
}

static int open_failed(struct cli *cli, const struct history_opening *opening, enum jit_err err)
{
    switch (err) {
    case JIT_EDIVERGED:
        cli_next(
            cli,
            "the log was written by another engine, or this one is not deterministic; keep both");
        return CLI_DIVERGED;
    case JIT_ECORRUPT:
    case JIT_EFORMAT:
    case JIT_EINVALID:
    case JIT_EBASE:
    case JIT_EVERSION:
        cli_next(cli, "restore the folder from a copy; nothing has been changed in it");
        return CLI_CORRUPT;
    case JIT_EBUSY:
    case JIT_EPERM:
        return history_not_owned(cli, err);
    case JIT_ENOENT:
        if (opening->bounded) {
            cli_next(cli, "jitos log --data %s -n 1", opening->data);
        } else {
            cli_next(cli, "name a data folder with --data DIR");
        }
        return CLI_NOT_FOUND;
    default:
        return (int)cli_exit_of(err);
    }
}

int history_open(struct cli *cli, const struct history_opening *opening,
                 struct shell_system *system)
{
    struct opening o = {.options = opening};
    struct shell_system_options options = {
        .path = opening->data,
        .mode = opening->own && has_format(opening->data) ? SHELL_FOLDER_OWN
                : data_held(opening->data)                ? SHELL_FOLDER_PEEK
                                                          : SHELL_FOLDER_READ,
        .die_at_log_offset = UINT64_MAX,
        .from = opening->from,
        .bounded = opening->bounded,
        .tick = opening->tick,
        .replayed = on_replayed,
        .user = &o,
    };
    cli_progress_begin(&o.progress, cli, opening->label, "ticks", 0, 0);
    enum jit_err err = shell_system_open(system, jit_heap_libc(), &options);
    cli_progress_end(&o.progress);
    if (err == JIT_OK && !shell_system_ready(system)) {
        shell_system_close(system);
        snprintf(system->message, sizeof system->message, "%s: it has no system yet",
                 opening->data);
        err = JIT_ENOENT;
    }
    if (err == JIT_OK) {
        return CLI_OK;
    }
    if (opening->lenient) {
        return (int)cli_exit_of(err);
    }
    cli_what(cli, "%s of %s failed", opening->label, opening->data);
    cli_why(cli, "%s", system->message);
    return open_failed(cli, opening, err);
}

/* ---- its end ---- */

struct history_end history_end_of(const struct shell_system *system)
{
    const struct kern_replay *replay = &system->replay;
    return (struct history_end){.ticks = replay->tick,
                                .applied = replay->applied,
                                .denied = replay->denied,
                                .deterministic = replay->deviations.count == 0,
                                .torn = system->report.torn,
                                .root = replay->version.state_root,
                                .head = replay->commit};
}

json_t *history_tell(struct cli *cli, const char *schema, const char *word,
                     const struct history_end *end)
{
    char root[JIT_ID_HEX];
    char head[JIT_ID_HEX];
    char number[CLI_NUMBER_SIZE];
    jit_id_to_hex(&end->root, root);
    jit_id_to_hex(&end->head, head);
    cli_print(cli, "%s %s ticks\nroot   %s\nhead   %s\n", word, cli_group(end->ticks, number), root,
              head);
    json_t *event = cli_event("done", schema);
    cli_put_number(event, "ticks", end->ticks);
    cli_put_text(event, "root", root);
    cli_put_text(event, "head", head);
    cli_put_number(event, "applied", end->applied);
    cli_put_number(event, "denied", end->denied);
    cli_put_bool(event, "deterministic", end->deterministic);
    cli_put_bool(event, "torn", end->torn);
    return event;
}

void history_say_torn(struct cli *cli, const struct log_report *report)
{
    if (report->torn) {
        cli_note(cli,
                 "the last write was torn: %llu bytes at byte %llu of %s: %s; nothing "
                 "acknowledged is lost",
                 (unsigned long long)report->torn_bytes, (unsigned long long)report->at.offset,
                 report->at.file, report->why);
    }
}
