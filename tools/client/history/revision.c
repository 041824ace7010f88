/* Which tick a word means: @12, HEAD~3, digits of a commit, a checkpoint's name. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/client/history/history.h"

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

struct resolving {
    struct history_revision revision;
    uint64_t end;
    uint64_t tick;
    bool found;
};

static enum jit_err resolve_record(void *user, const struct log_record *record)
{
    struct resolving *r = user;
    char hex[JIT_ID_HEX];
    r->end = record->tick + 1;
    if (r->revision.kind == HISTORY_COMMIT) {
        jit_id_to_hex(&record->commit, hex);
        if (strncmp(hex, r->revision.prefix, strlen(r->revision.prefix)) == 0) {
            r->tick = record->tick;
            r->found = true;
            return JIT_ENOENT;
        }
    }
    return JIT_OK;
}

static int find_checkpoint(struct cli *cli, const char *data, const char *word, uint64_t *tick,
                           bool *found)
{
    struct ckpt_list list;
    *found = false;
    int code = history_checkpoints(cli, data, false, &list);
    if (code != CLI_OK) {
        return code;
    }
    const struct ckpt_entry *entry = ckpt_list_find(&list, word);
    if (entry != NULL && entry->manifest != NULL) {
        *tick = entry->manifest->tick;
        *found = true;
    }
    ckpt_list_release(&list);
    return CLI_OK;
}

static int no_revision(struct cli *cli, const char *data, const char *text)
{
    cli_what(cli, "%s is no revision of %s", text, data);
    cli_why(cli, "a revision is @TICK, HEAD, HEAD~N, a checkpoint's name, or at least 8 hex digits "
                 "of a commit or a checkpoint");
    cli_next(cli, "jitos log --data %s", data);
    return CLI_NOT_FOUND;
}

int history_resolve(struct cli *cli, const char *data, const char *text, uint64_t *tick)
{
    struct resolving r = {0};
    struct log_report report;
    bool found = false;
    bool form = history_parse(text, &r.revision);
    if (form && r.revision.kind == HISTORY_TICK) {
        *tick = r.revision.number;
        return CLI_OK;
    }
    /* HEAD is the head, even where somebody has called a checkpoint so. */
    int code = form && r.revision.kind == HISTORY_HEAD
                   ? CLI_OK
                   : find_checkpoint(cli, data, text, tick, &found);
    if (code != CLI_OK || found) {
        return code;
    }
    if (!form) {
        return no_revision(cli, data, text);
    }
    code = history_each(cli, data, resolve_record, &r, &report);
    if (code != CLI_OK) {
        return code;
    }
    uint64_t end = report.tick_end > r.end ? report.tick_end : r.end;
    if (r.revision.kind == HISTORY_HEAD && end > r.revision.number) {
        r.tick = end - 1 - r.revision.number;
        r.found = true;
    }
    *tick = r.tick;
    return r.found ? CLI_OK : no_revision(cli, data, text);
}
