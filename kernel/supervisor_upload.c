#include <stdio.h>

#include "kernel/supervisor_priv.h"

/* A system that a client sends into a folder that has none: in pieces into a blob, then verified,
 * and made tick 0. */

void supervisor_upload_begin(struct shell_supervisor *s, struct hub_conn *conn)
{
    if (s->core != NULL) {
        supervisor_fail(s, conn, "exists", "this folder has a system already");
        return;
    }
    if (s->upload != NULL) {
        supervisor_fail(s, conn, "busy", "somebody else is sending a system");
        return;
    }
    enum jit_err err = blob_begin(s->heap, s->system.io, &s->upload);
    if (err != JIT_OK) {
        s->upload = NULL;
        supervisor_fail(s, conn, supervisor_error_code(err, "io"),
                        err == JIT_ENOSPC   ? "no space left for the system"
                        : err == JIT_ENOMEM ? jit_err_text(err)
                                            : "the system could not be stored in the data folder");
        return;
    }
    s->uploader = conn;
    s->upload_size = 0;
}

static void end_upload(struct shell_supervisor *s)
{
    blob_abort(s->upload);
    s->upload = NULL;
    s->uploader = NULL;
}

void supervisor_upload_data(struct shell_supervisor *s, struct hub_conn *conn,
                            const cbor_item_t *message)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    if (s->uploader != conn || !hub_get_bytes(message, "data", &bytes, &size)) {
        supervisor_fail(s, conn, "format", "genesis_data without genesis_begin, or without data");
        return;
    }
    s->upload_size += size;
    enum jit_err err = s->upload_size > JIT_PATCH_GENESIS_BYTES_MAX
                           ? JIT_ELIMIT
                           : blob_append(s->upload, bytes, size);
    if (err != JIT_OK) {
        end_upload(s);
        supervisor_fail(s, conn, supervisor_error_code(err, "io"),
                        err == JIT_ENOSPC ? "no space left for the system" : jit_err_text(err));
    }
}

static void end_with(struct shell_supervisor *s, int code)
{
    s->end_code = code;
    s->quit = true;
}

void supervisor_upload_end(struct shell_supervisor *s, struct hub_conn *conn)
{
    char message[512] = "";
    struct jit_id blob;
    if (s->uploader != conn) {
        supervisor_fail(s, conn, "format", "genesis_end without genesis_begin");
        return;
    }
    struct blob_writer *upload = s->upload;
    s->upload = NULL;
    s->uploader = NULL;
    enum jit_err err = blob_finish(upload, &blob, &s->upload_size);
    if (err != JIT_OK) {
        supervisor_fail(s, conn, supervisor_error_code(err, "io"), jit_err_text(err));
        return;
    }
    err = shell_system_genesis(&s->system, &blob, s->upload_size);
    if (err != JIT_OK) {
        supervisor_fail(s, conn, supervisor_error_code(err, "refused"), s->system.message);
        if (shell_system_ready(&s->system)) {
            /* Built but not logged: it cannot be built again in this process. */
            end_with(s, err == JIT_EINVALID ? 2 : 8);
        } else if (blob_sweep(s->heap, s->system.io, NULL, 0, NULL) != JIT_OK) {
            fprintf(stderr, "jitosd: what was sent could not be removed; the next start will\n");
        }
        return;
    }
    err = supervisor_start_core(s, message, sizeof message);
    if (err != JIT_OK) {
        supervisor_fail(s, conn, supervisor_error_code(err, "refused"), message);
        end_with(s, 8); /* the folder holds a state that cannot run; the next start says so again */
        return;
    }
    supervisor_answer_status(s, conn, "status");
}

void supervisor_upload_gone(struct shell_supervisor *s, const struct hub_conn *conn)
{
    if (s->uploader == conn) {
        end_upload(s);
    }
}
