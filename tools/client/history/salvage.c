/* jitos verify --salvage - a damaged log is cut behind the last record that verifies; what is cut
 * off is set aside. */
#include <stdio.h>
#include <string.h>

#include "kernel/checkpoint/folder.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"

struct salvage {
    struct cli *cli;
    struct jit_io *io;
    struct ckpt_list list;
    const struct ckpt_entry *start; /* in place of the genesis; NULL: none */
    struct log_mark mark;           /* to read from */
    bool marked;
    uint64_t furthest; /* ticks that can be read from it */
    struct log_salvaged made;
    uint64_t checkpoints; /* set aside */
};

static const char *data_of(const struct salvage *s)
{
    return cli_text(s->cli, "data");
}

static int failed(const struct salvage *s, enum jit_err err)
{
    cli_what(s->cli, "%s cannot be salvaged", data_of(s));
    cli_why(s->cli, "%s", jit_err_text(err));
    cli_next(s->cli, "mend that, and try again: nothing is lost by it");
    return (int)cli_exit_of(err);
}

/* From which place most can be read: the start, or a checkpoint behind the damage. *whole: all. */
static enum jit_err choose(struct salvage *s, bool *whole)
{
    struct log_report report;
    const struct log_mark *from = s->start != NULL ? &s->start->manifest->mark : NULL;
    enum jit_err err = log_verify_from(jit_heap_libc(), s->io, from, NULL, NULL, &report);
    *whole = err == JIT_OK;
    s->furthest = report.tick_end;
    s->marked = from != NULL;
    s->mark = from != NULL ? *from : s->mark;
    for (size_t i = 0; err == JIT_ECORRUPT && i < s->list.count; i++) {
        const struct ckpt_manifest *m = s->list.entries[i].manifest;
        if (m == NULL) {
            continue;
        }
        enum jit_err other = log_verify_from(jit_heap_libc(), s->io, &m->mark, NULL, NULL, &report);
        if (other != JIT_OK && other != JIT_ECORRUPT) {
            return other;
        }
        if (report.tick_end > s->furthest) {
            s->furthest = report.tick_end;
            s->marked = true;
            s->mark = m->mark;
        }
        if (other == JIT_OK) {
            return JIT_OK; /* all that was acknowledged can be reached from here */
        }
    }
    return err;
}

/* Checkpoints of ticks that are no more. */
static enum jit_err set_aside(struct salvage *s)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < s->list.count; i++) {
        const struct ckpt_manifest *m = s->list.entries[i].manifest;
        char hex[JIT_ID_HEX];
        char name[CKPT_FILE_NAME_MAX];
        char kept[CKPT_FILE_NAME_MAX];
        if (m == NULL || m->tick < s->made.tick_end) {
            continue;
        }
        jit_id_to_hex(&s->list.entries[i].id, hex);
        snprintf(name, sizeof name, CKPT_DIR "/%s.ckpt", hex);
        snprintf(kept, sizeof kept, CKPT_DIR "/%s.broken", hex);
        err = s->io->rename(s->io, name, kept);
        s->checkpoints += err == JIT_OK;
    }
    return err == JIT_OK && s->checkpoints > 0 ? s->io->syncdir(s->io, CKPT_DIR) : err;
}

static int tell(const struct salvage *s, bool whole)
{
    if (whole) {
        cli_print(s->cli, "whole   nothing was set aside\n");
    } else if (s->made.segments == 0) {
        cli_print(
            s->cli,
            "kept    all: the damage lies before a checkpoint, and every tick up to %llu goes "
            "on from there\nnext    jitos gc --keep 1 --log --data %s gives up what cannot be "
            "read\n",
            (unsigned long long)(s->furthest - 1), cli_word(s->cli, data_of(s)));
    } else {
        cli_print(
            s->cli,
            "kept    ticks up to %llu\naside   %llu segments as log/*.broken, %llu checkpoints "
            "as ckpt/*.broken\n",
            (unsigned long long)(s->made.tick_end - 1), (unsigned long long)s->made.segments,
            (unsigned long long)s->checkpoints);
    }
    json_t *event = cli_event("done", "jitos.salvage/1");
    cli_put_bool(event, "whole", whole);
    cli_put_number(event, "ticks", s->made.segments > 0 ? s->made.tick_end : s->furthest);
    cli_put_number(event, "segments", s->made.segments);
    cli_put_number(event, "checkpoints", s->checkpoints);
    return cli_emit(s->cli, event);
}

static int work(struct salvage *s)
{
    struct log_report report;
    uint8_t uuid[LOG_UUID_BYTES];
    uint64_t first = 1;
    uint64_t last = 1;
    bool whole = false;
    enum jit_err err = log_uuid(jit_heap_libc(), s->io, uuid);
    if (err == JIT_OK) {
        err = ckpt_list_read(jit_heap_libc(), s->io, uuid, &s->list);
    }
    if (err == JIT_OK) {
        err = log_segments(jit_heap_libc(), s->io, &first, &last);
    }
    if (err != JIT_OK) {
        return failed(s, err);
    }
    s->start = ckpt_list_start(&s->list, first);
    err = choose(s, &whole);
    if (err == JIT_OK) {
        return tell(s, whole);
    }
    if (err == JIT_ECORRUPT) {
        err = log_salvage(jit_heap_libc(), s->io, s->marked ? &s->mark : NULL, &report, &s->made);
        if (err == JIT_ECORRUPT) {
            return history_failed(s->cli, data_of(s), err, &report);
        }
    }
    if (err == JIT_OK) {
        err = set_aside(s);
    }
    return err == JIT_OK ? tell(s, false) : failed(s, err);
}

int jitos_salvage(struct cli *cli)
{
    struct salvage s = {.cli = cli};
    struct shell_folder folder;
    char message[512] = "";
    struct io_options options = {.die_at = IO_DIE_NEVER};
    if (!history_begun(data_of(&s))) { /* it is not made by looking at it */
        cli_what(cli, "%s has no history", data_of(&s));
        cli_why(cli, "it is no data folder, or its first start did not finish");
        cli_next(cli, "name a data folder with --data DIR");
        return CLI_NOT_FOUND;
    }
    enum jit_err err =
        shell_folder_open(&folder, data_of(&s), SHELL_FOLDER_OWN, message, sizeof message);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be salvaged", data_of(&s));
        cli_why(cli, "%s", message);
        return history_not_owned(cli, err);
    }
    err = io_posix_open(jit_heap_libc(), folder.fd, &options, &s.io);
    int code = err == JIT_OK ? work(&s) : failed(&s, err);
    if (s.list.heap != NULL) {
        ckpt_list_release(&s.list);
    }
    io_posix_close(s.io);
    shell_folder_close(&folder);
    return code;
}
