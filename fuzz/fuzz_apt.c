/* Any bytes as a list of packages. */
#include "fuzz/import_fuzz.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/apt", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_import(&format_apt, bytes, size);
}
