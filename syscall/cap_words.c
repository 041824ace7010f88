#include "base/check.h"
#include "syscall/cap.h"

static const char *const verdict_texts[] = {
#define X(name, text) text,
    SYS_CAP_VERDICT_MAP(X)
#undef X
};

const char *sys_cap_verdict_text(enum sys_cap_verdict verdict)
{
    return (unsigned)verdict < SYS_CAP_VERDICTS ? verdict_texts[verdict] : "unknown verdict";
}

static const char *const object_texts[] = {
#define X(name, text) text,
    SYS_OBJECT_MAP(X)
#undef X
};

const char *sys_object_text(enum sys_object object)
{
    return (unsigned)object < SYS_OBJECT_COUNT ? object_texts[object] : "unknown object";
}

struct line {
    char *text;
    size_t size; /* of the memory */
    size_t used;
};

static void line_put(struct line *line, const char *text)
{
    while (*text != '\0' && line->used + 1 < line->size) {
        line->text[line->used++] = *text++;
    }
}

static void line_put_number(struct line *line, uint32_t number)
{
    char digits[11];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    line_put(line, digits + at);
}

static void line_put_rights(struct line *line, uint32_t rights)
{
    static const char *const names[] = {"map", "invoke", "read", "write"};
    bool first = true;
    for (unsigned i = 0; i < 4; i++) {
        if ((rights & 1u << i) != 0) {
            line_put(line, first ? "" : " and ");
            line_put(line, names[i]);
            first = false;
        }
    }
}

static void line_put_object(struct line *line, const struct sys_cap_names *names)
{
    line_put_rights(line, names->right);
    line_put(line, " on ");
    if (names->rule != NULL) {
        line_put(line, "rule ");
        line_put(line, names->rule);
        line_put(line, " in ");
    }
    line_put(line, names->instance);
}

/* What follows "the capability in slot N of w[2] ", for those that name one. */
static const char *const slot_texts[SYS_CAP_VERDICTS] = {
    [SYS_CAP_STALE] = "is stale: ",
    [SYS_CAP_REVOKED] = "is revoked, or one it was derived from: ",
    [SYS_CAP_EXPIRED] = "has expired, or one it was derived from: ",
    [SYS_CAP_NO_RIGHT] = "lacks a right: ",
    [SYS_CAP_OTHER_RULE] = "is for another rule: ",
    [SYS_CAP_OTHER_INSTANCE] = "is for another instance: ",
    [SYS_CAP_OTHER_PARAMS] = "is bound to other parameters: ",
    [SYS_CAP_PRIORITY] = "has a ceiling below the rule's priority: ",
    [SYS_CAP_OVER_LIMIT] = "has used up its limit for this tick: ",
    [SYS_CAP_NODE_TYPE] = "does not cover the type of a matched node: ",
    [SYS_CAP_EDGE_TYPE] = "does not cover the type of a matched edge: ",
    [SYS_CAP_WRITES_NODE] = "brings no write right for an effect on a node: ",
    [SYS_CAP_WRITES_EDGE] = "brings no write right for an effect on an edge: ",
    [SYS_CAP_OWNER] = "is for a rule whose owner may not write there: ",
    [SYS_CAP_REMAP] = "counts again when its process has been started anew without a lost map: ",
};

size_t sys_cap_explain(enum sys_cap_verdict verdict, const struct sys_cap_names *names, char *text,
                       size_t text_size)
{
    struct line line = {.text = text, .size = text_size};
    assert(text_size > 0);
    assert((unsigned)verdict < SYS_CAP_VERDICTS);
    if (verdict == SYS_CAP_ALLOWED) {
        line_put(&line, "allowed: ");
        line_put(&line, names->process);
        line_put(&line, " holds ");
        line_put_object(&line, names);
    } else if (slot_texts[verdict] == NULL) {
        line_put(&line, "denied: ");
        line_put(&line, names->process);
        line_put(&line, " holds no capability with ");
        line_put_object(&line, names);
    } else {
        line_put(&line, "denied: the capability in slot ");
        line_put_number(&line, names->slot);
        line_put(&line, " of ");
        line_put(&line, names->process);
        line_put(&line, " ");
        line_put(&line, slot_texts[verdict]);
        line_put_object(&line, names);
    }
    line.text[line.used] = '\0';
    return line.used;
}

size_t sys_cap_rights_text(uint32_t rights, char *text, size_t text_size)
{
    struct line line = {.text = text, .size = text_size};
    assert(text_size > 0);
    line_put_rights(&line, rights);
    line.text[line.used] = '\0';
    return line.used;
}
