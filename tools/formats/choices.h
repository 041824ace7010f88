/* tools/formats/choices.h - the file that settles the conflicts of a merge.
 * Spec:  docs/spec/merge.md "The file of choices". Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_CHOICES_H
#define JIT_TOOLS_FORMATS_CHOICES_H

#include "rmg/change/merge.h"

#define CHOICES_BYTES_MAX (64u << 20)
#define CHOICES_WHAT_SIZE 256u

struct choices {
    struct jit_heap *heap;
    struct rmg_choice *list;
    size_t count;
    size_t capacity;
    struct rmg_scratch names;
};

/* what: why it is no file of choices, with the place in it. Release it whatever comes back.
 * Errors: JIT_EFORMAT, JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err choices_decode(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                                           struct choices *out, char what[CHOICES_WHAT_SIZE]);
void choices_release(struct choices *choices);

const char *choices_side_word(enum rmg_side side); /* "base", "ours", "theirs" */

#endif
