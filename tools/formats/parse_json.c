#include "tools/formats/parse_json.h"

#include <stdbool.h>

/* The functions in force, and what became of them meanwhile. */
static struct {
    json_malloc_t alloc;
    json_free_t free;
    bool refused;
} under;

static void *noting_alloc(size_t size)
{
    void *block = under.alloc(size);
    under.refused = under.refused || (block == NULL && size > 0);
    return block;
}

enum jit_err format_parse_json(const char *text, size_t size, size_t flags, json_t **out,
                               json_error_t *error)
{
    under.refused = false;
    json_get_alloc_funcs(&under.alloc, &under.free);
    json_set_alloc_funcs(noting_alloc, under.free);
    *out = json_loadb(text, size, flags, error);
    json_set_alloc_funcs(under.alloc, under.free);
    if (under.refused) {
        json_decref(*out);
        *out = NULL;
        return JIT_ENOMEM;
    }
    return *out != NULL ? JIT_OK : JIT_EFORMAT;
}
