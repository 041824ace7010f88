#!/bin/sh
# Goal:   whatever request for memory is refused to a whole program, to the C library or any other
#         one, jitos, rmg and a run with its jitosd do what they would have done, or end with exit
#         code 8 and say that it was memory; never by a signal, never without end; and what was
#         there before verifies, with the same head.
# Method: tests/lib/refuse.c is preloaded and refuses the n-th request, once and from then on, until
#         a command makes no n-th one. What reads must leave every file as it was and say what it
#         always says; what writes gets a fresh copy each time, which is verified after it. A start
#         that failed succeeds with memory. libseccomp is refused none: it uses what it did not
#         get. That is a share of the requests, each of the first ones among them; with
#         JIT_OOM_VERBS=all it is every one, once and from then on (make check-oom-verbs).
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/small_log.sh
. "$top/tests/lib/small_log.sh"

refuse=$build/tests/.libs/refuse.so
if [ -n "${sanitize_cflags:-}" ]; then
    echo "not tried in a sanitizer build: it brings an allocator of its own"
    exit 77
fi
[ -e "$refuse" ] || skip "there is no $refuse: this build makes no shared libraries"
all=${JIT_OOM_VERBS:-share}

cd "$dir"
small_log full old
want 0 "$jitos" run s.jitos --ticks 6 --seed 3 --data old --durability none
want 0 "$jitos" checkpoint -m one --data old
want 0 "$jitos" fork @6 -m other --seed 4 --data old
want 0 "$jitos" run --ticks 8 --data old/branches/other --durability none
want 0 "$jitos" run --ticks 8 --data old --durability none --json
head=$(key head out)
want 0 "$jitos" checkpoint --export one.jck --data old
want 0 "$rmg" import cells.csv -o one.rmg
want 0 "$rmg" export one.rmg --to graphml -o one.graphml
want 0 "$rmg" export one.rmg --to ndjson -o one.ndjson
want 0 "$rmg" export one.rmg --to gexf -o one.gexf
sed 's/c0/d0/' cells.csv >two.csv
want 0 "$rmg" import two.csv -o two.rmg
[ -n "$head" ] || fail "no head"

runs=0
refusals=0
in=jitos # the program that is refused memory
or=8     # another exit code that is as good

# refused N HOW COMMAND...: the code in $code, what it says in said and why
refused() {
    at=$1
    how=$2
    shift 2
    [ "$how" = sticky ] || how=
    code=0
    rm -f count
    env LD_PRELOAD="$refuse" JIT_REFUSE_NOT=libseccomp JIT_REFUSE_IN="$in" JIT_REFUSE_AT="$at" \
        ${how:+JIT_REFUSE_STICKY=1} JIT_REFUSE_PAGE="$dir/count" \
        timeout -s KILL 120 "$@" >said 2>why </dev/null || code=$?
    runs=$((runs + 1))
}

# judge: it did its work, or says that there was no memory
judge() {
    [ "$code" != 0 ] || return 0
    refusals=$((refusals + 1))
    [ "$code" != "$or" ] || code=8
    [ "$code" = 8 ] || fail "$doing: exit $code: $(cat said why)"
    grep -q "memory" why || fail "$doing: not said that it was memory: $(cat said why)"
}

# walk COMMAND...: refused at each n; $prepare is done before each run, $look after it
prepare=:
look=:
walk() {
    $prepare
    refused 0 once "$@"
    [ "$code" = 0 ] || fail "nothing refused: $*: exit $code: $(cat why)"
    last=$(od -An -tu8 -N8 count 2>no_count | tr -d ' ')
    last=${last:-0}
    [ "$last" -gt 4 ] || fail "$*: $last requests: nothing counts in $in"
    cp said usual
    doing="$*, nothing refused"
    $look "$@"
    n=1
    kinds=sticky
    while [ "$n" -le "$last" ]; do
        [ "$all" != all ] || kinds="once sticky"
        for kind in $kinds; do
            $prepare
            refused "$n" "$kind" "$@"
            doing="$*, request $n of $last in $in refused ($kind)"
            judge
            $look "$@"
        done
        case $kinds in sticky) kinds=once ;; *) kinds=sticky ;; esac
        [ "$all" = all ] || [ "$n" -lt 6 ] || n=$((n + n / 2))
        n=$((n + 1))
    done
    [ -z "${OOM_VERBS_SAY:-}" ] || echo "$last requests in $in: $*"
}

# ---- what reads ----

same_words() {
    [ "$code" != 0 ] || cmp -s said usual || fail "$doing: says something else: $(cat said why)"
}

files() {
    find old ./*.rmg ./*.jck -type f -exec cksum {} + | sort
}

reads() {
    walk "$@"
    files >now
    cmp -s now before || fail "after $*: what was there is another: $(diff before now)"
}

files >before
look=same_words
reads "$jitos" log --data old
reads "$jitos" log /world/c1/hits --data old --json
reads "$jitos" show @3 --data old --entries
reads "$jitos" inspect /world@4 --data old
reads "$jitos" query 'match (a:Cell) return a.hits' --data old
reads "$jitos" query --in /time 'match (t:tick) return t.applied' --data old --json
reads "$jitos" diff @2 HEAD --data old
reads "$jitos" why /world/c1/hits --data old --json
reads "$jitos" export --data old --to gexf
reads "$jitos" replay --by rules --data old
reads "$jitos" rules check s.jitos --json
reads "$jitos" rules fmt s.jitos
reads "$jitos" cap ls --data old
reads "$jitos" cap tree --data old --json
reads "$jitos" checkpoint --list --data old
reads "$jitos" branch --data old
reads "$jitos" verify --deep --data old
in=rmg
reads "$rmg" info one.rmg
reads "$rmg" ls one.rmg --json
reads "$rmg" cat one.rmg /c1
reads "$rmg" walk one.rmg
reads "$rmg" verify one.rmg
reads "$rmg" query one.rmg 'match (a:Cell) return a.hits'
reads "$rmg" check one.rmg --schema s.jitos
reads "$rmg" diff one.rmg two.rmg --json
reads "$rmg" merge one.rmg one.rmg one.rmg
for to in graphml gexf ndjson dot; do
    reads "$rmg" export one.rmg --to $to -o -
done
for file in cells.csv one.graphml one.gexf one.ndjson; do
    reads "$rmg" hash $file
done

# ---- what writes ----

fresh() {
    rm -rf new into
    cp -r old new
}

# The head is what it was, or the one that the command makes when nothing is refused.
still_there() {
    want 0 "$jitos" verify --data new --json
    case $doing in *"nothing refused") then=$(key head out) ;; esac
    grep -q -e "$head" -e "$then" out || fail "$doing: another head: $(cat out)"
}

in=jitos
prepare=fresh
look=still_there
walk "$jitos" checkpoint -m two --data new
walk "$jitos" checkpoint --export two.jck --data new
walk "$jitos" restore one --data new --into into
walk "$jitos" restore --import one.jck --into into
walk "$jitos" gc --keep 1 --log --data new
walk "$jitos" fork @4 -m made --seed 8 --data new
walk "$jitos" rollback @4 -m made --data new
walk "$jitos" merge HEAD --into main -s theirs --data new/branches/other
walk "$jitos" bisect start @0 HEAD --data new

# What finds the tick is a command, which is refused nothing.
halves() {
    fresh
    want 0 "$jitos" bisect start @0 HEAD --data new
}

prepare=halves
walk "$jitos" bisect run --data new -- sh -c 'test "$JITOS_TICK" -lt 4'
walk "$jitos" bisect good --data new

# What is asked of a supervisor, which is made for it and refused nothing.
prepare=fresh
walk "$jitos" cap grant w read --data new
walk "$jitos" cap derive 'w[0]/1' --until 50 --data new
walk "$jitos" cap revoke 'w[0]/1' --data new
walk "$jitos" cap export 'w[0]/1' --until 50 -o w.token --data new
cp -r new signed
signed() {
    rm -rf new
    cp -r signed new
}

want 0 "$jitos" verify --data signed --json
head=$(key head out)
prepare=signed
walk "$jitos" cap import w.token w --data new
prepare=:
look=:
walk "$jitos" cap attenuate w.token --until 40 -o narrow.token
walk "$jitos" cap show w.token --data signed

# A run of it that has no memory is a row that says so, which --retry tries again.
swept() {
    [ "$code" = 0 ] || want 0 "$jitos" sweep s.jitos --vary p=0.2,0.4 --seeds 3 --ticks 1 --retry \
        --out sw
}

prepare='rm -rf sw'
look=swept
or=1
walk "$jitos" sweep s.jitos --vary p=0.2,0.4 --seeds 3 --ticks 1 --out sw
or=8
in=rmg
cat >up.jitos <<'END'
system up
type Cell { hits: i64 sum = 0 }
rule up
  match (a:Cell)
  where a.hits < 2
  add a.hits, 1
script all_up { until none up }
END
prepare='rm -f key key.pub one.rmg.sig'
look=:
walk "$rmg" keygen key
prepare='rm -f one.rmg.sig'
rm -f key key.pub
want 0 "$rmg" keygen key
walk "$rmg" sign one.rmg --key key
prepare=:
walk "$rmg" verify one.rmg --signer key.pub
walk "$rmg" prove one.rmg node:c1 -o c1.proof
walk "$rmg" run one.rmg --rules up.jitos --script all_up -o four.rmg
walk "$rmg" import one.ndjson -o three.rmg
walk "$rmg" diff one.rmg two.rmg -o ab.patch
walk "$rmg" apply one.rmg ab.patch -o three.rmg

# ---- a supervisor: its start, the greeting, the genesis, a tick, its end ----

again() {
    [ "$code" = 0 ] || want 0 "$jitos" run s.jitos --ticks 1 --seed 3 --data into --durability none
}

in=jitosd
or=125 # a mechanism that could not be tried is one that this machine lacks
prepare='rm -rf into'
look=again
walk "$jitos" run s.jitos --ticks 1 --seed 3 --data into --durability none

# ---- processes that are programs of their own: one is run again, one has its graph put back ----

# shellcheck source=tests/lib/brancher.sh
. "$top/tests/lib/brancher.sh"
cp "$top"/examples/native/*.csv "$build/examples/native/ants" .
sed 's/replay log/replay rerun/' "$top/examples/native/ants.jitos" >ants.jitos
brancher_system brancher

goes_on() {
    [ "$code" = 0 ] || want 0 "$jitos" run --ticks 6 --data new --durability none
}

begun() {
    rm -rf new
    cp -r begun new
}

prepare=begun
look=goes_on
for system in ants brancher; do
    rm -rf begun
    want 0 "$jitos" run $system.jitos --seed 3 --ticks 4 --data begun --durability none
    walk "$jitos" run --ticks 6 --data new --durability none
done

[ "$failed" = 0 ] && echo "$runs runs, $refusals of them without memory: nothing lost"
exit "$failed"
