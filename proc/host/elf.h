/* proc/host/elf.h - may this program be executed inside the sandbox? Foreign bytes, judged.
 * Spec:  SANDBOX 2.2 (b). Layer: proc/host; base only. Pure: bytes in, a verdict out.
 *
 * Accepted is what a linker makes by -static-pie for this machine, and nothing odd: every field of
 * the ELF header and of the program headers within its bounds; loaded segments ascending, on pages
 * of their own, with their bytes in the file; an entry point in executable bytes; a stack that says
 * it is not executable. No interpreter, no needed library, no text relocation, nothing that is
 * writable and executable, no kind of segment that is not known. Section headers are not looked at
 * by anybody who executes a program; they have to lie in the file, if there are any. */
#ifndef JIT_PROC_HOST_ELF_H
#define JIT_PROC_HOST_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HOST_ELF_BYTES_MAX    (64ull << 20) /* of the file, and of its image in memory */
#define HOST_ELF_SEGMENTS_MAX 64u
#define HOST_ELF_DYNAMIC_MAX  256u /* entries */

/* Judge a program. `libraries`: an interpreter and needed libraries are let through (a sanitizer's
 * runtime is one). *image_size: bytes of memory its segments take; *why: NULL, or what is wrong
 * with it, in words. Errors: JIT_EFORMAT, JIT_ELIMIT (more than HOST_ELF_BYTES_MAX). */
JIT_MUST_CHECK enum jit_err host_elf_judge(const uint8_t *bytes, size_t bytes_size, bool libraries,
                                           uint64_t *image_size, const char **why);

#endif
