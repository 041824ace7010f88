/* kernel/hub/hub_purse.h - what guests may cost, in units of about 10 us of the supervisor's time.
 * Spec:  docs/spec/hub.md "Guests". Layer: kernel (shell); pure: the time is a parameter.
 *
 * A purse fills as time goes by and never holds more than `most`. What has been done is paid for
 * afterwards, so it may be overdrawn: then it is shut until it has filled again. Several
 * connections may share one: strangers those of their user, bearers those of their token. One that
 * nobody uses is remembered, so that hanging up and coming again gives no new one. */
#ifndef JIT_KERNEL_HUB_PURSE_H
#define JIT_KERNEL_HUB_PURSE_H

#include <stdbool.h>

#include "base/id.h"

struct hub_purse {
    struct jit_id key;
    uint32_t users; /* connections that draw on it */
    uint32_t rate;  /* units a second; 0: a free place */
    int64_t most;
    int64_t left; /* not above 0: shut */
    uint64_t filled_ns;
};

struct hub_purse hub_purse_make(uint32_t rate, uint32_t most, uint64_t now_ns); /* full */
void hub_purse_fill(struct hub_purse *purse, uint64_t now_ns);
void hub_purse_pay(struct hub_purse *purse, uint64_t units);
bool hub_purse_is_open(const struct hub_purse *purse);
/* When it is open, as long as nobody pays: 0 now. */
uint64_t hub_purse_due(const struct hub_purse *purse);

#define HUB_PURSES_MAX 64u
struct hub_purses {
    struct hub_purse all[HUB_PURSES_MAX];
};
/* The purse of this key, a full one if it is not known; with one more user. Of those without a user
 * the fullest makes room; there are fewer users than purses. */
struct hub_purse *hub_purses_join(struct hub_purses *purses, const struct jit_id *key,
                                  uint32_t rate, uint64_t now_ns);
void hub_purse_leave(struct hub_purse *purse);

#endif
