#include "tools/client/history/entries.h"

#include "tools/client/history/names.h"

static void put_id(json_t *event, const char *name, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    if (!jit_id_is_zero(id)) {
        cli_put_text(event, name, hex);
    }
}

static void show_entry(struct cli *cli, const struct kern_config *names,
                       const struct kern_entry *entry)
{
    char rule[NAMES_SIZE];
    char target[JIT_ID_HEX];
    char before[JIT_ID_HEX];
    char after[JIT_ID_HEX];
    names_rule(names, &entry->rule, rule);
    jit_id_to_hex(&entry->target, target);
    jit_id_to_hex(&entry->before, before);
    jit_id_to_hex(&entry->after, after);
    cli_print(cli, "  q%-6llu %-16s  %-16.16s  %.12s => %.12s  @%llu\n",
              (unsigned long long)entry->request, rule,
              jit_id_is_zero(&entry->target) ? "-" : target, before, after,
              (unsigned long long)entry->tick);
    json_t *event = cli_event("entry", "jitos.entry/1");
    cli_put_number(event, "tick", entry->tick);
    cli_put_number(event, "request", entry->request);
    put_id(event, "key", &entry->request_key);
    put_id(event, "rule", &entry->rule);
    cli_put_text(event, "rule_name", rule);
    put_id(event, "instance", &entry->instance);
    put_id(event, "target", &entry->target);
    put_id(event, "before", &entry->before);
    put_id(event, "after", &entry->after);
    cli_emit(cli, event);
}

enum jit_err entries_show(struct cli *cli, const struct kern_config *names,
                          const struct log_record *record, const struct kern_record_view *view,
                          uint64_t limit)
{
    struct kern_entries entries;
    struct kern_entry entry;
    uint64_t count = 0;
    enum jit_err err = kern_entries_begin(&entries, view, record->tick, &record->state_root);
    while (err == JIT_OK && (err = kern_entries_next(&entries, &entry)) == JIT_OK) {
        if (count++ < limit) {
            show_entry(cli, names, &entry);
        }
    }
    if (err != JIT_ENOENT) {
        return JIT_ECORRUPT;
    }
    if (count > limit) {
        cli_print(cli, "  %llu of %llu entries shown; --limit N shows more\n",
                  (unsigned long long)limit, (unsigned long long)count);
    }
    return JIT_OK;
}
