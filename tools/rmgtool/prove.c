/* `rmg prove`, and `rmg verify --proof`. */
#include <string.h>

#include "rmg/file/proof.h"
#include "tools/rmgtool/path.h"

static const char *const planes[] = {"",          "nodes", "edges", "node-values", "edge-values",
                                     "instances", NULL};

const struct cli_option rmg_prove_options[] = {
    CLI_OPTION(CLI_CHOICE, "plane", 0, "PLANE",
               "nodes, edges, node-values, edge-values or instances; else what ID is",
               .choices = planes + 1),
    CLI_OPTION(CLI_TEXT, "in", 0, "INSTANCE",
               "64 hex digits or a path such as /world (default: the top)"),
    CLI_OPTION(CLI_TEXT, "out", 'o', "PROOF", "the file to write (default: stdout)"),
    {0},
};

/* By the word; else an id that is an edge is meant as one, all else as a node. */
static enum rmg_proof_plane plane_of(const char *word, const struct format_graph *graph,
                                     const struct rmg_instance *in, const struct jit_id *id)
{
    struct rmg_graph view;
    struct rmg_edge edge;
    for (int i = RMG_PROOF_NODES; word != NULL && i <= RMG_PROOF_INSTANCES; i++) {
        if (strcmp(planes[i], word) == 0) {
            return (enum rmg_proof_plane)i;
        }
    }
    rmg_store_graph(graph->store, in, &view);
    return rmg_edge_get(&view, id, &edge) == JIT_OK ? RMG_PROOF_EDGES : RMG_PROOF_NODES;
}

static json_t *put_proof(json_t *event, const struct rmg_proof *proof)
{
    char hex[JIT_ID_HEX];
    cli_put_text(event, "plane", planes[proof->plane]);
    cli_put_bool(event, "present", proof->present);
    jit_id_to_hex(&proof->id, hex);
    cli_put_text(event, "id", hex);
    jit_id_to_hex(&proof->instance, hex);
    cli_put_text(event, "instance", hex);
    jit_id_to_hex(&proof->root, hex);
    return cli_put_text(event, "state_root", hex);
}

static int write_proof(struct cli *cli, const struct jit_buf *buf)
{
    const char *path = cli_text(cli, "out");
    struct rmg_proof proof;
    char hex[JIT_ID_HEX];
    if (path == NULL || strcmp(path, "-") == 0) {
        return cli_write(cli, buf->data, buf->size);
    }
    int code = rmg_output_all(cli, path, buf->data, buf->size);
    if (code != CLI_OK || rmg_proof_read(buf->data, buf->size, &proof) != JIT_OK) {
        return code;
    }
    jit_id_to_hex(&proof.root, hex);
    cli_print(cli, "%s  %zu bytes: it is %s\nstate_root %s\n", cli_word(cli, path), buf->size,
              proof.present ? "there" : "not there", hex);
    json_t *event = put_proof(cli_event("prove", "rmg.prove/1"), &proof);
    cli_put_text(event, "path", path);
    cli_put_number(event, "bytes", buf->size);
    return cli_emit(cli, event);
}

/* The instance it is in, and the plane it is proved in. Of instances there is but one plane. */
static int find_place(struct cli *cli, const struct format_graph *graph, const struct jit_id *id,
                      struct jit_id *instance, enum rmg_proof_plane *plane)
{
    const char *word = cli_text(cli, "plane");
    struct rmg_instance in = {.id = {{0}}};
    *plane = RMG_PROOF_INSTANCES;
    if (word != NULL && strcmp(word, planes[RMG_PROOF_INSTANCES]) == 0) {
        return CLI_OK;
    }
    int code = path_instance(cli, graph, cli_text(cli, "in"), &in);
    if (code != CLI_OK) {
        cli_next(cli, "rmg prove %s INSTANCE --plane instances", cli->operands[0]);
        return code;
    }
    *instance = in.id;
    *plane = plane_of(word, graph, &in, id);
    return CLI_OK;
}

int rmg_prove_verb(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format = NULL;
    enum rmg_proof_plane plane;
    struct jit_buf buf;
    struct jit_id id;
    struct jit_id in = {{0}};
    if (path_id(cli->operands[1], &id) != JIT_OK) {
        cli_what(cli, "does not take \"%s\"", cli->operands[1]);
        cli_why(cli, "an id is 64 hex digits, or node:LABEL, edge:LABEL, warp:LABEL");
        cli_next(cli, "rmg prove -h");
        return CLI_USAGE;
    }
    jit_buf_init(&buf, jit_heap_libc(), RMG_PROOF_BYTES_MAX);
    int code = rmg_load_path(cli, cli->operands[0], &graph, &format);
    if (code == CLI_OK) {
        code = find_place(cli, &graph, &id, &in, &plane);
    }
    if (code == CLI_OK) {
        enum jit_err err = rmg_prove(graph.store, &graph.version, plane, &in, &id, &buf);
        if (err == JIT_OK) {
            code = write_proof(cli, &buf);
        } else {
            cli_what(cli, "cannot prove anything about %s", cli->operands[1]);
            cli_why(cli, "%s", jit_err_text(err));
            code = cli_exit_of(err);
        }
    }
    jit_buf_release(&buf);
    format_graph_release(&graph);
    return code;
}

int rmg_verify_proof(struct cli *cli)
{
    const char *path = cli_text(cli, "proof");
    const char *want = cli_text(cli, "root");
    struct jit_heap *heap = jit_heap_libc();
    struct rmg_proof proof;
    struct jit_id root;
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    char hex[JIT_ID_HEX];
    if (want == NULL || jit_id_from_hex(want, strlen(want), &root) != JIT_OK) {
        cli_what(cli, "needs --root HEX");
        cli_why(cli, "a proof says nothing but under a state root one trusts, of 64 hex digits");
        cli_next(cli, "rmg hash FILE");
        return CLI_USAGE;
    }
    enum jit_err err = format_read_file(heap, path, RMG_PROOF_BYTES_MAX, &bytes, &size);
    if (err == JIT_OK) {
        err = rmg_proof_read(bytes, (size_t)size, &proof);
    }
    if (err != JIT_OK) {
        cli_what(cli, "cannot use %s", path);
        const bool damaged = err == JIT_EFORMAT || err == JIT_ELIMIT;
        int code = rmg_unread(cli, err, path);
        if (damaged) {
            cli_why(cli, "it is no proof, or a damaged one");
        }
        cli_next(cli, "rmg prove FILE ID -o %s", path);
        heap->free(heap, bytes);
        return damaged ? CLI_CORRUPT : code;
    }
    bool holds = jit_id_equal(&proof.root, &root);
    if (holds) {
        jit_id_to_hex(&proof.id, hex);
        cli_print(cli, "%s is %s the %s of that state\n", hex,
                  proof.present ? "among" : "not among", planes[proof.plane]);
    } else {
        jit_id_to_hex(&proof.root, hex);
        cli_what(cli, "%s does not hold for that root", path);
        cli_why(cli, "it leads to %s", hex);
        cli_next(cli, "rmg prove FILE ID -o %s", path);
    }
    json_t *event = put_proof(cli_event("verify", "rmg.verify/1"), &proof);
    cli_put_text(event, "path", path);
    cli_put_bool(event, "verified", holds);
    heap->free(heap, bytes);
    if (!holds) {
        json_decref(event);
        return CLI_CORRUPT;
    }
    return cli_emit(cli, event);
}
