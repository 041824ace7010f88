# tests/lib/small_log.sh - a small system and a data folder for its history whose log has small
# segments: a copy is small, and there is soon something to give up or to set aside. To be sourced
# after processes.sh, in the folder of the test.
# shellcheck shell=sh

# small_log NAME DATA: cells.csv, s.jitos (a system of that name), and the folder without a tick
small_log() {
    cells 6 hits:long >cells.csv
    cat >s.jitos <<EOF
system $1
type Cell { hits: i64 sum = 0 }
import "cells.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  add a.hits, 1
process w run count(p = 0.5) apply all over shard(/world)
grant w: map /world; invoke count on /world
EOF
    # shellcheck disable=SC2154 # of the test
    "$jitosd" --data "$2" --segment-bytes 16384 2>err &
    pid=$!
    while [ ! -S "$2/hub.sock" ] && kill -0 $pid; do :; done
    kill $pid
    wait $pid || fail "the supervisor left with $?: $(cat err)"
    rm -f "$2/hub.sock"
}
