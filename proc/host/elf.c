#include "proc/host/elf.h"

#include <elf.h>
#include <string.h>

#include "base/check.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "proc/host/elf.c does not know this machine's ELF number"
#endif
#ifndef PT_GNU_PROPERTY
#define PT_GNU_PROPERTY 0x6474e553
#endif
#define PT_GNU_SFRAME_    0x6474e554u /* binutils 2.40 */
#define PAGE              4096u
#define SEGMENT_ALIGN_MAX (4ull << 20)
#define TLS_ALIGN_MAX     4096u

struct judge {
    const uint8_t *bytes;
    uint64_t size;
    bool libraries;
    Elf64_Ehdr head;
    Elf64_Phdr segments[HOST_ELF_SEGMENTS_MAX];
    uint64_t image_size;
    const char *why;
};

static bool refuse(struct judge *judge, const char *why)
{
    judge->why = why;
    return false;
}

/* [at, at + size) lies in [0, end). */
static bool within(uint64_t at, uint64_t size, uint64_t end)
{
    return at <= end && size <= end - at;
}

static bool power_of_two(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

static bool head_ident(struct judge *judge)
{
    const unsigned char *ident = judge->head.e_ident;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0) {
        return refuse(judge, "it is not an ELF file");
    }
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
        ident[EI_VERSION] != EV_CURRENT) {
        return refuse(judge, "it is not 64-bit little-endian ELF, version 1");
    }
    if ((ident[EI_OSABI] != ELFOSABI_SYSV && ident[EI_OSABI] != ELFOSABI_LINUX) ||
        ident[EI_ABIVERSION] != 0) {
        return refuse(judge, "it is made for another operating system");
    }
    for (unsigned i = EI_PAD; i < EI_NIDENT; i++) {
        if (ident[i] != 0) {
            return refuse(judge, "the padding of its header is not zero");
        }
    }
    return true;
}

static bool head_fields(struct judge *judge)
{
    const Elf64_Ehdr *head = &judge->head;
    if (head->e_machine != MACHINE || head->e_version != EV_CURRENT || head->e_flags != 0) {
        return refuse(judge, "it is made for another machine");
    }
    if (head->e_type != ET_DYN) {
        return refuse(judge, "it is not position-independent: link it with -static-pie");
    }
    if (head->e_ehsize != sizeof *head || head->e_phentsize != sizeof(Elf64_Phdr)) {
        return refuse(judge, "its headers have another size than ELF says");
    }
    if (head->e_phnum == 0 || head->e_phnum > HOST_ELF_SEGMENTS_MAX) {
        return refuse(judge, "it has no program headers, or more than 64");
    }
    if (head->e_phoff % 8 != 0 || head->e_phoff < sizeof *head ||
        !within(head->e_phoff, head->e_phnum * sizeof(Elf64_Phdr), judge->size)) {
        return refuse(judge, "its program headers do not lie in the file");
    }
    if (head->e_shnum != 0 &&
        (head->e_shentsize != sizeof(Elf64_Shdr) ||
         !within(head->e_shoff, head->e_shnum * sizeof(Elf64_Shdr), judge->size))) {
        return refuse(judge, "its section headers do not lie in the file");
    }
    return true;
}

/* Ascending, each on pages of its own, its bytes in the file, never writable and executable. */
static bool load(struct judge *judge, const Elf64_Phdr *p, uint64_t *end)
{
    if ((p->p_flags & ~(uint32_t)(PF_R | PF_W | PF_X)) != 0) {
        return refuse(judge, "a segment has unknown flags");
    }
    if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
        return refuse(judge, "a segment is writable and executable");
    }
    if (p->p_memsz == 0 || p->p_filesz > p->p_memsz) {
        return refuse(judge, "a segment is empty, or has more bytes in the file than in memory");
    }
    if (!within(p->p_offset, p->p_filesz, judge->size)) {
        return refuse(judge, "a segment does not lie in the file");
    }
    if (!power_of_two(p->p_align) || p->p_align < PAGE || p->p_align > SEGMENT_ALIGN_MAX ||
        p->p_vaddr % p->p_align != p->p_offset % p->p_align) {
        return refuse(judge, "a segment is not aligned to pages");
    }
    if (!within(p->p_vaddr, p->p_memsz, HOST_ELF_BYTES_MAX)) {
        return refuse(judge, "it takes more than 64 MiB of memory");
    }
    if (p->p_vaddr / PAGE * PAGE < *end) {
        return refuse(judge, "its segments overlap, or are not in order");
    }
    *end = (p->p_vaddr + p->p_memsz + PAGE - 1) / PAGE * PAGE;
    judge->image_size = p->p_vaddr + p->p_memsz;
    return true;
}

/* The loaded segment that has [vaddr, vaddr + size); `in_file`: all of it as bytes of the file. */
static const Elf64_Phdr *holder(const struct judge *judge, uint64_t vaddr, uint64_t size,
                                bool in_file)
{
    for (unsigned i = 0; i < judge->head.e_phnum; i++) {
        const Elf64_Phdr *p = &judge->segments[i];
        if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr &&
            within(vaddr - p->p_vaddr, size, in_file ? p->p_filesz : p->p_memsz)) {
            return p;
        }
    }
    return NULL;
}

static bool dynamic(struct judge *judge, const Elf64_Phdr *p)
{
    const Elf64_Phdr *in = holder(judge, p->p_vaddr, p->p_filesz, true);
    uint64_t count = p->p_filesz / sizeof(Elf64_Dyn);
    if (in == NULL || p->p_offset != in->p_offset + (p->p_vaddr - in->p_vaddr) ||
        p->p_filesz % sizeof(Elf64_Dyn) != 0 || count == 0 || count > HOST_ELF_DYNAMIC_MAX) {
        return refuse(judge, "its dynamic section is out of bounds");
    }
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Dyn entry;
        memcpy(&entry, judge->bytes + p->p_offset + i * sizeof entry, sizeof entry);
        if (entry.d_tag == DT_NULL) {
            return true;
        }
        if ((entry.d_tag == DT_NEEDED || entry.d_tag == DT_AUDIT || entry.d_tag == DT_DEPAUDIT ||
             entry.d_tag == DT_FILTER || entry.d_tag == DT_AUXILIARY) &&
            !judge->libraries) {
            return refuse(judge, "it needs a shared library: link it with -static-pie");
        }
        if (entry.d_tag == DT_TEXTREL ||
            (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL) != 0)) {
            return refuse(judge, "it relocates its own code: compile it with -fPIE");
        }
    }
    return refuse(judge, "its dynamic section has no end");
}

/* What is no part of the image by itself but describes some of it. */
static bool other(struct judge *judge, const Elf64_Phdr *p)
{
    switch (p->p_type) {
    case PT_NULL:
    case PT_LOAD:
        return true;
    case PT_INTERP:
        return judge->libraries || refuse(judge, "it asks for an interpreter: link it with "
                                                 "-static-pie");
    case PT_DYNAMIC:
        return dynamic(judge, p);
    case PT_GNU_STACK:
        return (p->p_flags & PF_X) == 0 || refuse(judge, "it asks for an executable stack");
    case PT_TLS:
        return (p->p_filesz <= p->p_memsz && p->p_align <= TLS_ALIGN_MAX &&
                (p->p_align == 0 || power_of_two(p->p_align)) && p->p_memsz <= HOST_ELF_BYTES_MAX &&
                (p->p_filesz == 0 || holder(judge, p->p_vaddr, p->p_filesz, true) != NULL)) ||
               refuse(judge, "its thread-local data is out of bounds");
    case PT_GNU_RELRO:
        return holder(judge, p->p_vaddr, p->p_memsz, false) != NULL ||
               refuse(judge, "what it protects after relocation is out of bounds");
    case PT_NOTE:
    case PT_PHDR:
    case PT_GNU_EH_FRAME:
    case PT_GNU_PROPERTY:
    case PT_GNU_SFRAME_:
        return (within(p->p_offset, p->p_filesz, judge->size) && p->p_filesz <= p->p_memsz &&
                holder(judge, p->p_vaddr, p->p_memsz, true) != NULL) ||
               refuse(judge, "a note or table of it is out of bounds");
    default:
        return refuse(judge, "it has a kind of segment that is not known here");
    }
}

static unsigned count_of(const struct judge *judge, uint32_t type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < judge->head.e_phnum; i++) {
        count += judge->segments[i].p_type == type;
    }
    return count;
}

static bool segments(struct judge *judge)
{
    uint64_t end = 0;
    memcpy(judge->segments, judge->bytes + judge->head.e_phoff,
           judge->head.e_phnum * sizeof(Elf64_Phdr));
    for (unsigned i = 0; i < judge->head.e_phnum; i++) {
        if (judge->segments[i].p_type == PT_LOAD && !load(judge, &judge->segments[i], &end)) {
            return false;
        }
    }
    if (end == 0) {
        return refuse(judge, "it has nothing to load");
    }
    for (unsigned i = 0; i < judge->head.e_phnum; i++) {
        if (!other(judge, &judge->segments[i])) {
            return false;
        }
    }
    if (count_of(judge, PT_GNU_STACK) != 1) {
        return refuse(judge, "it does not say that its stack is not executable");
    }
    if (count_of(judge, PT_DYNAMIC) > 1 || count_of(judge, PT_TLS) > 1 ||
        count_of(judge, PT_GNU_RELRO) > 1 || count_of(judge, PT_PHDR) > 1 ||
        count_of(judge, PT_GNU_PROPERTY) > 1) {
        return refuse(judge, "it has two segments of a kind of which there is one");
    }
    const Elf64_Phdr *entry = holder(judge, judge->head.e_entry, 1, true);
    if (entry == NULL || (entry->p_flags & PF_X) == 0) {
        return refuse(judge, "its entry point is not in its code");
    }
    return true;
}

enum jit_err host_elf_judge(const uint8_t *bytes, size_t bytes_size, bool libraries,
                            uint64_t *image_size, const char **why)
{
    struct judge judge = {.bytes = bytes, .size = bytes_size, .libraries = libraries};

    assert(bytes != NULL || bytes_size == 0);
    assert(image_size != NULL && why != NULL);
    *image_size = 0;
    *why = NULL;
    if (bytes_size > HOST_ELF_BYTES_MAX) {
        *why = "it is larger than 64 MiB";
        return JIT_ELIMIT;
    }
    if (bytes_size < sizeof judge.head) {
        *why = "it is not an ELF file";
        return JIT_EFORMAT;
    }
    memcpy(&judge.head, bytes, sizeof judge.head);
    if (!head_ident(&judge) || !head_fields(&judge) || !segments(&judge)) {
        assert(judge.why != NULL);
        *why = judge.why;
        return JIT_EFORMAT;
    }
    *image_size = judge.image_size;
    return JIT_OK;
}
