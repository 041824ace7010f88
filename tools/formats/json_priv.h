/* tools/formats/json_priv.h - a JSON import at work, shared by its files. Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_JSON_PRIV_H
#define JIT_TOOLS_FORMATS_JSON_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tools/formats/export_priv.h"
#include "tools/formats/net.h"

struct json {
    struct net net;
    struct import_input input;
    size_t ahead;    /* bytes of the current token, not yet taken */
    uint64_t line;   /* of the next byte */
    uint64_t column; /* in characters */
    struct net_owner owner;
};

/* ---- json_token.c ---- */
JIT_MUST_CHECK enum jit_err json_read_fail(struct json *j, enum jit_err err, const char *what,
                                           const char *detail);
/* The next byte that was not looked at, or -1 at the end; *err says whether reading failed. */
int json_read_look(struct json *j, enum jit_err *err);
/* The first byte of the next token; -1 at the end. */
int json_read_token(struct json *j, enum jit_err *err);
JIT_MUST_CHECK enum jit_err json_read_expect(struct json *j, char want, const char *what);
/* One value, parsed. depth: objects and arrays that it lies in. */
JIT_MUST_CHECK enum jit_err json_read_value(struct json *j, unsigned depth, json_t **out);
/* Behind an element: whether another one follows. */
JIT_MUST_CHECK enum jit_err json_read_next(struct json *j, char close, bool *more);

/* ---- json_values.c ---- */
JIT_MUST_CHECK enum jit_err json_read_attach(struct json *j, const char *key, const json_t *one);
/* All keys of the object but those of the list. */
JIT_MUST_CHECK enum jit_err json_read_attach_all(struct json *j, json_t *object,
                                                 const char *const *except);

#endif
