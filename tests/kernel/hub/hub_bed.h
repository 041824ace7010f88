/* tests/kernel/hub/hub_bed.h - a hub in this process with an event loop of its own, over real
 * sockets in a folder of its own, and what each supervisor of a few lines does: greet, count who
 * has gone. */
#ifndef JIT_TESTS_HUB_BED_H
#define JIT_TESTS_HUB_BED_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/hub/hub.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem; /* the hub's */
static struct shell_loop *loop;
static struct hub *hub;
static char folder[] = "/tmp/jitos-hub-XXXXXX";
static int folder_fd;
static struct hub_conn *owed; /* that the handler promised an answer */
static unsigned gone_count;

static inline void reply(struct hub_conn *conn, const char *type)
{
    struct hub_writer w;
    struct jit_buf frame;
    jit_buf_init(&frame, &mem.heap, 1u << 20);
    hub_begin(&w, &frame, 1);
    hub_text(&w, "t", type);
    hub_end(&w);
    hub_send(conn, &frame);
    jit_buf_release(&frame);
}

static inline void on_gone(void *user, struct hub_conn *conn)
{
    (void)user;
    owed = owed == conn ? NULL : owed;
    gone_count++;
}

static inline void on_greet(void *user, struct hub_conn *conn)
{
    (void)user;
    reply(conn, "welcome");
}

static inline void hub_bed_begin(bool uring, const struct hub_handler *handler)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder_fd, 0);
    mem = fault_heap_make(-1, false);
    must(shell_loop_new(jit_heap_libc(), uring, &loop));
    must(hub_open(&mem.heap, loop, folder_fd, handler, &hub));
}

static inline void hub_bed_end(void)
{
    hub_close(hub);
    ck_assert_int_eq(mem.live, 0);
    shell_loop_free(loop);
    close(folder_fd);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Somebody comes to a socket of the folder. */
static inline int hub_bed_come(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

#endif
