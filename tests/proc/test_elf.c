/* Goal:   host_elf_judge() accepts what -static-pie makes and refuses everything else, by name.
 * Method: one small sound program; then one field of it changed at a time, and what is said. Every
 *         truncation and every flipped byte is judged without a crash; real programs: ours, and the
 *         machine's own dynamic ones. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/elf.h"
#include "proc/host/loader.h"
#include "tests/lib/tcase.h"

#define CODE_AT    0x1000u
#define DATA_AT    0x2000u
#define FILE_BYTES 0x2100u

enum { LOAD_HEAD, LOAD_CODE, LOAD_DATA, DYNAMIC, STACK, NOTE, TLS, RELRO, SEGMENTS };
enum { DYN_FLAGS, DYN_RELA, DYN_END, DYN_COUNT };

static struct image {
    Elf64_Ehdr head;
    Elf64_Phdr p[SEGMENTS];
    uint8_t rest[CODE_AT - sizeof(Elf64_Ehdr) - SEGMENTS * sizeof(Elf64_Phdr)];
    uint8_t code[DATA_AT - CODE_AT];
    Elf64_Dyn dynamic[DYN_COUNT];
    uint8_t data[FILE_BYTES - DATA_AT - DYN_COUNT * sizeof(Elf64_Dyn)];
} image;
static_assert(sizeof image == FILE_BYTES, "it lies in the file as it is said below");

static void setup(void)
{
#define AT(type, flags, at, file, mem, align) {type, flags, at, at, at, file, mem, align}
    memset(&image, 0, sizeof image);
    image.head = (Elf64_Ehdr){
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_LINUX},
        .e_type = ET_DYN,
#ifdef __x86_64__
        .e_machine = EM_X86_64,
#else
        .e_machine = EM_AARCH64,
#endif
        .e_version = EV_CURRENT,
        .e_entry = CODE_AT + 16,
        .e_phoff = sizeof image.head,
        .e_ehsize = sizeof image.head,
        .e_phentsize = sizeof image.p[0],
        .e_phnum = SEGMENTS,
    };
    const Elf64_Phdr p[SEGMENTS] = {
        [LOAD_HEAD] = AT(PT_LOAD, PF_R, 0, 0x300, 0x300, 0x1000),
        [LOAD_CODE] = AT(PT_LOAD, PF_R | PF_X, CODE_AT, 0x800, 0x800, 0x1000),
        [LOAD_DATA] = AT(PT_LOAD, PF_R | PF_W, DATA_AT, 0x100, 0x3000, 0x1000),
        [DYNAMIC] = AT(PT_DYNAMIC, PF_R | PF_W, DATA_AT, DYN_COUNT * 16, DYN_COUNT * 16, 8),
        [STACK] = AT(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16),
        [NOTE] = AT(PT_NOTE, PF_R, 0x280, 0x20, 0x20, 4),
        [TLS] = AT(PT_TLS, PF_R, DATA_AT + 0x40, 0x10, 0x20, 16),
        [RELRO] = AT(PT_GNU_RELRO, PF_R, DATA_AT, 0x100, 0x100, 1),
    };
    memcpy(image.p, p, sizeof p);
    image.dynamic[DYN_FLAGS] = (Elf64_Dyn){DT_FLAGS, {DF_BIND_NOW}};
    image.dynamic[DYN_RELA] = (Elf64_Dyn){DT_RELA, {CODE_AT}};
}

static enum jit_err judge(size_t size, const char **why)
{
    uint64_t image_size = 0;
    enum jit_err err = host_elf_judge((const uint8_t *)&image, size, false, &image_size, why);
    ck_assert_int_eq(err == JIT_OK, image_size != 0);
    ck_assert_int_eq(err == JIT_OK, *why == NULL);
    return err;
}

START_TEST(sound)
{
    const char *why;
    uint64_t image_size = 0;
    ck_assert_int_eq(
        host_elf_judge((const uint8_t *)&image, sizeof image, false, &image_size, &why), JIT_OK);
    ck_assert_uint_eq(image_size, DATA_AT + 0x3000);
}
END_TEST

/* One change each, and a part of what has to be said. */
#define H(field) offsetof(struct image, head.field), sizeof image.head.field
#define P(n, field)                                                                                \
    offsetof(struct image, p) + (n) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field),            \
        sizeof image.p[0].field
#define D(n, field)                                                                                \
    offsetof(struct image, dynamic) + (n) * sizeof(Elf64_Dyn) + offsetof(Elf64_Dyn, field), 8
static const struct {
    size_t at;
    size_t size;
    uint64_t value;
    const char *why;
} broken[] = {
    {0, 1, 0x7e, "not an ELF"},
    {EI_CLASS, 1, ELFCLASS32, "64-bit"},
    {EI_DATA, 1, ELFDATA2MSB, "64-bit"},
    {EI_VERSION, 1, 2, "64-bit"},
    {EI_OSABI, 1, ELFOSABI_FREEBSD, "operating system"},
    {EI_ABIVERSION, 1, 1, "operating system"},
    {EI_PAD + 3, 1, 1, "padding"},
    {H(e_type), ET_EXEC, "position-independent"},
    {H(e_type), ET_REL, "position-independent"},
    {H(e_type), ET_CORE, "position-independent"},
    {H(e_machine), EM_386, "machine"},
    {H(e_version), 2, "machine"},
    {H(e_flags), 1, "machine"},
    {H(e_ehsize), 65, "size"},
    {H(e_phentsize), 57, "size"},
    {H(e_phnum), 0, "program headers"},
    {H(e_phnum), 65, "program headers"},
    {H(e_phnum), 0xffff, "program headers"},
    {H(e_phoff), 0, "program headers"},
    {H(e_phoff), 65, "program headers"},
    {H(e_phoff), FILE_BYTES, "program headers"},
    {H(e_phoff), UINT64_MAX - 7, "program headers"},
    {H(e_shnum), 1, "section headers"},
    {H(e_entry), 0, "entry point"},
    {H(e_entry), DATA_AT, "entry point"},
    {H(e_entry), CODE_AT + 0x800, "entry point"},
    {H(e_entry), UINT64_MAX, "entry point"},
    {P(LOAD_CODE, p_flags), PF_R | PF_W | PF_X, "writable and executable"},
    {P(LOAD_DATA, p_flags), PF_R | PF_W | PF_X, "writable and executable"},
    {P(LOAD_CODE, p_flags), 0x100000 | PF_X, "unknown flags"},
    {P(LOAD_CODE, p_flags), PF_R, "entry point"},
    {P(LOAD_CODE, p_filesz), 0x801, "more bytes in the file"},
    {P(LOAD_CODE, p_memsz), 0, "empty"},
    {P(LOAD_DATA, p_memsz), 0, "empty"},
    {P(LOAD_DATA, p_offset), 0x3000, "does not lie in the file"},
    {P(LOAD_DATA, p_offset), UINT64_MAX - 0xfff, "does not lie in the file"},
    {P(LOAD_DATA, p_filesz), 0x101, "does not lie in the file"},
    {P(LOAD_DATA, p_vaddr), DATA_AT + 8, "not aligned"},
    {P(LOAD_DATA, p_align), 0, "not aligned"},
    {P(LOAD_DATA, p_align), 0x1800, "not aligned"},
    {P(LOAD_DATA, p_align), 16, "not aligned"},
    {P(LOAD_DATA, p_align), 1ull << 40, "not aligned"},
    {P(LOAD_DATA, p_memsz), 64ull << 20, "64 MiB"},
    {P(LOAD_DATA, p_memsz), UINT64_MAX, "64 MiB"},
    {P(LOAD_DATA, p_vaddr), UINT64_MAX - 0xfff, "64 MiB"},
    {P(LOAD_CODE, p_memsz), 0x1001, "overlap"},
    {P(LOAD_DATA, p_vaddr), 0x1000, "overlap"},
    {P(LOAD_HEAD, p_memsz), 0x1001, "overlap"},
    {P(NOTE, p_type), PT_INTERP, "interpreter"},
    {P(NOTE, p_type), PT_SHLIB, "not known"},
    {P(NOTE, p_type), 0x70000001, "not known"},
    {P(NOTE, p_offset), FILE_BYTES, "note"},
    {P(NOTE, p_filesz), UINT64_MAX, "note"},
    {P(NOTE, p_vaddr), 0x300, "note"},
    {P(NOTE, p_type), PT_GNU_STACK, "stack"},
    {P(NOTE, p_type), PT_TLS, "two segments"},
    {P(STACK, p_type), PT_NULL, "stack"},
    {P(STACK, p_flags), PF_R | PF_W | PF_X, "executable stack"},
    {P(TLS, p_filesz), 0x21, "thread-local"},
    {P(TLS, p_vaddr), 0x9000, "thread-local"},
    {P(TLS, p_align), 24, "thread-local"},
    {P(TLS, p_align), 1ull << 30, "thread-local"},
    {P(TLS, p_memsz), 1ull << 40, "thread-local"},
    {P(RELRO, p_memsz), 0x3001, "after relocation"},
    {P(RELRO, p_vaddr), UINT64_MAX, "after relocation"},
    {P(DYNAMIC, p_filesz), 8, "dynamic section"},
    {P(DYNAMIC, p_filesz), 0, "dynamic section"},
    {P(DYNAMIC, p_filesz), 0x110, "dynamic section"},
    {P(DYNAMIC, p_vaddr), UINT64_MAX - 15, "dynamic section"},
    {P(DYNAMIC, p_offset), 0, "dynamic section"},
    {P(DYNAMIC, p_filesz), 32, "no end"},
    {D(DYN_RELA, d_tag), DT_NEEDED, "shared library"},
    {D(DYN_RELA, d_tag), DT_AUDIT, "shared library"},
    {D(DYN_RELA, d_tag), DT_FILTER, "shared library"},
    {D(DYN_RELA, d_tag), DT_TEXTREL, "relocates its own code"},
    {D(DYN_FLAGS, d_un), DF_TEXTREL | DF_BIND_NOW, "relocates its own code"},
};

START_TEST(each_field_is_judged) /* _i: a row of broken[] */
{
    const char *why;
    memcpy((uint8_t *)&image + broken[_i].at, &broken[_i].value, broken[_i].size);
    enum jit_err err = judge(sizeof image, &why);
    ck_assert_msg(err == JIT_EFORMAT && strstr(why, broken[_i].why) != NULL, "row %d (%s): %s, %s",
                  _i, broken[_i].why, jit_err_name(err), why == NULL ? "accepted" : why);
}
END_TEST

START_TEST(cut_off_anywhere)
{
    const char *why;
    for (size_t size = 0; size < sizeof image; size++) {
        ck_assert_int_eq(judge(size, &why), JIT_EFORMAT);
    }
}
END_TEST

START_TEST(flipped_anywhere) /* no crash, and a reason whenever it is refused */
{
    const char *why;
    unsigned refused = 0;
    uint8_t *bytes = (uint8_t *)&image;
    for (size_t i = 0; i < offsetof(struct image, rest) * 8; i++) {
        bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ (1u << i % 8));
        refused += judge(sizeof image, &why) != JIT_OK;
        bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ (1u << i % 8));
    }
    ck_assert_uint_gt(refused, 2000);
}
END_TEST

START_TEST(too_large)
{
    const char *why;
    uint64_t image_size;
    void *big = mmap(NULL, HOST_ELF_BYTES_MAX + 1, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(big, MAP_FAILED);
    memcpy(big, &image, sizeof image);
    ck_assert_int_eq(host_elf_judge(big, HOST_ELF_BYTES_MAX, false, &image_size, &why), JIT_OK);
    ck_assert_int_eq(host_elf_judge(big, HOST_ELF_BYTES_MAX + 1, false, &image_size, &why),
                     JIT_ELIMIT);
    ck_assert_int_eq(munmap(big, HOST_ELF_BYTES_MAX + 1), 0);
}
END_TEST

/* From a file: the copy is what is judged, sealed, and executed. */
START_TEST(real_programs)
{
    struct host_loader made;
    const char *why;
    ck_assert_int_eq(host_loader_open("proc/guest/jitos-loader", &made, &why), JIT_OK);
    ck_assert_uint_gt(made.image_size, 4096);
    ck_assert_int_eq(fcntl(made.fd, F_GET_SEALS) & 0xf,
                     F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    ck_assert_int_lt((int)pwrite(made.fd, "x", 1, 0), 0);
    host_loader_close(&made);
#ifndef JIT_SANITIZED
    ck_assert_int_eq(host_loader_open("/bin/sh", &made, &why), JIT_EFORMAT);
    ck_assert_msg(why != NULL && strstr(why, "interpreter") != NULL, "%s", why);
#endif
    ck_assert_int_eq(host_loader_open("/etc/passwd", &made, &why), JIT_EFORMAT);
    ck_assert_ptr_nonnull(why);
    ck_assert_int_eq(host_loader_open("/dev/null", &made, &why), JIT_EFORMAT);
    ck_assert_int_eq(host_loader_open("/nowhere", &made, &why), JIT_ENOENT);
    ck_assert_int_eq(made.fd, -1);
}
END_TEST

START_TEST(from_memory)
{
    struct host_loader made;
    const char *why;
    ck_assert_int_eq(host_loader_make((const uint8_t *)&image, sizeof image, &made, &why), JIT_OK);
    ck_assert_uint_eq(made.image_size, DATA_AT + 0x3000);
    host_loader_close(&made);
    image.p[LOAD_CODE].p_flags = PF_R | PF_W | PF_X;
    ck_assert_int_eq(host_loader_make((const uint8_t *)&image, sizeof image, &made, &why),
                     JIT_EFORMAT);
    ck_assert_int_eq(made.fd, -1);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *made = test_case(suite, "made", 20);
    tcase_add_checked_fixture(made, setup, NULL);
    tcase_add_test(made, sound);
    tcase_add_loop_test(made, each_field_is_judged, 0, (int)(sizeof broken / sizeof broken[0]));
    tcase_add_test(made, cut_off_anywhere);
    tcase_add_test(made, flipped_anywhere);
    tcase_add_test(made, too_large);
    tcase_add_test(made, real_programs);
    tcase_add_test(made, from_memory);
}

TEST_MAIN("elf", fill)
