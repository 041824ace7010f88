/* rmg/lang/lang_tidy_priv.h - a text being tidied, shared by its files. Layer: rmg. */
#ifndef JIT_RMG_LANG_LANG_TIDY_PRIV_H
#define JIT_RMG_LANG_LANG_TIDY_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "rmg/lang/lang_format_priv.h"

struct tidy_comment {
    uint32_t at;
    uint32_t size;
    uint32_t prev; /* first byte of the token before it */
    uint32_t next; /* first byte of the token behind it; the end of the source */
    bool first;    /* no token stands before it */
    bool trailing; /* it stands on the line of that token */
    bool blank;    /* an empty line is right before it */
};

struct tidy_line {
    uint32_t source; /* where what it says begins */
    uint32_t indent;
    size_t at;        /* in the text */
    bool declaration; /* its first line */
    bool blank;       /* an empty line is right before its place in the source */
    bool apart;       /* an empty line is to be before it */
};

enum tidy_kind {
    TIDY_SYSTEM,
    TIDY_TYPE,
    TIDY_IMPORT,
    TIDY_RULE,
    TIDY_PROCESS,
    TIDY_GRANT,
    TIDY_SCRIPT
};

struct tidy_declaration {
    uint32_t at;
    enum tidy_kind kind;
    const void *node;
};

struct tidy {
    struct lang_parser *p;
    struct jit_heap *heap;
    struct tidy_comment *comments;
    size_t comment_count, comment_capacity;
    struct tidy_line *lines;
    size_t line_count, line_capacity;
    struct tidy_declaration *declarations;
    size_t declaration_count, declaration_capacity;
    struct jit_buf text; /* of all lines, one behind the other */
};

/* ---- lang_tidy.c ---- */
/* One more at the end of a list; NULL and p->err set: no memory. */
void *lang_tidy_more(struct tidy *t, void *list, size_t *count, size_t *capacity, size_t size);
/* Is there a comment between the items of a list, that is before a token from its second item on,
 * up to its end? Then it has an item a line. */
bool lang_tidy_breaks(const struct tidy *t, uint32_t second, uint32_t end);

/* ---- lang_tidy_lines.c ---- */
void lang_tidy_begin(struct tidy *t, uint32_t source, uint32_t indent);
void lang_tidy_put(struct tidy *t, const char *text);
void lang_tidy_rule(struct tidy *t, const struct lang_rule_node *rule);
void lang_tidy_type(struct tidy *t, const struct lang_type_node *node);
void lang_tidy_process(struct tidy *t, const struct lang_process_node *node);
void lang_tidy_grant(struct tidy *t, const struct lang_grant_node *node);
void lang_tidy_script(struct tidy *t, const struct lang_script_node *script);

#endif
