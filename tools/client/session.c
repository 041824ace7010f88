#include "tools/client/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

extern char **environ;

static enum jit_err fail(struct session *session, int code, enum jit_err err, const char *text)
{
    snprintf(session->error, sizeof session->error, "%s", text);
    session->exit_code = code;
    return err;
}

void session_program_path(const char *name, char *path, size_t size)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        slash[1] = '\0';
    }
    snprintf(path, size, "%.3900s%s", self, name);
}

/* ---- starting jitosd ---- */

static enum jit_err spawn_supervisor(struct session *session, const struct session_options *options,
                                     int ready)
{
    char jobs[32];
    char die_at[32];
    char ready_fd[16];
    snprintf(jobs, sizeof jobs, "%u", options->jobs);
    snprintf(die_at, sizeof die_at, "%llu", (unsigned long long)options->die_at_log_offset);
    snprintf(ready_fd, sizeof ready_fd, "%d", ready);
    char hang_wall[32];
    snprintf(hang_wall, sizeof hang_wall, "%llu", (unsigned long long)options->hang_wall_s);
    const char *argv[20] = {
        options->program,    "--data",     options->data, "--jobs",   jobs, "--durability",
        options->durability, "--ready-fd", ready_fd,      "--private"};
    size_t count = 10;
    if (options->die_at_log_offset != UINT64_MAX) {
        argv[count++] = "--die-at-log-offset";
        argv[count++] = die_at;
    }
    if (options->hang_wall_s != 0) {
        argv[count++] = "--hang-wall";
        argv[count++] = hang_wall;
    }
    if (options->guests != NULL) {
        argv[count++] = "--guests";
        argv[count++] = options->guests;
    }
    if (options->quiet) {
        argv[count++] = "--quiet";
    }
    int error = posix_spawn(&session->pid, options->program, NULL, NULL,
                            (char *const *)(uintptr_t)argv, environ);
    if (error != 0) {
        session->pid = -1;
        char text[512];
        snprintf(text, sizeof text, "%s could not be started: %s", options->program,
                 strerror(error));
        return fail(session, 4, JIT_EIO, text);
    }
    return JIT_OK;
}

/* It writes one byte when it listens; the end of the pipe means that it has given up. Its exit code
 * says why, and its own message is on stderr. */
static enum jit_err wait_ready(struct session *session, int fd)
{
    char byte;
    ssize_t n;
    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1) {
        return JIT_OK;
    }
    int status = 0;
    while (waitpid(session->pid, &status, 0) < 0 && errno == EINTR) {
    }
    session->pid = -1;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return fail(session, code, JIT_EIO, "the supervisor did not start; it says why above");
}

enum jit_err session_start(struct session *session, struct jit_heap *heap,
                           const struct session_options *options)
{
    int ends[2];
    *session = (struct session){.pid = -1, .ready_fd = -1};
    session->client.fd = -1;
    if (pipe(ends) != 0) {
        return fail(session, 8, JIT_EIO, "no pipe to the supervisor");
    }
    if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0) {
        close(ends[0]);
        close(ends[1]);
        return fail(session, 8, JIT_EIO, "no pipe to the supervisor");
    }
    enum jit_err err = spawn_supervisor(session, options, ends[1]);
    close(ends[1]);
    if (err == JIT_OK) {
        err = wait_ready(session, ends[0]);
    }
    close(ends[0]);
    if (err != JIT_OK) {
        return err;
    }
    err = hub_client_open(&session->client, heap, options->data, options->watch);
    if (err != JIT_OK) {
        return fail(session, err == JIT_ENOMEM ? 8 : 4, err, session->client.error);
    }
    if (!session_read_status(session->client.greeting, &session->status)) {
        return fail(session, 4, JIT_EPEER, "the supervisor greeted in a way we do not understand");
    }
    return JIT_OK;
}

void session_end(struct session *session, int *ended_by)
{
    int status = 0;
    *ended_by = 0;
    if (session->client.fd >= 0) {
        struct hub_writer w;
        hub_client_begin(&session->client, &w, "shutdown", 1);
        /* It may be dead already; then there is nobody to ask. */
        enum jit_err err = hub_client_send(&session->client, &w);
        (void)err;
        hub_client_close(&session->client);
    }
    if (session->pid > 0) {
        /* It may not have heard: there was no connection, or it had dropped ours. It takes SIGTERM
         * as the same request. */
        kill(session->pid, SIGTERM);
        while (waitpid(session->pid, &status, 0) < 0 && errno == EINTR) {
        }
        *ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        session->pid = -1;
    }
}

/* ---- messages ---- */

static bool read_deviations(const cbor_item_t *message, struct session_status *out)
{
    const cbor_item_t *list = hub_field(message, "deviations");
    if (list == NULL || !cbor_isa_array(list) || cbor_array_size(list) > KERN_DEVIATIONS_MAX) {
        return false;
    }
    for (size_t i = 0; i < cbor_array_size(list); i++) {
        const cbor_item_t *item = cbor_array_handle(list)[i];
        struct session_deviation *d = &out->deviations[out->deviation_count++];
        if (!cbor_isa_map(item) || !hub_get_uint(item, "tick", &d->tick) ||
            !hub_get_text(item, "what", d->what, sizeof d->what) ||
            !hub_get_text(item, "process", d->process, sizeof d->process)) {
            return false;
        }
    }
    return true;
}

bool session_read_status(const cbor_item_t *message, struct session_status *out)
{
    *out = (struct session_status){0};
    return hub_get_bool(message, "fresh", &out->fresh) &&
           hub_get_bool(message, "stopped", &out->stopped) &&
           hub_get_uint(message, "stop_code", &out->stop_code) &&
           hub_get_text(message, "stop_text", out->stop_text, sizeof out->stop_text) &&
           hub_get_bool(message, "deterministic", &out->deterministic) &&
           hub_get_uint(message, "tick", &out->tick) && hub_get_uint(message, "seed", &out->seed) &&
           hub_get_uint(message, "applied", &out->applied) &&
           hub_get_uint(message, "denied", &out->denied) &&
           hub_get_uint(message, "recovered", &out->recovered) &&
           hub_get_uint(message, "log_bytes", &out->log_bytes) &&
           hub_get_id(message, "root", &out->root) && hub_get_id(message, "world", &out->world) &&
           hub_get_id(message, "head", &out->head) &&
           hub_get_id(message, "genesis", &out->genesis) &&
           hub_get_text(message, "grade", out->grade, sizeof out->grade) &&
           hub_get_text(message, "torn_why", out->torn_why, sizeof out->torn_why) &&
           hub_get_text(message, "torn_file", out->torn_file, sizeof out->torn_file) &&
           hub_get_uint(message, "torn_bytes", &out->torn_bytes) &&
           hub_get_uint(message, "torn_offset", &out->torn_offset) && read_deviations(message, out);
}

bool session_read_tick(const cbor_item_t *message, struct session_tick *out)
{
    *out = (struct session_tick){0};
    const cbor_item_t *counts = hub_field(message, "counts");
    if (counts == NULL || !cbor_isa_array(counts) || cbor_array_size(counts) != RMG_RESULT_COUNT) {
        return false;
    }
    cbor_item_t **items = cbor_array_handle(counts);
    for (size_t i = 0; i < RMG_RESULT_COUNT; i++) {
        if (!cbor_isa_uint(items[i])) {
            return false;
        }
        out->counts[i] = cbor_get_int(items[i]);
    }
    return hub_get_uint(message, "tick", &out->tick) &&
           hub_get_uint(message, "nodes", &out->nodes) &&
           hub_get_uint(message, "edges", &out->edges) &&
           hub_get_uint(message, "requests", &out->requests) &&
           hub_get_id(message, "root", &out->root) && hub_get_id(message, "world", &out->world) &&
           hub_get_id(message, "head", &out->head);
}

static enum jit_err on_stop(struct session *session, const cbor_item_t *message)
{
    uint64_t code = 8;
    char text[480];
    hub_get_text(message, "text", text, sizeof text);
    hub_get_uint(message, "code", &code);
    return fail(session, (int)code, JIT_EPEER, text);
}

/* With which code to leave after an error of the connection or of the supervisor. */
static int code_of(const struct hub_client *client, enum jit_err err)
{
    if (err == JIT_ENOENT) {
        return 4; /* it is gone */
    }
    if (client->exit_code != 0) {
        return (int)client->exit_code; /* it has stopped, and says how */
    }
    bool host = err == JIT_ENOMEM || err == JIT_EIO || strcmp(client->code, "space") == 0 ||
                strcmp(client->code, "io") == 0; /* the machine's fault, not the system's */
    return host ? 8 : 2;
}

/* Likewise of what is only sent: nobody is there, or nobody understands us. */
static enum jit_err not_sent(struct session *session, enum jit_err err)
{
    return fail(session, err == JIT_ENOMEM ? 8 : 4, err, session->client.error);
}

/* Send what `w` holds and take the status it is answered with. Ticks may be told before it, and
 * that the run rests or has stopped. */
static enum jit_err ask(struct session *session, struct hub_writer *w)
{
    struct hub_client *client = &session->client;
    enum jit_err err = hub_client_send(client, w);
    for (bool answered = false; err == JIT_OK && !answered;) {
        cbor_item_t *reply = NULL;
        err = hub_client_next(client, -1, &reply);
        if (err != JIT_OK) {
            break;
        }
        answered = hub_is(reply, "t", "status");
        if (answered && !session_read_status(reply, &session->status)) {
            cbor_decref(&reply);
            return fail(session, 4, JIT_EPEER,
                        "the supervisor answered in a way we do not understand");
        }
        bool stopped = hub_is(reply, "t", "stop");
        if (stopped) {
            err = on_stop(session, reply);
        }
        cbor_decref(&reply);
        if (stopped) {
            return err;
        }
    }
    return err == JIT_OK ? JIT_OK : fail(session, code_of(client, err), err, client->error);
}

/* ---- genesis ---- */

enum jit_err session_genesis_begin(struct session *session)
{
    struct hub_writer w;
    hub_client_begin(&session->client, &w, "genesis_begin", 1);
    enum jit_err err = hub_client_send(&session->client, &w);
    return err == JIT_OK ? JIT_OK : not_sent(session, err);
}

enum jit_err session_genesis_write(void *user, const uint8_t *bytes, size_t size)
{
    struct session *session = user;
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < HUB_PIECE_BYTES ? size - at : HUB_PIECE_BYTES;
        struct hub_writer w;
        hub_client_begin(&session->client, &w, "genesis_data", 2);
        hub_bytes(&w, "data", bytes + at, piece);
        enum jit_err err = hub_client_send(&session->client, &w);
        if (err != JIT_OK) {
            return not_sent(session, err);
        }
        at += piece;
    }
    return JIT_OK;
}

enum jit_err session_genesis_end(struct session *session)
{
    struct hub_writer w;
    hub_client_begin(&session->client, &w, "genesis_end", 1);
    return ask(session, &w);
}

/* ---- running ---- */

static void tell_denials(const cbor_item_t *message, uint64_t tick,
                         const struct session_watcher *watcher)
{
    const cbor_item_t *denials = hub_field(message, "denials");
    if (denials == NULL || !cbor_isa_array(denials) || watcher->on_denial == NULL) {
        return;
    }
    cbor_item_t **items = cbor_array_handle(denials);
    for (size_t i = 0; i < cbor_array_size(denials); i++) {
        char text[512];
        if (cbor_isa_string(items[i])) {
            size_t length = cbor_string_length(items[i]);
            length = length < sizeof text - 1 ? length : sizeof text - 1;
            memcpy(text, cbor_string_handle(items[i]), length);
            text[length] = '\0';
            watcher->on_denial(watcher->user, tick, text);
        }
    }
}

enum jit_err session_run(struct session *session, uint64_t to,
                         const struct session_watcher *watcher)
{
    struct hub_writer w;
    hub_client_begin(&session->client, &w, "subscribe", 1);
    enum jit_err err = ask(session, &w);
    if (err == JIT_OK) {
        hub_client_begin(&session->client, &w, "run", 2);
        hub_uint(&w, "to", to);
        err = ask(session, &w);
    }
    while (err == JIT_OK) {
        cbor_item_t *message = NULL;
        struct session_tick tick;
        err = hub_client_next(&session->client, -1, &message);
        if (err != JIT_OK) {
            return fail(session, code_of(&session->client, err), err, session->client.error);
        }
        bool rest = hub_is(message, "t", "rest");
        if (rest && !session_read_status(message, &session->status)) {
            err = fail(session, 4, JIT_EPEER, "the supervisor's last word is not understood");
        } else if (hub_is(message, "t", "stop")) {
            err = on_stop(session, message);
        } else if (hub_is(message, "t", "tick") && session_read_tick(message, &tick)) {
            tell_denials(message, tick.tick, watcher);
            if (watcher->on_tick != NULL) {
                watcher->on_tick(watcher->user, &tick);
            }
        }
        cbor_decref(&message);
        if (rest) {
            break;
        }
    }
    return err;
}
