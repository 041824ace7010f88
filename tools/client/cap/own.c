/* jitos cap owner, own - whose rules and instances are, and giving them to another. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tools/client/cap/cap.h"

/* ---- owner: whose are they? ---- */

static int print_owner(struct cli *cli, const struct authority *a, const char *what,
                       const char *kind, const struct jit_id *id, bool inherits)
{
    uint32_t node = SYS_CAP_NONE;
    char text[AUTHORITY_TEXT];
    enum authority_owner owner = authority_owner(a, id, inherits, &node);
    authority_owner_text(a, owner, node, text);
    cli_print(cli, "%-9s%-20s %s\n", kind, what, text);
    json_t *event = cli_event("owner", "jitos.cap.owner/1");
    cli_put_text(event, "kind", kind);
    cli_put_text(event, "what", what);
    cli_put_text(event, "owner",
                 owner == AUTHORITY_OWNED       ? "capability"
                 : owner == AUTHORITY_OPERATORS ? "operator"
                                                : "nobody");
    cli_put_text(event, "text", text);
    if (owner == AUTHORITY_OWNED) {
        char hex[JIT_ID_HEX];
        char process[AUTHORITY_TEXT];
        jit_id_to_hex(&sys_caps_node(a->caps, node)->id, hex);
        authority_process(a, sys_caps_node(a->caps, node)->holder, process);
        cli_put_text(event, "process", process);
        cli_put_number(event, "slot", sys_caps_node(a->caps, node)->slot);
        cli_put_text(event, "capability", hex);
    }
    return cli_emit(cli, event);
}

/* A rule by its name, else an instance. */
static int find_thing(struct cli *cli, const struct authority *a, const char *text,
                      enum sys_object *object, struct jit_id *id)
{
    for (uint32_t i = 0; i < a->config->rule_count; i++) {
        if (strcmp(a->config->rules[i]->name, text) == 0) {
            *object = SYS_OBJECT_RULE;
            *id = a->config->rules[i]->id;
            return CLI_OK;
        }
    }
    if (text[0] == '/' || jit_id_from_hex(text, strlen(text), id) == JIT_OK) {
        *object = SYS_OBJECT_INSTANCE;
        return authority_find_instance(cli, a, text, id);
    }
    cli_what(cli, "there is no rule %s", text);
    cli_why(cli, "what has an owner is a rule of the system file, or an instance such as /world");
    cli_next(cli, "jitos cap owner --data %s", cli_text(cli, "data"));
    return CLI_NOT_FOUND;
}

static int print_all(struct cli *cli, const struct authority *a)
{
    char place[AUTHORITY_TEXT];
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < a->config->rule_count; i++) {
        const struct rmg_rule *rule = a->config->rules[i];
        code = print_owner(cli, a, rule->name, "rule", &rule->id, false);
    }
    for (uint32_t i = 0; code == CLI_OK && i < a->config->owner_count; i++) {
        const struct jit_id *id = &a->config->owners[i].object;
        if (kern_config_rule(a->config, id) == NULL) {
            authority_instance(a, id, place);
            code = print_owner(cli, a, place, "instance", id, false);
        }
    }
    return code;
}

int cap_owner(struct cli *cli)
{
    struct cap_folder folder;
    enum sys_object object = SYS_OBJECT_RULE;
    struct jit_id id;
    int code =
        cap_folder_open(cli, "cap owner", cli_given(cli, "at"), cli_number(cli, "at"), &folder);
    if (code != CLI_OK) {
        return code;
    }
    const struct authority *a = &folder.authority;
    if (cli->operand_count < 2) {
        code = print_all(cli, a);
    } else {
        const char *text = cli->operands[1];
        code = find_thing(cli, a, text, &object, &id);
        bool rule = object == SYS_OBJECT_RULE;
        code = code == CLI_OK ? print_owner(cli, a, text, rule ? "rule" : "instance", &id, !rule)
                              : code;
    }
    cap_folder_close(&folder);
    return code;
}

/* ---- own: giving them to another ---- */

static int read_own(struct cli *cli, const struct authority *a, struct cap_change *change)
{
    struct sys_owner own = {.zero = 0};
    enum sys_object object = SYS_OBJECT_RULE;
    uint32_t node = SYS_CAP_NONE;
    bool back = strcmp(cli->operands[1], "operator") == 0;
    int code = back ? CLI_OK : authority_find_cap(cli, a, cli->operands[1], &node);
    if (code == CLI_OK) {
        code = find_thing(cli, a, cli->operands[2], &object, &own.id);
    }
    if (code == CLI_OK && !back) {
        const struct sys_cap_node *held = sys_caps_node(a->caps, node);
        own.cap_slot = held->slot;
        own.cap_generation = held->cap.generation;
        cap_name_holder(a, node, change);
    }
    own.object = (uint32_t)object;
    jit_buf_put(&change->data, &own, sizeof own);
    return code;
}

int cap_own(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_changed made;
    struct cap_change change = {.call = SYS_CALL_owner, .object = SYS_OBJECT_INSTANCE};
    if (cli->operand_count < 3) {
        cli_what(cli, "whose is to be what?");
        cli_why(cli, "own wants a capability with the right to write, and a rule or an instance");
        cli_next(cli, "jitos cap own 'w[0]/1' RULE --data DIR");
        return CLI_USAGE;
    }
    jit_buf_init(&change.data, jit_heap_libc(), JIT_REQUEST_BYTES_MAX);
    int code = cap_folder_open(cli, "cap own", false, 0, &folder);
    if (code == CLI_OK) {
        code = read_own(cli, &folder.authority, &change);
        cap_folder_close(&folder); /* whoever serves the folder has to have it for himself */
    }
    if (code == CLI_OK) {
        code = cap_ask(cli, &change, &made);
    }
    if (code == CLI_OK) {
        json_t *event = cli_event("done", "jitos.cap.change/1");
        cli_print(cli, "%s belongs to %s, in tick %llu\n", cli->operands[2],
                  change.has_holder ? cli->operands[1] : "the operator",
                  (unsigned long long)made.tick);
        cli_put_bool(event, "done", true);
        cli_put_number(event, "tick", made.tick);
        code = cli_emit(cli, event);
    }
    jit_buf_release(&change.data);
    return code;
}
