#!/bin/sh
# Goal:   a worker that is a program of its own has all of its space: branches nest, merge, are
#         chosen and collapsed, what it may not write stays as it is, its own graph goes on after
#         any death from the last tick that was done; the history is the same every time.
# Method: tests/tools/brancher, which compares what it finds with what the tick says, in real
#         processes: in peace; killed from outside again and again, at whatever instruction it is,
#         for JIT_OWN_TICKS ticks (200; `make hostile`: 100,000); without the right to write.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/brancher.sh
. "$top/tests/lib/brancher.sh"

ticks=${JIT_OWN_TICKS:-200}
brancher_system branches

value() { # FOLDER NAME
    "$jitos" inspect "/world/probe/$2" --data "$dir/$1" | sed 's/^i64 //'
}

check() { # FOLDER: what it says at the end
    [ "$(value "$1" broken)" = 0 ] || fail "$1: the first thing wrong is $(value "$1" broken)"
    [ "$(value "$1" own)" = "$ticks" ] || fail "$1: its graph has $(value "$1" own) ticks"
    [ "$(value "$1" nested)" = 11 ] || fail "$1: nested $(value "$1" nested)"
    [ "$(value "$1" left)" = "$ticks" ] || fail "$1: merged $(value "$1" left)"
    [ "$(value "$1" chosen)" = 2 ] || fail "$1: chosen $(value "$1" chosen)"
}

want 0 "$jitos" run "$dir/branches.jitos" --ticks "$ticks" --seed 1 --data "$dir/peace" --json
cp "$dir/out" "$dir/peace.json"
check peace
want 0 "$jitos" replay --data "$dir/peace" --verify

# The same, with a worker that dies all the time.
"$jitos" run "$dir/branches.jitos" --ticks "$ticks" --seed 1 --data "$dir/killed" --json \
    >"$dir/killed.json" 2>"$dir/killed.err" &
run=$!
kills=0
last=
# patience: how often the next life is looked at before it is ended. Every second one once, every
# fourth twice, and so on: most die early, and some live long enough on the slowest machine.
patience() {
    n=$((kills + 1)) left=1
    while [ $((n % 2)) = 0 ]; do
        n=$((n / 2)) left=$((left * 2))
    done
}
while kill -0 $run 2>/dev/null; do
    for supervisor in $(children $run); do
        # Its children by the kernel's own list, where there is one: then it dies far more often.
        list=/proc/$supervisor/task/$supervisor/children
        while [ -r "$list" ] && now=$(cat "$list" 2>/dev/null); do
            for worker in $now; do
                name=
                read -r name <"/proc/$worker/comm" || continue
                case $name in jitosd | jitos-spawn) continue ;; esac
                [ "$worker" = "$last" ] || patience
                last=$worker left=$((left - 1))
                [ $left -le 0 ] || continue
                kill -KILL "$worker" && kills=$((kills + 1))
            done
        done 2>/dev/null
        for worker in $(workers "$supervisor"); do
            kill -KILL "$worker" 2>/dev/null && kills=$((kills + 1))
        done
    done
done
wait $run || fail "killed: exit $?: $(cat "$dir/killed.err")"
check killed
[ $kills -ge 1 ] || fail "only $kills kills in $ticks ticks"
[ "$(key head "$dir/killed.json")" = "$(key head "$dir/peace.json")" ] ||
    fail "after $kills kills the history is another one"

# Without the right to write nothing is changed, and the program is told at once.
sed 's/; write \/world//' "$dir/branches.jitos" >"$dir/readonly.jitos"
all=$ticks ticks=5
want 0 "$jitos" run "$dir/readonly.jitos" --ticks 5 --seed 1 --data "$dir/readonly"
[ "$(value readonly own)" = 0 ] || fail "readonly: it has written"

# In an instance that lies in another. The right to write that one is enough; a right to write
# somewhere else is not.
sed -e 's/into \/world/into \/world\/room/' -e 's/shard(\/world)/shard(\/world\/room)/' \
    "$dir/branches.jitos" >"$dir/nested.jitos"
want 0 "$jitos" run "$dir/nested.jitos" --ticks 5 --seed 1 --data "$dir/nested"
got=$("$jitos" inspect /world/room/probe/own --data "$dir/nested")
[ "$got" = "i64 5" ] || fail "nested: $got"
got=$("$jitos" inspect /world/room/probe/broken --data "$dir/nested")
[ "$got" = "i64 0" ] || fail "nested: the first thing wrong is $got"
sed 's/write \/world$/write \/bus/' "$dir/nested.jitos" >"$dir/inner.jitos"
want 0 "$jitos" run "$dir/inner.jitos" --ticks 5 --seed 1 --data "$dir/inner"
got=$("$jitos" inspect /world/room/probe/own --data "$dir/inner")
[ "$got" = "i64 0" ] || fail "inner: it has written: $got"

echo "$kills kills in $all ticks: the same history, the same own graph"
exit "$failed"
