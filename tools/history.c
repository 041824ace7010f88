#include "tools/history.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int history_each(struct cli *cli, const char *data, log_visit *visit, void *user,
                 struct log_report *report)
{
    struct jit_io *io = NULL;
    struct io_options options = {.die_at = IO_DIE_NEVER};
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
        err = log_verify(jit_heap_libc(), io, visit, user, report);
    }
    io_posix_close(io);
    close(fd);
    if (err == JIT_ENOENT && report->records > 0) {
        err = JIT_OK; /* the visitor had seen enough */
    }
    return err == JIT_OK ? CLI_OK : history_failed(cli, data, err, report);
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
