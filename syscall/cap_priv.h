/* syscall/cap_priv.h - shared by cap.c (the tree) and cap_narrow.c (one capability). */
#ifndef JIT_SYSCALL_CAP_PRIV_H
#define JIT_SYSCALL_CAP_PRIV_H

#include "syscall/cap.h"

static inline uint32_t cap_given(const struct sys_attenuators *a)
{
    return a == NULL ? 0 : a->given;
}

bool cap_names_rule(const struct sys_cap *cap, const struct jit_id *rule);
bool cap_is_object(const struct sys_cap *cap, const struct sys_cap_need *need);

/* What is held, made narrower as is wanted; quotas are not compared. attenuators borrows from both
 * and from space, SYS_ATTENUATOR_BOUND_MAX of them; out borrows attenuators. NONE, or what is more
 * than is held. */
enum sys_cap_excess cap_narrow(const struct sys_cap *held, const struct sys_cap_want *want,
                               struct sys_bound *space, struct sys_attenuators *attenuators,
                               struct sys_cap *out);

#endif
