#!/bin/sh
# Goal:   the holder of a token asks a supervisor as another user, through the socket that its owner
#         has opened for guests, for what the token allows, and for nothing else; he reads what the
#         token lets him read; asking twice is harmless, also across a restart; a bad signature,
#         another root, a widened or a revoked token are refused; who floods keeps nobody from work;
#         the log replays by its rules, and by workers but for those ticks.
# Method: examples/on-a-leash at rest and while it runs; the guest is user 65534 where the test may
#         become it, with a copy of the program and of the tokens and no way into the data folder.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cp "$top"/examples/on-a-leash/* "$dir"
cd "$dir"
chmod 711 "$dir"
mkdir open
cp "$build/tools/jitos" open/jitos
chmod 755 open open/jitos
hub=$dir/open/hub

# guest COMMAND...: as somebody else, if that can be.
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
    guest() {
        setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/open/jitos" "$@"
    }
    other=yes
else
    guest() {
        "$dir/open/jitos" "$@"
    }
    other=no
fi
# hand FILE: to the guest, for whom alone a token is.
hand() {
    cp "$1" "open/$1"
    chmod 644 "open/$1"
}

start() {
    jitosd --data run1 -q --ready-fd 9 "$@" 9>ready 2>daemon.txt &
    daemon=$!
    read -r _ <ready || true # until it listens, or has ended
}
stop() {
    kill "$daemon"
    wait "$daemon" || fail "jitosd: exit $?: $(cat daemon.txt)"
    daemon=
}

expect 0 done jitos run leash.jitos --ticks 3 --data run1
expect 0 'games[0]/2' jitos cap export 'games[0]/1' --out games.token --data run1
expect 0 'games[0]/3' jitos cap export 'games[0]/0' --out map.token --data run1
expect 0 'libs[0]/2' jitos cap export 'libs[0]/1' --until 90 --out libs.token --data run1
expect 0 narrowing jitos cap attenuate games.token invoke 'retire(name = "cowsay")' --out cow.token
expect 0 narrowing jitos cap attenuate games.token --until 5 --out short.token
expect 0 done jitos run leash.jitos --ticks 1 --data run2
expect 0 'games[0]/2' jitos cap export 'games[0]/1' --out other.token --data run2
for t in games map libs cow short other; do hand $t.token; done

# ---- closed unless the owner opens it ----
mkfifo ready
start
expect 4 "no supervisor listens" guest cap look open/map.token --hub "$hub"
if [ $other = yes ]; then
    guest ps --data "$dir/run1" >out.txt 2>&1 && fail "a guest came through the owner's socket"
fi
stop
serve() {
    start --guests "$hub"
}

# ---- reading: what a right to map or to read covers ----
serve
expect 0 "tick 6" guest cap look open/map.token --hub "$hub"
expect 0 "section" guest cap look open/map.token bsdgames --hub "$hub"
expect 0 '"root":' guest cap look open/map.token bsdgames --hub "$hub" --json
expect 3 "no such node" guest cap look open/map.token nothing --hub "$hub"
for place in /sec /proc /sys /; do
    expect 1 "does not let you read there" guest cap look open/map.token --on $place --hub "$hub"
done
expect 1 "does not let you read there" guest cap look open/games.token --hub "$hub"

# ---- asking: what the token allows, once ----
submit() { # TOKEN RULE NODE [OPTION...]
    token=$1 rule=$2 node=$3
    shift 3
    guest cap submit "open/$token.token" "$rule" --match "$node" --hub "$hub" "$@"
}
expect 0 "tick 7: applied" submit games 'retire(name = "bsdgames")' bsdgames --nonce 1 --until 60
expect 0 "tick 7: it was in that tick already" \
    submit games 'retire(name = "bsdgames")' bsdgames --nonce 1 --until 60
expect 1 "the parameters differ" submit games 'retire(section = "libs", name = "libc6")' libc6
expect 1 "the parameters differ" submit cow 'retire(name = "fortune-mod")' fortune-mod
expect 3 "no rule retire" submit map 'retire(section = "games", name = "x")' x
expect 1 "has passed, or is too far ahead" \
    submit games 'retire(name = "fortune-mod")' fortune-mod --until 99999
expect 1 "has expired" submit short 'retire(name = "fortune-mod")' fortune-mod
# What does not apply says nothing of what is there to who may not read it.
expect 1 "tick 8: invalid" submit games 'retire(name = "bsdgames")' bsdgames --nonce 2
expect 1 "tick 9: invalid" submit cow 'retire' cowsay # retired long ago, by games[0]

# ---- tokens that are none ----
expect 1 "signed for another system" guest cap look open/other.token --hub "$hub"
for at in 60 200 300; do # a bit of the issuer, of what it allows, of what follows
    cp games.token open/bad.token
    byte=$(od -An -tu1 -j $at -N 1 games.token | tr -d ' ')
    # shellcheck disable=SC2059 # an octal escape
    printf "\\$(printf %o $(((byte + 1) % 256)))" |
        dd of=open/bad.token bs=1 seek=$at conv=notrunc 2>/dev/null
    chmod 644 open/bad.token
    guest cap submit open/bad.token 'retire(section = "games", name = "x")' --match x --hub "$hub" \
        >out.txt 2>&1 && fail "a damaged token is taken: byte $at"
done
[ "$(jitos cap tree 'games[0]/1' --data run1 | wc -l)" = 2 ] ||
    fail "guests have changed the tree: $(jitos cap tree 'games[0]/1' --data run1)"

# ---- known across a restart ----
stop
serve
expect 0 "tick 7: it was in that tick already" \
    submit games 'retire(name = "bsdgames")' bsdgames --nonce 1 --until 60

# ---- beside workers that work; a crowd of guests, and the owner is answered ----
stop
rm -f "$hub"
mkfifo said
jitos run --ticks 100000 --data run1 --guests "$hub" >said 2>&1 &
runner=$!
exec 8<said
read -r first <&8 || true # it works by then, and its sockets are there; or it has ended
cat <&8 >run.txt &
[ -S "$hub" ] || { fail "the run: $first $(cat run.txt)" && exit 1; }
pids=
for i in $(seq 24); do
    submit libs "retire(name = \"p$i\")" libc6 --until 200000 >"guest$i.txt" 2>&1 &
    pids="$pids $!"
done
expect 0 games jitos ps --data run1
for pid in $pids; do wait "$pid" || true; done
submit games 'retire(name = "fortune-mod")' fortune-mod >out.txt 2>&1 ||
    fail "beside: $(cat out.txt)"
kill -TERM $runner # a shell's background process ignores INT
wait $runner || true
asked=$(cat guest*.txt | grep -c "^refused\|^tick [0-9]*: ") || true
[ "$asked" -ge 8 ] || fail "of 24 guests only $asked were answered: $(cat guest*.txt)"
serve

# ---- use after revoke ----
expect 0 revoked jitos cap revoke 'games[0]/2' --data run1
expect 1 revoked submit games 'retire(name = "fortune-mod")' fortune-mod
expect 1 revoked submit cow 'retire' cowsay
expect 0 "section" guest cap look open/map.token bsdgames --hub "$hub"
expect 0 revoked jitos cap revoke 'games[0]/0' --data run1
expect 1 revoked guest cap look open/map.token bsdgames --hub "$hub"
stop

# ---- what was asked is in the log, and follows from the rules ----
expect 0 same jitos replay --by rules --data run1
expect 0 same jitos replay --by workers --data run1
expect 0 same jitos replay --verify --data run1
expect 0 whole jitos verify --data run1
[ -S "$hub" ] || fail "the socket is not what it was"
serve # the socket that the last one left is replaced
stop
: >occupied
jitosd --data run1 --guests "$dir/occupied" -q 2>out.txt && fail "a file was taken for a socket"
grep -q "no guest could connect" out.txt || fail "occupied: $(cat out.txt)"
[ -f occupied ] || fail "a file of the owner's is gone"
exit $failed
