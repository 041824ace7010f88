/* Words of the shell: what is put into a command to type stays one word of it, whatever bytes it
 * has. */
#include "tools/cli/cli_priv.h"

#include <string.h>

#include "base/check.h"

/* What the shell takes as it is, at the beginning of a word and later; ~ means something only
 * there. Bytes of UTF-8 mean nothing to it. */
static bool is_plain(const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-+=@%:,./";
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr(safe, *at) == NULL && (unsigned char)*at < 0x80 && (*at != '~' || at == text)) {
            return false;
        }
    }
    return text[0] != '\0';
}

/* A growing text in a room that does not grow; one byte is kept for its end. */
struct cli_text_room {
    char *at;
    size_t left;
    bool short_of; /* something had no place */
};

static void put(struct cli_text_room *room, const char *text, size_t size)
{
    if (room->short_of || size >= room->left) {
        room->short_of = true;
        return;
    }
    memcpy(room->at, text, size);
    room->at += size;
    room->left -= size;
    *room->at = '\0';
}

static void put_text(struct cli_text_room *room, const char *text)
{
    put(room, text, strlen(text));
}

/* 'so', with each ' as '\'' */
static void put_quoted(struct cli_text_room *room, const char *text)
{
    put_text(room, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            put_text(room, "'\\''");
        } else {
            put(room, text, 1);
        }
    }
    put_text(room, "'");
}

/* $'so': control characters are written as numbers, since no terminal and no line may obey them. */
static void put_escaped(struct cli_text_room *room, const char *text)
{
    put_text(room, "$'");
    for (; *text != '\0'; text++) {
        char number[8];
        if (*text == '\n' || *text == '\t') {
            put_text(room, *text == '\n' ? "\\n" : "\\t");
        } else if (cli_is_control(*text)) {
            snprintf(number, sizeof number, "\\%03o", (unsigned)(unsigned char)*text);
            put_text(room, number);
        } else {
            put(room, "\\", *text == '\'' || *text == '\\');
            put(room, text, 1);
        }
    }
    put_text(room, "'");
}

static void put_word(struct cli_text_room *room, const char *text)
{
    bool control = false;
    for (const char *at = text; *at != '\0'; at++) {
        control = control || cli_is_control(*at);
    }
    if (control) {
        put_escaped(room, text);
    } else if (is_plain(text)) {
        put_text(room, text);
    } else {
        put_quoted(room, text);
    }
}

const char *cli_word(struct cli *cli, const char *text)
{
    char *word = cli->words[cli->word_at++ % CLI_WORDS];
    struct cli_text_room room = {.at = word, .left = CLI_WORD_SIZE};
    word[0] = '\0';
    put_word(&room, text);
    if (room.short_of) {
        snprintf(word, CLI_WORD_SIZE, "...");
    }
    return word;
}

void cli_next(struct cli *cli, const char *format, ...)
{
    struct cli_text_room room = {.at = cli->next, .left = sizeof cli->next};
    char number[CLI_NUMBER_SIZE];
    va_list list;
    cli->next[0] = '\0';
    va_start(list, format);
    for (const char *at = format; *at != '\0';) {
        size_t size = strcspn(at, "%");
        put(&room, at, size);
        at += size;
        if (strncmp(at, "%s", 2) == 0) {
            const char *text = va_arg(list, const char *);
            if (text != NULL) {
                put_word(&room, text);
            } else if (room.at > cli->next && room.at[-1] == ' ') {
                room.at--;
                room.left++;
                *room.at = '\0';
            }
            at += 2;
        } else if (*at != '\0') {
            bool wide = strncmp(at, "%llu", 4) == 0;
            assert(wide || strncmp(at, "%u", 2) == 0); /* it knows no others */
            snprintf(number, sizeof number, "%llu",
                     wide ? va_arg(list, unsigned long long) : va_arg(list, unsigned));
            put_text(&room, number);
            at += wide ? 4 : 2;
        }
    }
    va_end(list);
    if (room.short_of) {
        cli->next[0] = '\0'; /* half a command is none */
    }
}
