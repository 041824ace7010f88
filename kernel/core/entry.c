#include "kernel/core/entry.h"

/* A genesis has no patch here, and no requests: it has no entries, and needs no root before it. */
enum jit_err kern_entries_begin(struct kern_entries *entries, const struct kern_record_view *view,
                                uint64_t tick, const struct jit_id *state_root)
{
    struct jit_cursor patch = jit_cursor_of(view->patch, view->patch_size);
    *entries = (struct kern_entries){.view = view,
                                     .requests = jit_cursor_of(view->requests, view->requests_size),
                                     .after = *state_root,
                                     .tick = tick};
    if ((view->flags & KERN_RECORD_GENESIS) == 0) {
        jit_get_id(&patch, &entries->before);
    }
    return patch.bad ? JIT_EFORMAT : JIT_OK;
}

enum jit_err kern_entries_next(struct kern_entries *entries, struct kern_entry *out)
{
    struct rmg_receipt receipt = {.result = RMG_INVALID};
    struct rmg_asked asked;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && receipt.result != RMG_APPLIED) {
        if (entries->next == entries->view->request_count) {
            return JIT_ENOENT;
        }
        /* Each receipt has its request: that there are fewer is no end. */
        err = rmg_asked_next(&entries->requests, &asked) == JIT_OK
                  ? kern_record_receipt(entries->view, entries->next, &receipt)
                  : JIT_EFORMAT;
        entries->next++;
    }
    if (err != JIT_OK) {
        return err;
    }
    *out = (struct kern_entry){.request = entries->next - 1,
                               .request_key = receipt.request_key,
                               .rule = asked.rule_id,
                               .instance = asked.instance,
                               .target = asked.id_count > 0 ? asked.ids[0] : (struct jit_id){{0}},
                               .before = entries->before,
                               .after = entries->after,
                               .tick = entries->tick};
    return JIT_OK;
}
