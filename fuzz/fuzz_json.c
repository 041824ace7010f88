/* Any bytes as a json file. */
#include "fuzz/import_fuzz.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/json", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_import(&format_json, bytes, size);
}
