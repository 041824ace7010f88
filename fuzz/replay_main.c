/* Runs a fuzz target over files: those named, else its stored corpus under $top_srcdir; each file
 * as it is, then cut off at 64 places, then with one byte changed at 64 places. Says how many
 * inputs there were and how many files were taken as they are; none is an error, since then nothing
 * was tried. */
#ifndef JIT_FUZZ_ENGINE /* which has its own main() */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/random.h"
#include "fuzz/fuzz.h"

#define PLACES 64u

static uint64_t inputs;
static uint64_t taken; /* files */

/* The target gets memory of exactly its size, so that a sanitizer sees each byte read beyond it. */
static int run_one(const char *bytes, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert(copy != NULL);
    memcpy(copy, bytes, size);
    inputs++;
    int result = LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return result;
}

static int run_variants(char *bytes, size_t size)
{
    struct jit_random random = jit_random_of(size);
    const unsigned long before_it = fuzz_taken;
    int failed = run_one(bytes, size);
    taken += fuzz_taken != before_it;
    for (unsigned i = 0; i < PLACES && size > 0 && failed == 0; i++) {
        size_t at = (size_t)jit_random_below(&random, size);
        failed = run_one(bytes, at);
        if (failed == 0) {
            char before = bytes[at];
            bytes[at] = (char)jit_random_below(&random, 256);
            failed = run_one(bytes, size);
            bytes[at] = before;
        }
    }
    return failed;
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    char *bytes = NULL;
    size_t size = 0;
    int failed = fseek(file, 0, SEEK_END);
    long end = ftell(file);
    if (failed == 0 && end >= 0) {
        bytes = malloc((size_t)end + 1);
        assert(bytes != NULL);
        rewind(file);
        size = fread(bytes, 1, (size_t)end, file);
    }
    failed = failed != 0 || end < 0 || size != (size_t)end;
    (void)fclose(file);
    failed = failed != 0 || run_variants(bytes, size) != 0;
    if (failed != 0) {
        fprintf(stderr, "%s: failed\n", path);
    }
    free(bytes);
    return failed;
}

static int run_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(info.st_mode)) {
        return run_file(path);
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    int failed = count < 0;
    for (int i = 0; i < count; i++) {
        char name[4096];
        int size = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && size > 0 && (size_t)size < sizeof name) {
            failed = run_path(name) != 0 || failed != 0;
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        failed = run_path(argv[i]) != 0 || failed != 0;
    }
    for (size_t i = 0; argc == 1 && fuzz_corpus[i] != NULL; i++) {
        const char *top = getenv("top_srcdir");
        char path[4096];
        int size = snprintf(path, sizeof path, "%s/%s", top == NULL ? "." : top, fuzz_corpus[i]);
        assert(size > 0 && (size_t)size < sizeof path);
        failed = run_path(path) != 0 || failed != 0;
    }
    printf("%llu inputs, %llu files taken\n", (unsigned long long)inputs,
           (unsigned long long)taken);
    if (argc == 1 && taken == 0) {
        fprintf(stderr, "no file of the stored corpus is whole: its format has changed since\n");
        failed = 1;
    }
    return failed != 0 || inputs == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
