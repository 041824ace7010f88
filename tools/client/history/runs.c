#include "tools/client/history/runs.h"

#include <stdio.h>

#include "kernel/startup.h"
#include "tools/client/history/history.h"

int runs_verify(struct cli *cli, struct shell_system *system, json_t *event)
{
    const char *data = cli_text(cli, "data");
    const uint64_t start = system->from != NULL ? system->from->tick : 0;
    char why[512] = "";
    enum jit_err err = shell_startup_judge(system, why, sizeof why);
    const bool refused = shell_startup_refuses(err);
    if (err == JIT_OK || refused) {
        cli_put_bool(event, "runs", !refused);
    }
    if (err == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli,
             refused ? "%s is whole, but no supervisor would run it from tick %llu on"
                     : "%s is whole; whether it can be run from tick %llu on was not found out",
             data, (unsigned long long)system->replay.tick);
    cli_why(cli, "%s", why);
    if (refused && system->replay.tick > start) {
        cli_next(cli, "jitos rollback HEAD~1 --data %s", data);
    } else if (refused) {
        cli_next(cli, "jitos run FILE --ticks N --data ANOTHER: no earlier tick is kept here");
    }
    return refused ? CLI_NO : (int)cli_exit_of(err);
}

/* ---- checkpoints ---- */

/* One is told as what is wrong, and those that follow in notes. */
static int refused(struct cli *cli, const struct ckpt_entry *entry, enum jit_err err,
                   const char *why, int code)
{
    const char *data = cli_text(cli, "data");
    const bool refuses = shell_startup_refuses(err);
    char hex[JIT_ID_HEX];
    char text[256];
    jit_id_to_hex(&entry->id, hex);
    (void)snprintf(text, sizeof text,
                   refuses
                       ? "checkpoint %.16s of tick %llu is whole, but no supervisor would run it"
                       : "whether checkpoint %.16s of tick %llu can be run was not found out",
                   hex, (unsigned long long)entry->manifest->tick);
    if (code != CLI_OK) {
        cli_note(cli, "%s: %s", text, why);
        return code;
    }
    cli_what(cli, "%s", text);
    cli_why(cli, "%s", why);
    if (refuses) {
        cli_next(cli, "restore another one: jitos checkpoint --list --data %s", data);
    }
    return refuses ? CLI_NO : (int)cli_exit_of(err);
}

int runs_verify_kept(struct cli *cli, const struct shell_system *system,
                     const struct ckpt_list *list, json_t *event, int code)
{
    const struct jit_id *judged = &system->replay.commit;
    uint64_t count = 0;
    for (size_t i = 0; i < list->count; i++) { /* the newest first; those of one tick together */
        const struct ckpt_entry *entry = &list->entries[i];
        struct shell_system one;
        char why[512] = "";
        if (jit_id_equal(&entry->manifest->commit, judged)) {
            continue;
        }
        judged = &entry->manifest->commit;
        const struct history_opening opening = {.label = "verify",
                                                .data = cli_text(cli, "data"),
                                                .bounded = true,
                                                .tick = entry->manifest->tick};
        const int opened = history_open(cli, &opening, &one);
        if (opened != CLI_OK) {
            return opened;
        }
        enum jit_err err = shell_startup_judge(&one, why, sizeof why);
        shell_system_close(&one);
        if (err != JIT_OK) {
            count += shell_startup_refuses(err);
            code = refused(cli, entry, err, why, code);
        }
    }
    cli_put_number(event, "checkpoints_refused", count);
    return code;
}
