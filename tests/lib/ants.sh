# tests/lib/ants.sh - the ants of the manual, whose workers somebody strikes from outside while they
# are at it. To be sourced after processes.sh; the test defines strike().
# shellcheck shell=sh
# shellcheck disable=SC2154 # of processes.sh

# strike_ants NAME WANTED: runs them, 200 ticks more each time, until there were so many $strikes;
# meanwhile strike SUPERVISOR is called again and again, which counts them. What they did is then to
# be what they do in peace. $ticks and $rounds say how far it went.
strike_ants() {
    example=$top/examples/native
    cp "$example"/*.csv "$build/examples/native/ants" "$dir"
    sed -e 's/process colony\[2\]\(.*\)$/process colony[4]\1\n  RESTART/' \
        -e 's/RESTART/restart on failure at most 1000 in 100 ticks/' \
        "$example/ants.jitos" >"$dir/ants.jitos"
    strikes=0
    ticks=0
    rounds=0
    while [ $strikes -lt "$2" ]; do
        rounds=$((rounds + 1))
        [ $rounds -le 2000 ] || { fail "only $strikes strikes in $rounds rounds" && exit 1; }
        ticks=$((ticks + 200))
        system=
        [ $rounds = 1 ] && system="$dir/ants.jitos --seed 3"
        # shellcheck disable=SC2086
        "$jitos" run $system --ticks $ticks --data "$dir/$1" --json >"$dir/$1.json" \
            2>"$dir/$1.err" &
        run=$!
        while [ $strikes -lt "$2" ] && kill -0 $run 2>/dev/null; do
            for supervisor in $(children $run); do
                strike "$supervisor"
            done
        done
        wait $run || { fail "after $strikes strikes: exit $?: $(cat "$dir/$1.err")" && exit 1; }
    done

    "$jitos" run "$dir/ants.jitos" --seed 3 --ticks $ticks --data "$dir/peace" --json \
        >"$dir/peace.json"
    [ "$(key tick "$dir/$1.json")" = "$(key tick "$dir/peace.json")" ] || fail "another tick"
    [ -n "$(key head "$dir/peace.json")" ] || fail "no head: $(tail -n 1 "$dir/peace.json")"
    [ "$(key head "$dir/$1.json")" = "$(key head "$dir/peace.json")" ] ||
        fail "after $strikes strikes in $ticks ticks the history is another one"
    want 0 "$jitos" replay --data "$dir/$1" --verify
}
