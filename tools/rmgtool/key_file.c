/* tools/rmgtool/key_file.c - reading key files; docs/spec/signature.md. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/rmgtool/keys.h"

#define KEY_FILE_MAX 256u

int keys_refuse(struct cli *cli, const char *path, const char *why, int code)
{
    cli_what(cli, "cannot use %s", path);
    cli_why(cli, "%s", why);
    cli_next(cli, "rmg keygen my.key");
    return code;
}

/* One line: the prefix and 64 digits. */
static int read_key(struct cli *cli, const char *path, const char *prefix, bool secret,
                    uint8_t out[JIT_ID_BYTES])
{
    char text[KEY_FILE_MAX];
    struct stat info;
    struct jit_id key;
    size_t prefix_size = strlen(prefix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return keys_refuse(cli, path, strerror(errno), errno == ENOENT ? CLI_NOT_FOUND : CLI_USAGE);
    }
    bool known = fstat(fd, &info) == 0;
    ssize_t size = read(fd, text, sizeof text);
    int error = errno;
    close(fd);
    errno = error;
    if (!known || size < 0) {
        return keys_refuse(cli, path, strerror(errno), errno == EISDIR ? CLI_USAGE : CLI_HOST);
    }
    if (secret && (info.st_mode & 077u) != 0) {
        cli_next(cli, "chmod 600 %s", path);
        cli_what(cli, "cannot use %s", path);
        cli_why(cli, "it is a secret, and others may read it (mode %03o)",
                (unsigned)(info.st_mode & 0777u));
        return CLI_USAGE;
    }
    bool right = (size_t)size == prefix_size + 65u && memcmp(text, prefix, prefix_size) == 0 &&
                 text[prefix_size + 64u] == '\n' &&
                 jit_id_from_hex(text + prefix_size, 64, &key) == JIT_OK;
    jit_sign_forget(text, sizeof text);
    if (!right) {
        return keys_refuse(cli, path, secret ? "it is no secret key" : "it is no public key",
                           CLI_USAGE);
    }
    memcpy(out, key.bytes, JIT_ID_BYTES);
    jit_sign_forget(&key, sizeof key);
    return CLI_OK;
}

int keys_read_secret(struct cli *cli, const char *path, uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    return read_key(cli, path, KEYS_SECRET_PREFIX, true, seed);
}

int keys_read_public(struct cli *cli, const char *path, uint8_t key[JIT_SIGN_PUBLIC_BYTES])
{
    return read_key(cli, path, KEYS_PUBLIC_PREFIX, false, key);
}
