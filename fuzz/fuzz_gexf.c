/* Any bytes as a gexf file. */
#include "fuzz/import_fuzz.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/gexf", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_import(&format_gexf, bytes, size);
}
