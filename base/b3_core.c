/* BLAKE3 official C code, from the directory configure found. */
#include <blake3.c>
