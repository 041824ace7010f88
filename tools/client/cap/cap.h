/* tools/client/cap/cap.h - the verbs of `jitos cap`, file by file. Layer: tools. */
#ifndef JIT_TOOLS_JITOS_CAP_H
#define JIT_TOOLS_JITOS_CAP_H

#include "syscall/token.h"
#include "tools/client/cap/authority.h"
#include "tools/client/jitos.h"

/* A folder's state, and its capabilities: the newest one, or the one at --at TICK. */
struct cap_folder {
    struct shell_system system;
    struct authority authority;
};
int cap_folder_open(struct cli *cli, const char *label, bool bounded, uint64_t tick,
                    struct cap_folder *out);
void cap_folder_close(struct cap_folder *folder);

/* "invoke" and so on, several with commas. Returns an exit code; said. */
int cap_parse_rights(struct cli *cli, const char *text, uint32_t *out);

/* RIGHT [RULE] from operand `first` on, --on: release it either way. Returns an exit code; said. */
struct cap_need {
    struct authority_call call;
    struct jit_buf params;
    struct authority_need need;
};
int cap_parse_need(struct cli *cli, const struct authority *a, uint32_t first,
                   struct cap_need *out);
void cap_need_release(struct cap_need *need);

/* What narrows it, as the options of the command line say; borrows from call. Returns an exit code;
 * said. */
struct cap_narrowing {
    struct sys_attenuators attenuators;
    struct jit_id nodes[SYS_ATTENUATOR_IDS_MAX];
    struct jit_id edges[SYS_ATTENUATOR_IDS_MAX];
};
int cap_parse_narrowing(struct cli *cli, const struct authority *a,
                        const struct authority_call *call, struct cap_narrowing *out);

/* A change, as it is asked of a supervisor; at rest one is started for it. */
struct cap_change {
    uint32_t call;
    enum sys_object object;
    bool has_holder;
    bool has_target;
    struct jit_id holder;
    struct jit_id target;
    char holder_name[AUTHORITY_TEXT];
    char target_name[AUTHORITY_TEXT];
    struct jit_buf data; /* the request; or, with token, the bytes of one */
    bool token;
};
struct cap_changed {
    uint64_t tick;
    uint64_t slot;
    uint64_t generation;
};
/* Returns an exit code; CLI_NO: refused. What failed has been said. */
int cap_ask(struct cli *cli, const struct cap_change *change, struct cap_changed *out);
/* A request about this capability: whose it is. */
void cap_name_holder(const struct authority *a, uint32_t node, struct cap_change *change);
/* derive CAP [RIGHT [RULE]] with its options, as the operands from 1 on and the options say. */
int cap_parse_derive(struct cli *cli, const struct authority *a, struct cap_change *change);
/* "w[1]/3, generation 1, in tick 4", and the event of it. */
int cap_say_new(struct cli *cli, const struct cap_change *change, const struct cap_changed *made);

/* Which capabilities were ever good for something, by the whole log: jitos_cap_used.c. */
struct cap_used {
    struct cap_use {
        struct jit_id process;
        struct jit_id
            instance; /* in which it asked; zeros: it was derived from, or handed on with */
        uint32_t slot;
    } * items;
    size_t count;
    size_t capacity;
    struct cap_use last;
};
int cap_used_read(struct cli *cli, struct cap_used *used); /* an exit code; said */
/* It, or one that was derived from it. */
bool cap_used_is(const struct authority *a, const struct cap_used *used, uint32_t node);

int cap_ls(struct cli *cli); /* jitos_cap.c */
int cap_tree(struct cli *cli);
int cap_who_can(struct cli *cli);
int cap_explain(struct cli *cli); /* jitos_explain.c */
int cap_change(struct cli *cli);  /* jitos_grant.c: derive, grant, move, revoke */
int cap_audit(struct cli *cli);   /* jitos_audit.c */
int cap_owner(struct cli *cli);   /* jitos_cap_own.c */
int cap_own(struct cli *cli);
int cap_log(struct cli *cli);    /* jitos_cap_log.c */
int cap_export(struct cli *cli); /* jitos_token.c */
int cap_attenuate(struct cli *cli);
int cap_show(struct cli *cli);
int cap_import(struct cli *cli);

/* token.c: the file of a token, whoever signed it; what it says, as a state in which names can be
 * looked up. Return an exit code; said. */
int cap_token_file(struct cli *cli, const char *path, struct sys_token **out);
struct cap_stand_in;
int cap_stand_in_new(struct cli *cli, const struct sys_token *token, struct cap_stand_in **out);
struct authority *cap_stand_in_authority(struct cap_stand_in *s);
void cap_stand_in_free(struct cap_stand_in *s); /* may be NULL */
int cap_submit(struct cli *cli);
int cap_look(struct cli *cli);

#endif
