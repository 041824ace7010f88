/* fuzz/fuzz.h - the shape of a fuzz target: one file fuzz/fuzz_NAME.c that defines these two.
 * With a fuzzing engine (clang -fsanitize=fuzzer) the engine calls the first. Without one the
 * target is linked to fuzz/replay_main.c, which runs it over a stored corpus: `make fuzz-smoke`,
 * part of `make check`. An input that ever broke something is added to fuzz/corpus/NAME. */
#ifndef JIT_FUZZ_FUZZ_H
#define JIT_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Any bytes: must return 0, without a crash, in bounded time and memory. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The target says so of an input that it took for what it reads, not for damaged. Of its stored
 * corpus it has to take one as it is: else its format has changed since, and all of it ends at the
 * first check. */
__attribute__((weak)) unsigned long fuzz_taken;
static inline void fuzz_take(void)
{
    fuzz_taken++;
}

/* Files and folders of the source tree whose contents are replayed; NULL ends the list. */
extern const char *const fuzz_corpus[];

#endif
