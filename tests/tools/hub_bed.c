#include "tests/tools/hub_bed.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "kernel/core/root.h"
#include "rmg/lang/lang.h"
#include "tools/client/run/genesis.h"

#define WAIT_MS     20000
#define OPTIONS_MAX 12

extern char **environ;

static const char system_text[] =
    "system test\n"
    "type Cell { state: i64 = 0 }\n"
    "rule flip(p: f64)\n"
    "  match (a:Cell)\n"
    "  where a.state = 0 and chance(p)\n"
    "  set a.state = 1\n"
    "rule spy\n"
    "  match (a:Cell)\n"
    "  where a.state = 0\n"
    "  set a.state = 2\n"
    "process w[2] run flip(p = 0.2), spy apply all over shard(/world)\n"
    "grant w: map /world; invoke flip on /world\n";

static char folder[] = "/tmp/jitos-hub-XXXXXX";
char bed_data[64];
char bed_errors[80];
bool bed_keep_errors;
pid_t bed_pid;
const char *bed_text;
unsigned bed_cells;

/* ---- the supervisor ---- */

void bed_make(void)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(bed_data, sizeof bed_data, "%s/data", folder);
    snprintf(bed_errors, sizeof bed_errors, "%s/errors", folder);
    bed_keep_errors = false;
    bed_text = system_text;
    bed_cells = 200;
    bed_pid = 0;
}

static void spawn(const char *const argv[], int keep_fd)
{
    posix_spawn_file_actions_t actions;
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    if (bed_keep_errors) {
        ck_assert_int_eq(posix_spawn_file_actions_addopen(&actions, 2, bed_errors,
                                                          O_WRONLY | O_CREAT | O_APPEND, 0600),
                         0);
    }
    ck_assert_int_eq(
        posix_spawn(&bed_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(keep_fd);
}

void bed_start(const char *const *options)
{
    int ends[2];
    char ready[16];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
    snprintf(ready, sizeof ready, "%d", ends[1]);
    const char *argv[OPTIONS_MAX + 6] = {"tools/jitosd", "--data", bed_data, "--ready-fd", ready};
    for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
        ck_assert_uint_lt(i, OPTIONS_MAX);
        argv[5 + i] = options[i];
    }
    spawn(argv, ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
}

void bed_end(int code)
{
    int status = 0;
    ck_assert_int_eq(kill(bed_pid, SIGTERM), 0);
    ck_assert_int_eq(waitpid(bed_pid, &status, 0), bed_pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "jitosd ended with %d", status);
    bed_pid = 0;
}

void bed_kill(void)
{
    int status = 0;
    ck_assert_int_eq(kill(bed_pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(bed_pid, &status, 0), bed_pid);
    bed_pid = 0;
}

void bed_remove(int code)
{
    int status = 0;
    pid_t rm = 0;
    if (bed_pid != 0) {
        bed_end(code);
    }
    /* The folder is ours and has a flat, known content. */
    const char *argv[] = {"rm", "-rf", folder, NULL};
    ck_assert_int_eq(posix_spawnp(&rm, "rm", NULL, NULL, (char *const *)(uintptr_t)argv, environ),
                     0);
    ck_assert_int_eq(waitpid(rm, &status, 0), rm);
}

bool bed_said(const char *words)
{
    char text[8192];
    int fd = open(bed_errors, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, words) != NULL;
}

/* ---- clients ---- */

void bed_connect(struct hub_client *client)
{
    enum jit_err err = hub_client_open(client, jit_heap_libc(), bed_data, NULL);
    ck_assert_msg(err == JIT_OK, "%s", client->error);
}

cbor_item_t *bed_next(struct hub_client *client, const char *type)
{
    cbor_item_t *item = NULL;
    enum jit_err err = hub_client_next(client, WAIT_MS, &item);
    ck_assert_msg(err == JIT_OK, "waiting for %s: %s", type, client->error);
    ck_assert_msg(hub_is(item, "t", type), "not a message of type %s", type);
    return item;
}

cbor_item_t *bed_skip_to(struct hub_client *client, const char *type)
{
    for (;;) {
        cbor_item_t *item = NULL;
        enum jit_err err = hub_client_next(client, WAIT_MS, &item);
        ck_assert_msg(err == JIT_OK, "waiting for %s: %s", type, client->error);
        if (hub_is(item, "t", type)) {
            return item;
        }
        cbor_decref(&item);
    }
}

void bed_say(struct hub_client *client, const char *type)
{
    struct hub_writer w;
    hub_client_begin(client, &w, type, 1);
    ck_assert_int_eq(hub_client_send(client, &w), JIT_OK);
}

void bed_expect(struct hub_client *client, const char *type)
{
    cbor_item_t *item = bed_next(client, type);
    cbor_decref(&item);
}

void bed_expect_error(struct hub_client *client, const char *words)
{
    cbor_item_t *item = NULL;
    ck_assert_int_eq(hub_client_next(client, WAIT_MS, &item), JIT_EPEER);
    ck_assert_msg(strstr(client->error, words) != NULL, "%s", client->error);
}

void bed_run_to(struct hub_client *client, uint64_t tick)
{
    struct hub_writer w;
    hub_client_begin(client, &w, "run", 2);
    hub_uint(&w, "to", tick);
    ck_assert_int_eq(hub_client_send(client, &w), JIT_OK);
    cbor_item_t *item = bed_skip_to(client, "status");
    cbor_decref(&item);
}

uint64_t bed_uint(const cbor_item_t *item, const char *key)
{
    uint64_t value = 0;
    ck_assert_msg(hub_get_uint(item, key, &value), "no %s in it", key);
    return value;
}

uint64_t bed_status(struct hub_client *client, const char *key)
{
    bed_say(client, "status");
    cbor_item_t *item = bed_skip_to(client, "status");
    uint64_t value = bed_uint(item, key);
    cbor_decref(&item);
    return value;
}

void bed_workers(struct hub_client *client, pid_t pids[2], char states[2][16])
{
    bed_say(client, "ps");
    cbor_item_t *item = bed_skip_to(client, "ps");
    const cbor_item_t *list = hub_field(item, "processes");
    ck_assert_uint_eq(cbor_array_size(list), 2);
    cbor_item_t **items = cbor_array_handle(list);
    for (size_t i = 0; i < 2; i++) {
        pids[i] = (pid_t)bed_uint(items[i], "pid");
        hub_get_text(items[i], "state", states[i], sizeof states[i]);
    }
    cbor_decref(&item);
}

/* ---- a genesis ---- */

enum jit_err bed_upload(void *user, const uint8_t *bytes, size_t size)
{
    struct hub_client *client = user;
    struct hub_writer w;
    hub_client_begin(client, &w, "genesis_data", 2);
    hub_bytes(&w, "data", bytes, size);
    return hub_client_send(client, &w);
}

static struct rmg_collect *collect_system(struct rmg_store *store)
{
    struct lang_system *system = NULL;
    struct rmg_collect *collect = NULL;
    struct jit_buf messages;
    char what[256];
    struct jit_id world;
    struct jit_id root_node;
    struct jit_id cell;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    ck_assert_int_eq(lang_parse(jit_heap_libc(), "test", (const uint8_t *)bed_text,
                                strlen(bed_text), &system, &messages),
                     JIT_OK);
    ck_assert_int_eq(rmg_collect_new(jit_heap_libc(), store, &collect), JIT_OK);
    ck_assert_int_eq(genesis_collect(system, 11, 0, collect, what, sizeof what), JIT_OK);
    kern_place_id("/world", &world, &root_node);
    jit_hash_named("type:", "Cell", 4, &cell);
    for (uint64_t i = 0; i < bed_cells; i++) {
        struct jit_id id;
        struct rmg_datum zero = {.codec = RMG_CODEC_I64};
        jit_hash_named("node:", &i, sizeof i, &id);
        ck_assert_int_eq(rmg_collect_node(collect, &world, &id, &cell), JIT_OK);
        ck_assert_int_eq(rmg_collect_datum(collect, &world, RMG_PLANE_ALPHA, &id, "state", &zero),
                         JIT_OK);
    }
    lang_system_free(jit_heap_libc(), system);
    jit_buf_release(&messages);
    return collect;
}

void bed_write_system(enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                      void *user)
{
    struct jit_id at;
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    ck_assert_int_eq(rmg_arena_new(jit_heap_libc(), 256u << 20, &arena), JIT_OK);
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    ck_assert_int_eq(rmg_store_new(jit_heap_libc(), &options, &store), JIT_OK);
    struct rmg_collect *collect = collect_system(store);
    ck_assert_int_eq(rmg_collect_patch(collect, write, user, &at), JIT_OK);
    rmg_collect_free(collect);
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
}

void bed_send_system(struct hub_client *client)
{
    bed_say(client, "genesis_begin");
    bed_write_system(bed_upload, client);
    bed_say(client, "genesis_end");
}
