/* Any bytes as a data file of WordNet. */
#include "fuzz/import_fuzz.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/wordnet", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_import(&format_wordnet, bytes, size);
}
