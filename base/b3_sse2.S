/* BLAKE3 official assembly, from the directory configure found. */
#include <blake3_sse2_x86-64_unix.S>
