#!/bin/sh
# Goal:   where there is no memory for the versions that a process keeps, the run stops with what is
#         missing, nothing that was told is lost, and the same command goes on without them: the
#         history is that of a machine with more memory.
# Method: a system that changes all it has in each tick, with real processes; files, and so the
#         memory that workers see, may have so many bytes and no more; run again until it is there.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
cells 3000 hits:long >cells.csv
# keeps N
keeps() {
    cat <<END
system keeps
type Cell { hits: i64 = 0 }
import "cells.csv" into /world
rule go match (a:Cell) set a.hits = a.hits + 1
process w run go apply all over shard(/world) keep $1 versions
grant w: map /world; invoke go on /world
END
}
keeps 64 >much.jitos
keeps 2 >little.jitos

# small DATA: a folder whose log is in small files
small() {
    "$jitosd" --data "$1" --segment-bytes 1048576 2>err &
    pid=$!
    while [ ! -S "$1/hub.sock" ] && kill -0 $pid; do :; done
    kill $pid
    wait $pid || fail "the supervisor left with $?: $(cat err)"
}
# tight SYSTEM DATA
tight() {
    code=0
    prlimit --fsize=33554432 "$jitos" run "$1" --ticks 20 --seed 3 --data "$2" --durability none \
        --json >out 2>err || code=$?
}

want 0 "$jitos" run much.jitos --ticks 20 --seed 3 --data roomy --durability none --json
head=$(key head out)
small little
tight little.jitos little
[ $code = 0 ] || fail "two versions do not fit: exit $code: $(cat err)"

small much
stops=0
last=-1
tight much.jitos much
while [ $code != 0 ] && [ $stops -lt 30 ] && [ "$failed" = 0 ]; do
    stops=$((stops + 1))
    [ $code = 8 ] || fail "exit $code: $(cat err)"
    cat out err >said
    grep -q 'was refused: no space left; [0-9]* older versions' said ||
        fail "it does not say what is missing: $(cat said)"
    grep -q 'the same command again goes on' said || fail "nor what to do: $(cat said)"
    want 0 "$jitos" verify --data much
    tick=$(sed -n 's/^whole *\([0-9]*\) ticks$/\1/p' out)
    [ "$tick" -gt "$last" ] || fail "it stays at tick $tick"
    last=$tick
    tight much.jitos much
done
[ $stops -gt 0 ] || fail "there was room for all"
[ "$(key head out)" = "$head" ] || fail "after $stops stops another head: $(cat out err)"
want 0 "$jitos" replay --by rules --data much

[ "$failed" = 0 ] && echo "$stops times without room: the same history"
exit "$failed"
