/* tools/formats/parse_json.h - jansson's parser, which tells a refused allocation as an error of
 * syntax, or gives a string cut short: here it is told for what it is. Layer: tools.
 * Not for two threads at once: jansson has one pair of allocation functions for all of them. */
#ifndef JIT_TOOLS_FORMATS_PARSE_JSON_H
#define JIT_TOOLS_FORMATS_PARSE_JSON_H

#include <jansson.h>

#include "base/err.h"

/* As json_loadb. *out: json_decref. Errors: JIT_EFORMAT (*error says what and where), JIT_ENOMEM.
 */
JIT_MUST_CHECK enum jit_err format_parse_json(const char *text, size_t size, size_t flags,
                                              json_t **out, json_error_t *error);

#endif
