/* tests/tools/hub_bed.h - a real supervisor on a folder of our own, a small system for it, and
 * clients that fail the test when they are not answered as they expect. */
#ifndef JIT_TESTS_TOOLS_HUB_BED_H
#define JIT_TESTS_TOOLS_HUB_BED_H

#include <sys/types.h>

#include "kernel/hub/hub_client.h"
#include "rmg/change/collect.h"

extern char bed_data[64];   /* the data folder */
extern char bed_errors[80]; /* where tools/jitosd's stderr goes when bed_keep_errors is set */
extern bool bed_keep_errors;
extern pid_t bed_pid; /* of tools/jitosd; 0: none */

/* Makes the folder, starts nothing. */
void bed_make(void);
/* Ends the supervisor if there is one, which must leave with `code`, and removes the folder. */
void bed_remove(int code);

/* Start it with these options more (NULL ends them; NULL: none) and wait until it listens. */
void bed_start(const char *const *options);
void bed_end(int code); /* by SIGTERM; it must leave with `code` */
void bed_kill(void);    /* by SIGKILL */
/* Has it said so on stderr? */
bool bed_said(const char *words);

/* ---- clients ---- */
void bed_connect(struct hub_client *client);
cbor_item_t *bed_next(struct hub_client *client, const char *type);
void bed_say(struct hub_client *client, const char *type);
void bed_expect(struct hub_client *client, const char *type);
void bed_expect_error(struct hub_client *client, const char *words);
void bed_run_to(struct hub_client *client, uint64_t tick); /* and its answer */
/* Until a message of this type comes; those before it are thrown away. */
cbor_item_t *bed_skip_to(struct hub_client *client, const char *type);
uint64_t bed_uint(const cbor_item_t *item, const char *key);
uint64_t bed_status(struct hub_client *client, const char *key); /* asks for it */
/* Process ids of w[0] and w[1] (0: it does not run), and their states. */
void bed_workers(struct hub_client *client, pid_t pids[2], char states[2][16]);

/* ---- a system: cells, w[2] that flip them and may not spy ---- */
extern const char *bed_text; /* of another system, with type Cell { state: i64 } */
extern unsigned bed_cells;   /* 200 after bed_make() */
/* Its genesis, in pieces. */
void bed_write_system(enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                      void *user);
enum jit_err bed_upload(void *client, const uint8_t *bytes, size_t size); /* genesis_data */
void bed_send_system(struct hub_client *client);                          /* begin to end */

#endif
