/* Any bytes as a program: refused with a reason, or an image that a naive second look finds to be
 * within its bounds. */
#include <elf.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/fuzz.h"
#include "proc/host/elf.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/elf", NULL};

/* What no accepted program may be, said the long way round. */
static void look_again(const uint8_t *bytes, size_t size, uint64_t image_size)
{
    Elf64_Ehdr head;
    uint64_t end = 0;
    unsigned stacks = 0;
    unsigned entries = 0;
    memcpy(&head, bytes, sizeof head);
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr p;
        assert(head.e_phoff < size && size - head.e_phoff >= (i + 1) * sizeof p);
        memcpy(&p, bytes + head.e_phoff + i * sizeof p, sizeof p);
        assert(p.p_type != PT_INTERP && p.p_type != PT_SHLIB);
        stacks += p.p_type == PT_GNU_STACK && (p.p_flags & PF_X) == 0;
        if (p.p_type == PT_LOAD) {
            assert(p.p_filesz <= size && p.p_offset <= size - p.p_filesz);
            assert((p.p_flags & (PF_W | PF_X)) != (PF_W | PF_X));
            assert(p.p_vaddr < HOST_ELF_BYTES_MAX && p.p_memsz <= HOST_ELF_BYTES_MAX);
            assert(p.p_vaddr / 4096 >= (end + 4095) / 4096);
            end = p.p_vaddr + p.p_memsz;
            entries += (p.p_flags & PF_X) != 0 && head.e_entry >= p.p_vaddr &&
                       head.e_entry < p.p_vaddr + p.p_filesz;
        }
    }
    assert(stacks == 1 && entries == 1 && end == image_size && end <= HOST_ELF_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t image_size = 1;
    const char *why = NULL;
    enum jit_err err = host_elf_judge(bytes, size, false, &image_size, &why);
    assert((err == JIT_OK) == (why == NULL));
    if (err == JIT_OK) {
        fuzz_take();
        look_again(bytes, size, image_size);
    } else {
        assert((err == JIT_EFORMAT || err == JIT_ELIMIT) && image_size == 0);
    }
    return 0;
}
