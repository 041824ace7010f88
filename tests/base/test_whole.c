/* Goal:   a file that jit_whole writes is there whole or not at all, whatever happens on the way.
 * Method: kept, not kept, over an old file, in a folder that is not there, on a full disk, and by a
 *         process that is killed; each on a file system with files without a name, and on one that
 *         knows none (a filter refuses O_TMPFILE). No case may leave anything in the folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/whole.h"
#include "tests/lib/tcase.h"

static char folder[64];
static char path[96];

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_whole.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

/* All that is in the folder, in no order. */
static unsigned count_files(void)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *one = readdir(dir); one != NULL; one = readdir(dir)) {
        count += one->d_name[0] == '.' ? 0 : 1;
    }
    closedir(dir);
    return count;
}

static void teardown(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* no temporary file is left */
}

static void expect(const char *words)
{
    char bytes[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes - 1), (ssize_t)strlen(words));
    ck_assert_str_eq(bytes, words);
    close(fd);
}

static enum jit_err put(struct jit_whole *file, const char *words)
{
    return jit_whole_write(file, (const uint8_t *)words, strlen(words));
}

/* _i = 1: as on a file system without files that have no name. */
static void refuse_nameless(int refuse)
{
    if (refuse == 0) {
        return;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    const uint64_t flag = O_TMPFILE & ~(uint64_t)O_DIRECTORY;
    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(openat), 1,
                                      SCMP_A2(SCMP_CMP_MASKED_EQ, flag, flag)),
                     0);
    ck_assert_int_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
    ck_assert_int_lt(open(folder, O_WRONLY | O_TMPFILE, 0600), 0);
}

START_TEST(kept_or_not)
{
    struct jit_whole file;
    struct stat info;
    refuse_nameless(_i);
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(put(&file, "one"), JIT_OK);
    ck_assert_int_ne(stat(path, &info), 0); /* not yet */
    ck_assert_int_eq(put(&file, " two"), JIT_OK);
    ck_assert_uint_eq(file.size, 7);
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_OK);
    expect("one two");
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(put(&file, "three"), JIT_OK);
    expect("one two"); /* the old one to the last */
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_OK);
    expect("three");
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(put(&file, "four"), JIT_OK);
    ck_assert_int_eq(jit_whole_close(&file, false), JIT_OK);
    expect("three");
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

/* For its owner's eyes only, whatever the umask says; what is not ours keeps the rights it has. */
START_TEST(private)
{
    struct jit_whole file;
    struct stat info;
    char bytes[16];
    refuse_nameless(_i);
    (void)umask(0);
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(jit_whole_private(&file), JIT_OK);
    ck_assert_int_eq(put(&file, "mine"), JIT_OK);
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_OK);
    expect("mine");
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0644), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(reader, 0);
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(jit_whole_private(&file), JIT_OK);
    ck_assert_int_eq(put(&file, "theirs"), JIT_OK);
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_OK);
    ck_assert_int_eq(read(reader, bytes, sizeof bytes), 6);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0644);
    close(reader);
}
END_TEST

START_TEST(no_place)
{
    struct jit_whole file;
    char deep[128];
    refuse_nameless(_i);
    snprintf(deep, sizeof deep, "%s/no/file", folder);
    ck_assert_int_eq(jit_whole_open(&file, deep), JIT_ENOENT);
    ck_assert_int_eq(jit_whole_close(&file, false), JIT_ENOENT);
    ck_assert_int_eq(jit_whole_open(&file, "/dev/full"), JIT_OK); /* in place, and left there */
    ck_assert_int_eq(put(&file, "x"), JIT_ENOSPC);
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_ENOSPC);
    ck_assert_int_eq(access("/dev/full", F_OK), 0);
    ck_assert_int_eq(jit_whole_open(&file, folder), JIT_EIO); /* a folder is no place to write */
}
END_TEST

START_TEST(full_disk)
{
    struct jit_whole file;
    struct rlimit limit = {.rlim_cur = 2, .rlim_max = 2};
    refuse_nameless(_i);
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(put(&file, "ab"), JIT_OK);
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
    ck_assert_int_eq(put(&file, "abcd"), JIT_ENOSPC);
    ck_assert_int_eq(jit_whole_close(&file, true), JIT_ENOSPC);
    expect("ab");
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

/* Where it can be helped, kill -9 leaves nothing; elsewhere, what does not stand in the way of the
 * next writer, even one with the same number. */
START_TEST(killed)
{
    struct jit_whole file;
    int status = 0;
    refuse_nameless(_i);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (jit_whole_open(&file, path) == JIT_OK && put(&file, "half") == JIT_OK) {
            (void)raise(SIGKILL);
        }
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_uint_eq(count_files(), _i == 0 ? 0 : 1);
    char left[160];
    snprintf(left, sizeof left, "%s.%ld.0.tmp", path, (long)child);
    ck_assert_int_eq(unlink(left), _i == 0 ? -1 : 0);
    snprintf(left, sizeof left, "%s.%ld.0.tmp", path, (long)getpid());
    int fd = open(left, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(jit_whole_open(&file, path), JIT_OK);
        ck_assert_int_eq(put(&file, "whole"), JIT_OK);
        ck_assert_int_eq(jit_whole_close(&file, true), JIT_OK);
        expect("whole");
    }
    ck_assert_int_eq(unlink(left), 0);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

/* A program that was started without standard streams: what it writes to people is refused and not
 * in its file. */
START_TEST(no_streams) /* _i = the streams that are closed, a bit each */
{
    int status = 0;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct jit_whole file;
        for (int fd = 0; fd <= 2; fd++) {
            if ((_i >> fd & 1) != 0) {
                close(fd);
            }
        }
        jit_standard_files_hold();
        bool good = jit_whole_open(&file, path) == JIT_OK && file.fd > 2;
        for (int fd = 0; fd <= 2; fd++) {
            good = good && ((_i >> fd & 1) == 0 || (write(fd, "words", 5) < 0 && errno == EBADF));
        }
        good = good && put(&file, "whole") == JIT_OK && jit_whole_close(&file, true) == JIT_OK;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    expect("whole");
}
END_TEST

START_TEST(folders)
{
    static const char *const cases[][2] = {{"a", "."}, {"a/b", "a"}, {"/a", "/"}, {"/a/b", "/a"}};
    char out[JIT_PATH_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jit_folder_of(cases[i][0], out);
        ck_assert_str_eq(out, cases[i][1]);
    }
    ck_assert(jit_folder_sync("."));
    ck_assert(!jit_folder_sync("no/such folder"));
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *tcase = test_case(suite, "whole", 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, kept_or_not, 0, 2);
    tcase_add_loop_test(tcase, private, 0, 2);
    tcase_add_loop_test(tcase, no_place, 0, 2);
    tcase_add_loop_test(tcase, full_disk, 0, 2);
    tcase_add_loop_test(tcase, killed, 0, 2);
    tcase_add_loop_test(tcase, no_streams, 0, 8);
    tcase_add_test(tcase, folders);
}

TEST_MAIN("base/whole", fill_suite)
