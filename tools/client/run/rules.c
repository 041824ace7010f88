/* `jitos rules`: its actions, and `fmt`, the canonical text. */
#include "tools/client/run/rules.h"

#include <errno.h>
#include <string.h>

#include "tools/formats/sources.h"
#include "tools/client/jitos.h"
#include "tools/client/load.h"
#include "tools/rmgtool/rmg.h"

/* After a file that is not as it should be; of what else went wrong its reason says it all. */
static void next_mend(struct cli *cli, enum jit_err err)
{
    if (err == JIT_EFORMAT) {
        cli_next(cli, "mend that, then the same command again");
    }
}

int rules_parse(struct cli *cli, const char *path, struct lang_system **system)
{
    const struct lang_sources sources = format_sources();
    struct jit_buf source;
    struct jit_buf messages;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    int code = load_file(cli, path, LANG_SOURCE_BYTES_MAX, &source);
    if (code == CLI_OK) {
        enum jit_err err = lang_parse_with(jit_heap_libc(), path, source.data, source.size,
                                           &sources, system, &messages);
        if (err != JIT_OK) {
            cli_what(cli, "%s is not a system that can run", path);
            cli_why_text(cli, messages.data, err == JIT_EFORMAT ? messages.size : 0,
                         jit_err_text(err));
            next_mend(cli, err);
            code = err == JIT_EFORMAT ? CLI_USAGE : CLI_HOST;
        }
    }
    jit_buf_release(&source);
    jit_buf_release(&messages);
    return code;
}

/* ---- fmt ---- */

/* All of standard input. */
static int read_stdin(struct cli *cli, struct jit_buf *out)
{
    jit_buf_init(out, jit_heap_libc(), LANG_SOURCE_BYTES_MAX);
    for (;;) {
        uint8_t *at = jit_buf_extend(out, 65536);
        if (at == NULL) {
            break;
        }
        size_t n = fread(at, 1, 65536, stdin);
        out->size -= 65536 - n;
        if (n == 0) {
            break;
        }
    }
    if (ferror(stdin) == 0 && out->err == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "standard input cannot be read");
    cli_why(cli, "%s", out->err == JIT_ELIMIT ? "it is too large" : strerror(errno));
    return out->err == JIT_ELIMIT ? CLI_USAGE : CLI_HOST;
}

/* What is done with one text that is tidied. */
static int hand_out(struct cli *cli, const char *path, bool changed, const struct jit_buf *text)
{
    int code = CLI_OK;
    bool check = cli_given(cli, "check");
    if (cli_given(cli, "write") && changed) {
        code = rmg_output_all(cli, path, text->data, text->size);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        json_t *event = cli_event("file", "jitos.rules.fmt/1");
        cli_put_text(event, "file", path == NULL ? "-" : path);
        cli_put_bool(event, "canonical", !changed);
        cli_put_bool(event, "written", cli_given(cli, "write") && changed);
        if (!check && !cli_given(cli, "write")) {
            cli_put(event, "text", json_stringn((const char *)text->data, text->size));
        }
        code = cli_emit(cli, event);
    } else if (check || cli_given(cli, "write")) {
        if (changed) {
            cli_print(cli, "%s\n", path == NULL ? "standard input" : cli_word(cli, path));
        }
    } else {
        code = cli_write(cli, text->data, text->size);
    }
    return code != CLI_OK ? code : check && changed ? CLI_NO : CLI_OK;
}

static int refuse(struct cli *cli, const char *path, enum jit_err err,
                  const struct jit_buf *messages)
{
    cli_what(cli, "%s cannot be formatted", path == NULL ? "standard input" : path);
    cli_why_text(cli, messages->data, err == JIT_EFORMAT ? messages->size : 0, jit_err_text(err));
    next_mend(cli, err);
    return err == JIT_EFORMAT ? CLI_USAGE : CLI_HOST;
}

static int format_one(struct cli *cli, const char *path)
{
    struct jit_buf source;
    struct jit_buf text;
    struct jit_buf messages;
    jit_buf_init(&text, jit_heap_libc(), (size_t)4 * LANG_SOURCE_BYTES_MAX);
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    int code = path == NULL ? read_stdin(cli, &source)
                            : load_file(cli, path, LANG_SOURCE_BYTES_MAX, &source);
    if (code == CLI_OK) {
        enum jit_err err = lang_tidy(jit_heap_libc(), path == NULL ? "stdin" : path, source.data,
                                     source.size, &text, &messages);
        code = err != JIT_OK ? refuse(cli, path, err, &messages)
                             : hand_out(cli, path,
                                        source.size != text.size ||
                                            memcmp(source.data, text.data, text.size) != 0,
                                        &text);
    }
    jit_buf_release(&source);
    jit_buf_release(&text);
    jit_buf_release(&messages);
    return code;
}

static int format(struct cli *cli)
{
    int code = CLI_OK;
    if (cli_given(cli, "write") && cli->operand_count == 1) {
        cli_what(cli, "there is nothing to write back to");
        cli_why(cli, "--write changes files, and no file is named");
        cli_next(cli, "jitos rules fmt --write FILE");
        return CLI_USAGE;
    }
    if (cli->operand_count == 1) {
        return format_one(cli, NULL);
    }
    for (uint32_t i = 1; i < cli->operand_count; i++) {
        int one = format_one(cli, cli->operands[i]);
        if (one != CLI_OK && one != CLI_NO) {
            return one;
        }
        code = one == CLI_NO ? CLI_NO : code;
    }
    return code;
}

/* ---- the verb ---- */

#define OPTIONS_MAX 4u
static const struct {
    const char *name;
    const char *options[OPTIONS_MAX]; /* that it takes of its own */
    int (*run)(struct cli *cli);
} actions[] = {
    {"check", {"strict"}, rules_check},
    {"fmt", {"check", "write"}, format},
    {"graph", {"out"}, rules_graph},
};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static bool takes(size_t action, const char *option)
{
    for (size_t i = 0; i < OPTIONS_MAX && actions[action].options[i] != NULL; i++) {
        if (strcmp(actions[action].options[i], option) == 0) {
            return true;
        }
    }
    return false;
}

/* An option of another action. */
static bool misplaced(struct cli *cli, size_t action)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        for (size_t k = 0; k < OPTIONS_MAX && actions[i].options[k] != NULL; k++) {
            const char *option = actions[i].options[k];
            if (cli_given(cli, option) && !takes(action, option)) {
                cli_what(cli, "jitos rules %s takes no --%s", actions[action].name, option);
                cli_why(cli, "--%s belongs to jitos rules %s", option, actions[i].name);
                cli_next(cli, "jitos help rules");
                return true;
            }
        }
    }
    return false;
}

int jitos_rules(struct cli *cli)
{
    const char *names[ACTION_COUNT];
    char all[128] = "";
    size_t at = ACTION_COUNT;
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        size_t used = strlen(all);
        names[i] = actions[i].name;
        snprintf(all + used, sizeof all - used, "%s%s",
                 i == 0                  ? ""
                 : i + 1 == ACTION_COUNT ? " and "
                                         : ", ",
                 names[i]);
        at = strcmp(cli->operands[0], names[i]) == 0 ? i : at;
    }
    if (at < ACTION_COUNT) {
        return misplaced(cli, at) ? CLI_USAGE : actions[at].run(cli);
    }
    const char *nearest = cli_nearest(cli->operands[0], names, ACTION_COUNT);
    cli_what(cli, "jitos rules does not know `%s`", cli->operands[0]);
    cli_why(cli, "its actions are %s", all);
    cli_next(cli, "jitos rules %s FILE", nearest == NULL ? names[0] : nearest);
    return CLI_USAGE;
}
