/* Any bytes as a graphml file. */
#include "fuzz/import_fuzz.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/graphml", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_import(&format_graphml, bytes, size);
}
