/* kernel/hub/hub_client.h - the other end of the hub: a blocking client for tools.
 * Spec:  DESIGN 9.4; docs/spec/hub.md. Layer: kernel (shell). */
#ifndef JIT_KERNEL_HUB_CLIENT_H
#define JIT_KERNEL_HUB_CLIENT_H

#include <sys/types.h>

#include "kernel/hub/hub_msg.h"

struct hub_client;

/* Who hears of a supervisor that says nothing: told after every_ms of one wait in which nothing
 * came, after twice as long, and so on. */
struct hub_watch {
    int every_ms; /* > 0 */
    void (*silent)(void *user, const struct hub_client *client, uint64_t waited_ms);
    void *user;
};

struct hub_client {
    struct jit_heap *heap;
    const struct hub_watch *watch; /* borrowed; NULL: nobody */
    int fd;
    struct jit_buf in;
    size_t taken; /* bytes of in already handed out */
    struct jit_buf out;
    cbor_item_t *greeting; /* the server's welcome: its state when we came */
    char error[256];       /* after an error: what the server said, or what failed here */
    char code[16];         /* the server's own name for its last error; "" */
    uint64_t exit_code;    /* that a tool should leave with, as the server said with it; or 0 */
};

#define HUB_GREETING_MS 60000 /* a supervisor may be busy with a large genesis for so long */

/* Connect to DIR/hub.sock and shake hands; watch, or NULL, is kept as long as the client.
 * Errors: JIT_ENOENT (nobody listens), JIT_EPERM, JIT_EVERSION, JIT_EPEER (it refused, or died
 * meanwhile), JIT_EAGAIN (it does not answer), JIT_EIO, JIT_ENOMEM (here or there: client->error
 * says where). */
JIT_MUST_CHECK enum jit_err hub_client_open(struct hub_client *client, struct jit_heap *heap,
                                            const char *dir, const struct hub_watch *watch);
/* The same through a socket for guests, which may lie anywhere. */
JIT_MUST_CHECK enum jit_err hub_client_visit(struct hub_client *client, struct jit_heap *heap,
                                             const char *path, const struct hub_watch *watch);
void hub_client_close(struct hub_client *client);

/* The process that listens at the other end; 0: it is none that can be seen from here. */
pid_t hub_client_server(const struct hub_client *client);

/* A message of `fields` fields, the first of which is "t": write the others in the ascending order
 * of keys (shorter first), then send. */
void hub_client_begin(struct hub_client *client, struct hub_writer *w, const char *type,
                      size_t fields);
/* Errors: JIT_ENOENT (the server is gone), JIT_EPEER (it had hung up on us: its reason is in
 * client->error), JIT_EIO, JIT_ENOMEM, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err hub_client_send(struct hub_client *client, struct hub_writer *w);

/* The next message; an "error" of the server becomes JIT_EPEER with its text in client->error, one
 * of code "memory" JIT_ENOMEM.
 * timeout_ms < 0: for ever; JIT_EAGAIN when it passed. The item is the caller's: cbor_decref.
 * Errors: JIT_ENOENT (the server is gone), JIT_EFORMAT, JIT_EPEER, JIT_EIO, JIT_ENOMEM, JIT_EAGAIN.
 */
JIT_MUST_CHECK enum jit_err hub_client_next(struct hub_client *client, int timeout_ms,
                                            cbor_item_t **out);

#endif
