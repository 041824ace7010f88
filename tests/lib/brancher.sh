# tests/lib/brancher.sh - a system for tests/tools/brancher, a worker that keeps a graph of its own
# and compares it with what the tick says. To be sourced after processes.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # of begin.sh

# brancher_system NAME: $dir/NAME.jitos, beside it the program and what is imported
brancher_system() {
    cp "$build/tests/tools/brancher" "$dir"
    printf ':ID,name,:LABEL\nprobe,The probe,Probe\n' >"$dir/probe.csv"
    cat >"$dir/$1.jitos" <<END_OF_SYSTEM
system $1
type Probe {
  name: text, own: i64 = 0, nested: i64 = 0, left: i64 = 0, right: i64 = 0, chosen: i64 = -1,
  broken: i64 = 0
}
import "probe.csv" into /world
rule look match (p:Probe) where p.own < 0 set p.own = 0
process b exec("./brancher") run look over shard(/world) keep 4 versions
  restart on failure at most 1000 in 2 ticks
grant b: map /world, /dev; write /world
END_OF_SYSTEM
}
