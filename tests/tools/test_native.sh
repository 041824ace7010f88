#!/bin/sh
# Goal:   workers that are programs of their own: the example of the manual runs and gives the same
#         world every time, with any number of members, after deaths of workers and supervisor, and
#         beside others that mean no good; what cannot be run is refused before there is a system.
# Method: examples/native with real processes; tests/tools/rogue, each member of which breaks out in
#         another way and dies of it.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

example=$top/examples/native

cp "$example"/*.csv "$build/examples/native/ants" "$dir"
cp "$build/tests/tools/rogue" "$dir"

# run NAME SYSTEM TICKS [OPTION...]: its events in NAME.json
run() {
    name=$1 system=$2 ticks=$3
    shift 3
    "$jitos" run "$system" --ticks "$ticks" --seed 3 --data "$dir/$name" --json "$@" \
        >"$dir/$name.json" 2>"$dir/$name.err" && got=0 || got=$?
}

cp "$example/ants.jitos" "$dir/two.jitos"
sed 's/colony\[2\]/colony[1]/' "$example/ants.jitos" >"$dir/one.jitos"
sed 's/colony\[2\]/colony[5]/' "$example/ants.jitos" >"$dir/five.jitos"

run two "$dir/two.jitos" 40
[ $got = 0 ] || fail "two: exit $got: $(cat "$dir/two.err")"
world=$(key world "$dir/two.json")
[ ${#world} = 64 ] || fail "two: no world: $(tail -1 "$dir/two.json")"
applied=$(key applied "$dir/two.json")
[ "$applied" -ge 200 ] || fail "two: only $applied steps"
[ "$(key deterministic "$dir/two.json")" = true ] || fail "two: not deterministic"

run again "$dir/two.jitos" 40
head=$(key head "$dir/two.json")
[ "$(key head "$dir/again.json")" = "$head" ] || fail "again: another head"
for n in one five; do
    run $n "$dir/$n.jitos" 40
    [ "$(key world "$dir/$n.json")" = "$world" ] || fail "$n: another world"
done

# The log repeats it without the program.
rm "$dir/ants"
"$jitos" replay --data "$dir/two" --verify >"$dir/replay" 2>&1 ||
    fail "replay: $(cat "$dir/replay")"

# The folder has the program: a supervisor that died goes on without the file.
cp "$build/examples/native/ants" "$dir"
run broken "$dir/two.jitos" 40 --die-at-log-offset 60000
[ $got != 0 ] || fail "broken: it was to die on the way"
rm "$dir/ants"
"$jitos" run --data "$dir/broken" --ticks 40 --json >"$dir/broken.json" 2>"$dir/broken.err" ||
    fail "broken: $(cat "$dir/broken.err")"
[ "$(key head "$dir/broken.json")" = "$head" ] ||
    fail "broken: another head after its recovery"
cp "$build/examples/native/ants" "$dir"

# Beside rogues: each dies, is started again, and is given up in the end; the ants go their way.
beside_rogues() {
    sed -e 's/process colony\[2\]/process colony[1]/' "$example/ants.jitos" >"$dir/rogue.jitos"
    cat >>"$dir/rogue.jitos" <<'END'
process rogue[15] exec("./rogue") run step over shard(/world)
  restart on failure at most 1 in 100 ticks
grant rogue: map /world
END
    run beside "$dir/rogue.jitos" 40
    [ $got = 0 ] || fail "beside rogues: exit $got: $(cat "$dir/beside.err")"
    [ "$(key world "$dir/beside.json")" = "$world" ] ||
        fail "beside rogues: they disturbed the ants"
    grep -q "process 13 is killed: it does not take its receipts" "$dir/beside.err" ||
        fail "beside rogues: who takes no receipts: $(cat "$dir/beside.err")"
    dead=$(tail -1 "$dir/beside.json" | grep -o '"what":"failed"' | wc -l)
    [ "$dead" = 15 ] || fail "beside rogues: $dead of 15 were given up"
    "$jitos" replay --data "$dir/beside" --verify >"$dir/replay" 2>&1 ||
        fail "beside rogues: replay: $(cat "$dir/replay")"
}
# With sanitizers a worker has no filters (docs/HACKING.md): most rogues would live on.
if [ -z "${sanitize_cflags-}" ]; then
    beside_rogues
else
    echo "not tried in a sanitizer build, which has no filters: rogues, a dynamic program"
fi

# What cannot be run is refused by name.
refused() { # refused NAME WORDS...
    run "$1" "$dir/$1.jitos" 5
    [ $got != 0 ] || fail "$1: it was not refused"
    grep -q "$2" "$dir/$1.err" || fail "$1: said: $(cat "$dir/$1.err")"
    [ ! -e "$dir/$1/log" ] || fail "$1: there is a system all the same"
}
sed 's|"./ants"|"./nowhere"|' "$example/ants.jitos" >"$dir/missing.jitos"
refused missing nowhere
sed 's|"./ants"|"cells.csv"|' "$example/ants.jitos" >"$dir/data.jitos"
refused data "not an ELF"
sed 's|"./ants"|"/bin/sh"|' "$example/ants.jitos" >"$dir/dynamic.jitos"
[ -n "${sanitize_cflags-}" ] || refused dynamic "static-pie"
head -c 5000 "$dir/ants" >"$dir/cut"
sed 's|"./ants"|"./cut"|' "$example/ants.jitos" >"$dir/cut.jitos"
refused cut "do not lie in the file"

exit $failed
