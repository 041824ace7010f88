/* jitos run --dry-run - what of a system file would be denied, without running it: each run of each
 * process against the capabilities that its grants give. */
#include <stdio.h>
#include <string.h>

#include "tools/client/cap/authority.h"
#include "tools/client/jitos.h"
#include "tools/client/load.h"

static bool judge_run(struct cli *cli, const struct authority *a, uint32_t process,
                      const struct kern_root_run *run)
{
    const struct rmg_rule *rule = kern_config_rule(a->config, &run->rule_id);
    const struct authority_need need = {.right = SYS_RIGHT_INVOKE,
                                        .rule = rule,
                                        .instance = run->instance,
                                        .params = run->params,
                                        .params_size = run->params_size};
    const struct authority_need map = {.right = SYS_RIGHT_MAP, .instance = run->instance};
    char name[AUTHORITY_TEXT];
    char call[AUTHORITY_TEXT];
    char place[AUTHORITY_TEXT];
    uint32_t node = SYS_CAP_NONE;
    uint32_t mapped = SYS_CAP_NONE;
    enum sys_cap_verdict verdict = authority_best(a, process, &need, &node);
    bool sees = authority_best(a, process, &map, &mapped) == SYS_CAP_ALLOWED;
    bool allowed = verdict == SYS_CAP_ALLOWED;
    const char *why = allowed                ? (sees ? "" : "it sees nothing there without a map")
                      : node == SYS_CAP_NONE ? "it holds no capability"
                                             : sys_cap_verdict_text(verdict);
    authority_process(a, process, name);
    authority_call(rule, run->params, run->params_size, call);
    authority_instance(a, &run->instance, place);
    cli_print(cli, "%s%-7s%s %-12s invoke %s on %s%s%s\n",
              cli_style(cli, allowed ? CLI_GREEN : CLI_RED), allowed ? "allowed" : "denied",
              cli_style(cli, CLI_PLAIN), name, call, place, why[0] != '\0' ? ": " : "", why);
    json_t *event = cli_event("run", "jitos.dry_run/1");
    cli_put_text(event, "process", name);
    cli_put_text(event, "rule", call);
    cli_put_text(event, "instance", place);
    cli_put_bool(event, "allowed", allowed);
    cli_put_bool(event, "sees", sees);
    cli_put_text(event, "why", why);
    cli_emit(cli, event);
    return allowed;
}

int jitos_dry_run(struct cli *cli)
{
    struct load_made made = {.collect = NULL};
    struct load_facts facts;
    struct load_request request = {.seed = cli_number(cli, "seed")};
    struct authority a = {.store = NULL};
    struct jit_id at;
    uint64_t denied = 0;
    if (cli->operand_count == 0) {
        cli_what(cli, "nothing to judge");
        cli_why(cli, "--dry-run looks at a system file");
        cli_next(cli, "jitos run FILE --dry-run");
        return CLI_USAGE;
    }
    request.file = cli->operands[0];
    int code = load_system(cli, &request, &made, &facts);
    if (code == CLI_OK) {
        enum jit_err err = format_graph_load(&made.graph, made.collect, &at);
        if (err != JIT_OK) {
            cli_what(cli, "the system could not be put together");
            cli_why(cli, "%s", jit_err_text(err));
            code = err == JIT_EEXIST ? CLI_USAGE : (int)cli_exit_of(err);
        }
    }
    if (code == CLI_OK) {
        code = authority_read(cli, made.graph.store, &made.graph.version, 1, &a);
    }
    for (uint32_t p = 0; code == CLI_OK && p < a.config->process_count; p++) {
        for (uint32_t i = 0; i < a.config->processes[p].run_count; i++) {
            denied += judge_run(cli, &a, p, &a.config->processes[p].runs[i]) ? 0 : 1;
        }
    }
    authority_release(&a);
    load_release(&made);
    return code == CLI_OK && denied > 0 ? CLI_NO : code;
}
