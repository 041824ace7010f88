/* LMDB beside the store, where it is installed: the same n hashed ids of 32 bytes with a value of
 * 32 bytes, in a file in /dev/shm without sync. lmdb_get, lmdb_iterate: a lookup, a step; beside
 * `get` and `iterate`. lmdb_put_1000: a transaction of 1,000 overwritten values; beside `set1000`,
 * which also makes the root. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "tests/bench/bench.h"

#ifdef HAVE_LMDB
#include <lmdb.h>

struct peer {
    uint64_t n;
    struct jit_id *ids;
    MDB_env *env;
    MDB_dbi db;
};

static void must(int got)
{
    assert(got == 0);
}

static MDB_val value_of(const void *bytes, size_t size)
{
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)bytes};
}

static void fill(struct peer *peer)
{
    MDB_txn *txn;
    must(mdb_txn_begin(peer->env, NULL, 0, &txn));
    must(mdb_dbi_open(txn, NULL, 0, &peer->db));
    for (uint64_t i = 0; i < peer->n; i++) {
        jit_hash_named("node:", &i, sizeof i, &peer->ids[i]);
        MDB_val key = value_of(&peer->ids[i], sizeof peer->ids[i]);
        MDB_val value = value_of(&peer->ids[0], sizeof peer->ids[0]);
        must(mdb_put(txn, peer->db, &key, &value, 0));
    }
    must(mdb_txn_commit(txn));
}

static void reads(const struct bench *bench, const struct peer *peer)
{
    double samples[21];
    struct jit_random random = jit_random_of(5);
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    must(mdb_txn_begin(peer->env, NULL, MDB_RDONLY, &txn));
    for (size_t i = 0; i < 21 && bench_wants(bench, "lmdb_get", peer->n); i++) {
        uint64_t before = bench_now_ns();
        for (unsigned k = 0; k < 10000; k++) {
            key = value_of(&peer->ids[jit_random_below(&random, peer->n)], sizeof peer->ids[0]);
            must(mdb_get(txn, peer->db, &key, &value));
        }
        samples[i] = (double)(bench_now_ns() - before) / 10000;
    }
    bench_report(bench, "lmdb_get", peer->n, samples, 21);
    for (size_t i = 0; i < 5 && bench_wants(bench, "lmdb_iterate", peer->n); i++) {
        uint64_t count = 0;
        must(mdb_cursor_open(txn, peer->db, &cursor));
        uint64_t before = bench_now_ns();
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            count++;
        }
        samples[i] = (double)(bench_now_ns() - before) / (double)peer->n;
        assert(count == peer->n);
        mdb_cursor_close(cursor);
    }
    bench_report(bench, "lmdb_iterate", peer->n, samples, 5);
    mdb_txn_abort(txn);
}

static void writes(const struct bench *bench, const struct peer *peer)
{
    double samples[51];
    struct jit_random random = jit_random_of(1000);
    for (size_t i = 0; i < 51 && bench_wants(bench, "lmdb_put_1000", peer->n); i++) {
        MDB_txn *txn;
        uint64_t before = bench_now_ns();
        must(mdb_txn_begin(peer->env, NULL, 0, &txn));
        for (unsigned k = 0; k < 1000; k++) {
            uint64_t at = jit_random_below(&random, peer->n);
            uint64_t bytes[4] = {jit_random_next(&random)};
            MDB_val key = value_of(&peer->ids[at], sizeof peer->ids[at]);
            MDB_val value = value_of(bytes, sizeof bytes);
            must(mdb_put(txn, peer->db, &key, &value, 0));
        }
        must(mdb_txn_commit(txn));
        samples[i] = (double)(bench_now_ns() - before);
    }
    bench_report(bench, "lmdb_put_1000", peer->n, samples, 51);
}

void bench_lmdb(const struct bench *bench)
{
    static const uint64_t sizes[] = {100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char path[] = "/dev/shm/bench_lmdb.XXXXXX";
        struct peer peer = {.n = sizes[i]};
        if (!bench_wants(bench, "lmdb_get", peer.n) &&
            !bench_wants(bench, "lmdb_iterate", peer.n) &&
            !bench_wants(bench, "lmdb_put_1000", peer.n)) {
            continue;
        }
        int file = mkstemp(path);
        assert(file >= 0);
        close(file);
        peer.ids = calloc(peer.n, sizeof *peer.ids);
        assert(peer.ids != NULL);
        must(mdb_env_create(&peer.env));
        must(mdb_env_set_mapsize(peer.env, (peer.n + 10000) * 1000));
        must(mdb_env_open(peer.env, path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK, 0600));
        fill(&peer);
        reads(bench, &peer);
        writes(bench, &peer);
        mdb_env_close(peer.env);
        free(peer.ids);
        unlink(path);
    }
}
#else
void bench_lmdb(const struct bench *bench)
{
    (void)bench; /* configure has said that it is not there */
}
#endif
