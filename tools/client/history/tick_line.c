#include "tools/client/history/tick_line.h"

enum jit_err tick_line_read(const struct log_record *record, struct tick_line *out)
{
    struct kern_record_view view;
    *out = (struct tick_line){
        .tick = record->tick, .commit = record->commit, .root = record->state_root};
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    if (err != JIT_OK) {
        return JIT_ECORRUPT;
    }
    out->requests = view.request_count;
    out->events = view.event_count;
    out->patch_bytes = (view.flags & KERN_RECORD_GENESIS) != 0 ? view.blob_size : view.patch_size;
    for (uint64_t i = 0; i < view.event_count; i++) {
        struct kern_record_event event;
        if (kern_record_event_at(&view, i, &event) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        out->ended = out->ended || event.kind != KERN_HAPPENED_HUNG;
    }
    for (uint64_t i = 0; i < view.request_count; i++) {
        struct rmg_receipt receipt;
        if (kern_record_receipt(&view, i, &receipt) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        out->counts[receipt.result]++;
    }
    return JIT_OK;
}

void tick_line_print(struct cli *cli, const struct tick_line *line)
{
    char commit[JIT_ID_HEX];
    char root[JIT_ID_HEX];
    jit_id_to_hex(&line->commit, commit);
    jit_id_to_hex(&line->root, root);
    cli_print(
        cli, "@%-7llu %.12s  root %.12s  %6llu requests %6llu applied %5llu denied %5llu lost%s\n",
        (unsigned long long)line->tick, commit, root, (unsigned long long)line->requests,
        (unsigned long long)line->counts[RMG_APPLIED], (unsigned long long)line->counts[RMG_DENIED],
        (unsigned long long)line->counts[RMG_CONFLICT],
        line->tick == 0    ? "  genesis"
        : line->ended      ? "  process ended"
        : line->events > 0 ? "  process hung"
                           : "");
    json_t *event = cli_event("tick", "jitos.log/1");
    cli_put_number(event, "tick", line->tick);
    cli_put_text(event, "commit", commit);
    cli_put_text(event, "root", root);
    cli_put_number(event, "requests", line->requests);
    for (unsigned i = 0; i < RMG_RESULT_COUNT; i++) {
        if (line->counts[i] > 0 || i == RMG_APPLIED || i == RMG_DENIED) {
            cli_put_number(event, rmg_result_text((enum rmg_result)i), line->counts[i]);
        }
    }
    cli_put_number(event, "events", line->events);
    cli_put_number(event, "patch_bytes", line->patch_bytes);
    cli_emit(cli, event);
}
