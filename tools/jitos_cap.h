/* tools/jitos_cap.h - the verbs of `jitos cap`, file by file. Layer: tools. */
#ifndef JIT_TOOLS_JITOS_CAP_H
#define JIT_TOOLS_JITOS_CAP_H

#include "tools/authority.h"
#include "tools/jitos.h"

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

int cap_ls(struct cli *cli); /* jitos_cap.c */
int cap_tree(struct cli *cli);
int cap_who_can(struct cli *cli);
int cap_explain(struct cli *cli); /* jitos_explain.c */
int cap_change(struct cli *cli);  /* jitos_grant.c: derive, grant, revoke */
int cap_audit(struct cli *cli);   /* jitos_audit.c */

#endif
