/* JSON node-link: the bytes of a document, token by token, and values of bounded size. */
#include "tools/formats/json_priv.h"

#include <jansson.h>
#include <string.h>

#include "tools/formats/export_priv.h"
#include "tools/formats/net.h"
#include "tools/formats/parse_json.h"

enum jit_err json_read_fail(struct json *j, enum jit_err err, const char *what, const char *detail)
{
    return net_fail(&j->net, err, what, detail, detail == NULL ? 0 : strlen(detail));
}

int json_read_look(struct json *j, enum jit_err *err)
{
    while (j->ahead == j->input.end - j->input.at && !j->input.eof && *err == JIT_OK) {
        *err = import_input_fill(&j->input);
    }
    return *err != JIT_OK || j->ahead == j->input.end - j->input.at
               ? -1
               : j->input.data[j->input.at + j->ahead];
}

/* What was looked at is used up. */
static void json_read_take(struct json *j)
{
    const uint8_t *at = j->input.data + j->input.at;
    for (size_t i = 0; i < j->ahead; i++) {
        if (at[i] == '\n') {
            j->line++;
            j->column = 1;
        } else {
            j->column += (at[i] & 0xc0) != 0x80;
        }
    }
    j->input.at += j->ahead;
    j->ahead = 0;
}

static void json_read_here(struct json *j)
{
    j->net.line = j->line;
    j->net.column = j->column;
}

int json_read_token(struct json *j, enum jit_err *err)
{
    int c = json_read_look(j, err);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        j->ahead++;
        if (j->ahead == IMPORT_READ_BYTES) { /* a desert of spaces needs no memory */
            json_read_take(j);
        }
        c = json_read_look(j, err);
    }
    json_read_take(j);
    json_read_here(j);
    return c;
}

enum jit_err json_read_expect(struct json *j, char want, const char *what)
{
    enum jit_err err = JIT_OK;
    int c = json_read_token(j, &err);
    if (err != JIT_OK) {
        return err;
    }
    if (c != want) {
        return json_read_fail(j, JIT_EFORMAT,
                              c < 0 ? "the input ends here, before " : "here should be ", what);
    }
    j->ahead = 1;
    json_read_take(j);
    return JIT_OK;
}

/* Looks to the end of one value, so that it lies in memory as a whole. */
static enum jit_err json_read_look_value(struct json *j, unsigned depth)
{
    enum jit_err err = JIT_OK;
    bool quoted = false;
    unsigned inside = 0;
    for (;;) {
        int c = json_read_look(j, &err);
        if (err != JIT_OK || c < 0) {
            return err == JIT_OK && (quoted || inside > 0 || j->ahead == 0)
                       ? json_read_fail(j, JIT_EFORMAT, "the input ends within this value", NULL)
                       : err;
        }
        if (j->ahead == JIT_LINE_BYTES_MAX) {
            return json_read_fail(j, JIT_ELIMIT, "a value of more than 16 MiB", NULL);
        }
        if (quoted) {
            quoted = c != '"';
            j->ahead++;
            if (c == '\\' && json_read_look(j, &err) >= 0) {
                j->ahead++;
            }
            if (!quoted && inside == 0) {
                return JIT_OK;
            }
            continue;
        }
        if (c == '{' || c == '[') {
            inside++;
            if (depth + inside > JIT_JSON_DEPTH_MAX) {
                return json_read_fail(j, JIT_ELIMIT, "nested deeper than 64", NULL);
            }
        } else if (c == '}' || c == ']') {
            if (inside == 0) {
                return JIT_OK; /* the end of what holds this value */
            }
            inside--;
            if (inside == 0) {
                j->ahead++;
                return JIT_OK;
            }
        } else if (inside == 0 &&
                   (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            return JIT_OK;
        }
        quoted = c == '"';
        j->ahead++;
    }
}

enum jit_err json_read_value(struct json *j, unsigned depth, json_t **out)
{
    json_error_t error;
    enum jit_err err = JIT_OK;
    *out = NULL;
    int c = json_read_token(j, &err);
    if (err == JIT_OK && c < 0) {
        err = json_read_fail(j, JIT_EFORMAT, "the input ends here, before a value", NULL);
    }
    err = err == JIT_OK ? json_read_look_value(j, depth) : err;
    if (err != JIT_OK) {
        return err;
    }
    if (j->ahead == 0) {
        return json_read_fail(j, JIT_EFORMAT, "here should be a value", NULL);
    }
    const char *at = (const char *)j->input.data + j->input.at;
    err = format_parse_json(at, j->ahead, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, out, &error);
    if (err == JIT_EFORMAT) {
        uint64_t lines = error.line > 0 ? (uint64_t)error.line - 1 : 0;
        uint64_t columns = error.column > 0 ? (uint64_t)error.column - 1 : 0;
        j->net.column = lines == 0 ? j->net.column + columns : columns + 1;
        j->net.line += lines;
        return json_read_fail(j, JIT_EFORMAT, "no JSON: ", error.text);
    }
    if (err == JIT_OK) {
        json_read_take(j);
    }
    return err;
}

enum jit_err json_read_next(struct json *j, char close, bool *more)
{
    enum jit_err err = JIT_OK;
    int c = json_read_token(j, &err);
    if (err != JIT_OK) {
        return err;
    }
    if (c != ',' && c != close) {
        return json_read_fail(j, JIT_EFORMAT,
                              c < 0 ? "the input ends here, before " : "here should be ",
                              close == ']' ? "a comma or ]" : "a comma or }");
    }
    *more = c == ',';
    j->ahead = 1;
    json_read_take(j);
    return JIT_OK;
}
