/* librmg through its shared object: open, save, read, refuse. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "librmg/rmg.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static char folder[64];
static char path[128];

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_space.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.rmg", folder);
}

static void teardown(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* no temporary file is left */
}

static struct jit_id named(const char *kind, const char *label)
{
    struct jit_id id;
    ck_assert_int_eq(rmg_named_id(kind, label, &id), JIT_OK);
    return id;
}

/* `nodes` nodes, each with an edge to the one before and a text. */
static enum jit_err fill(struct rmg_space *space, unsigned nodes)
{
    struct rmg_tx *tx = NULL;
    struct jit_id top;
    struct jit_id type = named("type", "T");
    enum jit_err err = rmg_tx_begin_top(space, &top, &tx);
    for (unsigned i = 0; i < nodes && err == JIT_OK; i++) {
        char label[32];
        snprintf(label, sizeof label, "%u", i);
        struct jit_id id = named("node", label);
        struct rmg_edge edge = {.id = named("edge", label), .from = id, .type = type};
        struct rmg_attachment text = {.name = "label",
                                      .name_size = 5,
                                      .value = {.kind = RMG_VALUE_ATOM,
                                                .type = *rmg_codec_type(RMG_CODEC_TEXT),
                                                .bytes = (const uint8_t *)label,
                                                .size = (uint32_t)strlen(label)}};
        err = rmg_tx_upsert_node(tx, &top, &id, &type);
        if (err == JIT_OK) {
            err = rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &id, &text);
        }
        if (i > 0 && err == JIT_OK) {
            snprintf(label, sizeof label, "%u", i - 1);
            edge.to = named("node", label);
            err = rmg_tx_upsert_edge(tx, &top, &edge);
        }
    }
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, &space->version);
}

static void make_file(unsigned nodes)
{
    struct rmg_space space;
    ck_assert_int_eq(rmg_store_open(&space, NULL, NULL, NULL), JIT_OK);
    ck_assert_int_eq(fill(&space, nodes), JIT_OK);
    ck_assert_int_eq(rmg_store_save(&space, path), JIT_OK);
    rmg_store_close(&space);
}

START_TEST(saved_and_opened)
{
    struct rmg_space space;
    struct rmg_graph graph;
    struct rmg_node node;
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct rmg_value value;
    struct jit_id last = named("node", "99");
    struct jit_id missing = named("node", "100");
    struct jit_id other = named("type", "U");
    make_file(100);
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, NULL), JIT_OK);
    ck_assert_int_eq(rmg_space_graph(&space, NULL, &graph), JIT_OK);
    ck_assert_int_eq(rmg_node(&graph, &last, &node), JIT_OK);
    ck_assert_uint_eq(node.out_degree, 1);
    ck_assert_uint_eq(node.in_degree, 0);
    ck_assert_int_eq(rmg_node(&graph, &missing, &node), JIT_ENOENT);
    rmg_edges_from(&graph, &last, NULL, &iter);
    ck_assert_int_eq(rmg_iter_edge(&iter, &edge), JIT_OK);
    ck_assert(jit_id_equal(&edge.to, &(struct jit_id[]){named("node", "98")}[0]));
    ck_assert_int_eq(rmg_iter_edge(&iter, &edge), JIT_ENOENT);
    rmg_edges_from(&graph, &last, &other, &iter);
    ck_assert_int_eq(rmg_iter_edge(&iter, &edge), JIT_ENOENT);
    ck_assert_int_eq(rmg_payload(&graph, &last, "label", &value), JIT_OK);
    ck_assert_uint_eq(value.size, 2);
    ck_assert_mem_eq(value.bytes, "99", 2);
    /* No copy: it lies in the space. */
    ck_assert(value.bytes > space.arena.base && value.bytes < space.arena.base + space.arena.used);
    ck_assert_int_eq(rmg_payload(&graph, &last, "lable", &value), JIT_ENOENT);
    rmg_store_close(&space);
    /* Saving what was opened gives the same file. */
    struct rmg_mapped before;
    struct rmg_mapped after;
    char again[160];
    snprintf(again, sizeof again, "%s.again", path);
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, NULL), JIT_OK);
    ck_assert_int_eq(rmg_store_save(&space, again), JIT_OK);
    rmg_store_close(&space);
    ck_assert_int_eq(rmg_file_map(path, &before), JIT_OK);
    ck_assert_int_eq(rmg_file_map(again, &after), JIT_OK);
    ck_assert_uint_eq(before.size, after.size);
    ck_assert_mem_eq(before.bytes, after.bytes, before.size);
    rmg_file_unmap(&before);
    rmg_file_unmap(&after);
    ck_assert_int_eq(unlink(again), 0);
}
END_TEST

START_TEST(refused)
{
    struct rmg_space space;
    struct rmg_mapped mapped;
    struct rmg_file_fault fault;
    struct jit_id id;
    static char label[1100];
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, &fault), JIT_ENOENT);
    ck_assert_ptr_null(fault.what);
    ck_assert_int_eq(rmg_store_open(&space, NULL, folder, &fault), JIT_EIO);
    ck_assert_int_eq(rmg_file_map("/dev/zero", &mapped), JIT_EIO);
    ck_assert_int_eq(rmg_file_copy("/dev/zero", &mapped), JIT_EIO);
    ck_assert_int_eq(rmg_file_copy(path, &mapped), JIT_ENOENT);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, &fault), JIT_EFORMAT); /* empty */
    ck_assert_ptr_nonnull(fault.what);
    ck_assert_int_eq(
        write(fd, "no graph at all, but a sentence that is longer than any header is", 65), 65);
    close(fd);
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, &fault), JIT_EFORMAT);
    ck_assert_ptr_nonnull(fault.what);
    ck_assert_int_eq(rmg_named_id("nodes", "x", &id), JIT_EINVALID);
    ck_assert_int_eq(rmg_named_id("node", "", &id), JIT_ELIMIT);
    memset(label, 'x', 1025);
    ck_assert_int_eq(rmg_named_id("node", label, &id), JIT_ELIMIT);
    label[1024] = 0;
    ck_assert_int_eq(rmg_named_id("node", label, &id), JIT_OK);
    /* The empty version is nothing to save. */
    ck_assert_int_eq(rmg_store_open(&space, NULL, NULL, NULL), JIT_OK);
    ck_assert_int_eq(rmg_store_save(&space, path), JIT_EINVALID);
    rmg_store_close(&space);
}
END_TEST

/* Each byte of the file turned over: refused, and the fault says where. */
START_TEST(damaged)
{
    struct rmg_space space;
    struct rmg_file_fault fault;
    struct stat info;
    make_file(3);
    ck_assert_int_eq(stat(path, &info), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    for (off_t at = 0; at < info.st_size; at++) {
        uint8_t byte = 0;
        ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
        ck_assert_msg(rmg_store_open(&space, NULL, path, &fault) != JIT_OK, "byte %ld", (long)at);
        ck_assert_ptr_nonnull(fault.what);
        byte ^= 0x10;
        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, &fault), JIT_OK);
    rmg_store_close(&space);
}
END_TEST

/* Somebody shortens the file and writes it again, all the time. A process that maps it does not
 * survive this for long; one that copies it has the graph or an error. */
START_TEST(shrinking)
{
    struct rmg_mapped whole;
    struct rmg_space space;
    unsigned opened = 0;
    unsigned failed = 0;
    int status = 0;
    make_file(2000);
    ck_assert_int_eq(rmg_file_copy(path, &whole), JIT_OK);
    pid_t writer = fork();
    ck_assert_int_ge(writer, 0);
    if (writer == 0) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        while (fd >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
            if (ftruncate(fd, 100) != 0 ||
                pwrite(fd, whole.bytes, whole.size, 0) != (ssize_t)whole.size) {
                break;
            }
        }
        _exit(1);
    }
    for (unsigned i = 0; i < 2000 && (opened < 1 || failed < 20); i++) {
        enum jit_err err = rmg_store_open(&space, NULL, path, NULL);
        if (err == JIT_OK) {
            opened++;
            rmg_store_close(&space);
        } else {
            failed++;
        }
    }
    ck_assert_int_eq(kill(writer, SIGKILL), 0);
    ck_assert_int_eq(waitpid(writer, &status, 0), writer);
    ck_assert(WIFSIGNALED(status)); /* it was at it to the end */
    ck_assert_uint_gt(failed, 0);
    rmg_file_unmap(&whole);
}
END_TEST

/* A file that may not grow stands for a disk that is full: the old file is as it was. */
START_TEST(full_disk)
{
    struct rmg_space space;
    struct rlimit limit;
    make_file(3);
    ck_assert_int_eq(rmg_store_open(&space, NULL, NULL, NULL), JIT_OK);
    ck_assert_int_eq(fill(&space, 1000), JIT_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t old = limit.rlim_cur;
    limit.rlim_cur = 4096;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum jit_err err = rmg_store_save(&space, path);
    limit.rlim_cur = old;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_ne(err, JIT_OK);
    rmg_store_close(&space);
    ck_assert_int_eq(rmg_store_open(&space, NULL, path, NULL), JIT_OK);
    ck_assert_uint_eq(space.version.instance_count, 1);
    rmg_store_close(&space);
}
END_TEST

/* Every allocation refused once, and from there on. */
START_TEST(out_of_memory)
{
    make_file(20);
    for (int sticky = 0; sticky < 2; sticky++) {
        bool fired = true;
        for (int64_t at = 0; fired; at++) {
            struct fault_heap heap = fault_heap_make(at, sticky != 0);
            struct rmg_space space;
            enum jit_err err = rmg_store_open(&space, &heap.heap, path, NULL);
            fired = fault_heap_fired(&heap);
            ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
            if (err == JIT_OK) {
                rmg_store_close(&space);
            }
            ck_assert_int_eq(heap.live, 0);
            ck_assert_int_lt(at, 100000);
        }
    }
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *tcase = test_case(suite, "space", 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, saved_and_opened);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, damaged);
    tcase_add_test(tcase, shrinking);
    tcase_add_test(tcase, full_disk);
    tcase_add_test(tcase, out_of_memory);
}

TEST_MAIN("librmg/space", fill_suite)
