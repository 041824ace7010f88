/* A program of its own for spawn_b: ask for every match of its run, as the rules loader does. */
#include "proc/guest/jitos.h"

static bool ask(void *user, const struct jit_id *ids, uint32_t id_count)
{
    const struct jitos_request request = {.ids = ids, .id_count = id_count};
    return jitos_request(user, &request) == JIT_OK;
}

int main(void)
{
    struct jitos *jitos;
    if (jitos_attach(&jitos) != JIT_OK) {
        return 1;
    }
    for (;;) {
        (void)jitos_begin(jitos);
        if (jitos_match(jitos, 0, ask, jitos) != JIT_OK) {
            return 1;
        }
        jitos_done(jitos);
    }
}
