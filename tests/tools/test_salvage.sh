#!/bin/sh
# Goal:   of a damaged log all is kept that can be: nothing is cut where a checkpoint lies behind
#         the damage, else every tick before it; the bytes that are cut off are still there; and
#         the run goes on from there as it would have.
# Method: a byte of each kind of place is changed: a record, a segment's header, a segment that is
#         gone, a blob; then --salvage, twice; killed before each of its steps.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/small_log.sh
. "$top/tests/lib/small_log.sh"

kill_at=$build/tests/tools/kill_at
cd "$dir"
small_log rest old
want 0 "$jitos" run s.jitos --ticks 8 --seed 3 --data old
want 0 "$jitos" checkpoint -m one --data old
want 0 "$jitos" run --ticks 24 --data old --json
root=$(key root out)
cp -r old kept
want 0 "$jitos" checkpoint -m two --data kept
want 0 "$jitos" run --ticks 27 --data kept

# Where it is whole nothing happens.
want 0 "$jitos" verify --salvage --data old
says "nothing was set aside"

# damage FOLDER SEGMENT BYTE
damage() {
    printf '\377\377' | dd of="$1/log/000000000000000$2.seg" bs=1 seek="$3" conv=notrunc 2>/dev/null
}

# cut FOLDER: it is damaged; then it is not, has lost ticks, and makes them again
cut() {
    want 5 "$jitos" verify --data "$1"
    cp -r "$1" again
    want 0 "$jitos" verify --salvage --data "$1" --json
    [ "$(key segments out)" -ge 1 ] || fail "$1: nothing was set aside"
    ticks=$(key ticks out)
    [ -n "$(find "$1/log" -name '*.broken')" ] || fail "$1: the bytes are gone"
    want 0 "$jitos" verify --deep --data "$1"
    want 0 "$jitos" verify --salvage --data "$1"
    says "nothing was set aside"
    want 0 "$jitos" run --ticks 24 --data "$1" --json
    [ "$(key root out)" = "$root" ] || fail "$1: made again, another root"
    # The same, killed before each of its steps.
    step=0
    ended=0
    while [ "$ended" = 0 ] && [ "$step" -lt 200 ]; do
        step=$((step + 1))
        rm -rf killed
        cp -r again killed
        "$kill_at" "$step" "$jitos" verify --salvage --data killed >out 2>err || ended=$?
        want 0 "$jitos" verify --salvage --data killed --json
        [ $((step % 4)) != 0 ] || want 0 "$jitos" verify --deep --data killed
    done
    [ "$ended" = 3 ] || fail "$1: kill_at: exit $ended at step $step"
    rm -rf again killed
    lost=$((lost + 25 - ticks))
}
lost=0

cp -r old record
damage record 6 5000
cut record
cp -r old header
damage header 7 20
cut header
cp -r old gone
rm gone/log/0000000000000006.seg
cut gone
[ "$lost" -gt 3 ] || fail "only $lost ticks were lost in three folders"

# Before a checkpoint: all is kept, and what cannot be read can be given up.
damage kept 2 5000
want 5 "$jitos" verify --data kept
want 0 "$jitos" verify --salvage --data kept
says "kept    all"
want 0 "$jitos" run --ticks 30 --data kept
want 0 "$jitos" gc --keep 0 --log --data kept
want 0 "$jitos" checkpoint --data kept
want 3 "$jitos" verify --salvage --data nowhere

# With nothing to begin with nothing is touched.
cp -r old head
rm -f head/ckpt/*.ckpt
damage head 1 4200
want 5 "$jitos" verify --salvage --data head
[ -z "$(find head/log -name '*.broken')" ] ||
    fail "of a log without a beginning something was moved"

[ "$failed" = 0 ] && echo "salvage: ok"
exit "$failed"
