#!/bin/bash
# Goal:   one small rewrite from end to end is what docs/link-click.md shows: intents, receipt,
#         patch, hashes, difference; and the same for any number of workers.
# Method: the commands of that page are run on examples/link-click, and what they print is compared
#         with it, byte for byte; --write puts it there (then look why).
set -u
top=$(cd "${top_srcdir:-${srcdir:-.}}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-click-XXXXXX")
trap 'rm -rf "$dir"' EXIT
export PATH=$PWD/tools:$PATH LC_ALL=C
jitosd=$PWD/tools/jitosd

# shellcheck source=tests/lib/processes.sh
. "$top/tests/lib/processes.sh"

cp "$top"/examples/link-click/* "$dir" && chmod -R u+w "$dir" && cd "$dir" || exit 99
page=$top/docs/link-click.md

# Each line of the page's long block that begins with `$ ` is a command.
begin='<!-- transcript -->'
awk -v begin="$begin" '
    $0 == begin { on = 1; next }
    on && /^```/ { n++; next }
    on && n == 1' "$page" >want
[ -s want ] || { echo "$page has no transcript" && exit 1; }
sed -n 's/^\$ //p' want | while read -r line; do
    printf '$ %s\n' "$line"
    bash -c "$line" 2>&1
done >got
if [ "${1:-}" = --write ]; then
    awk -v begin="$begin" '
        $0 == begin { on = 1 }
        on && /^```/ {
            n++
            print
            if (n == 1) while ((getline l < "got") > 0) print l
            if (n == 2) on = 0
            next
        }
        on && n == 1 { next }
        { print }' "$page" >new && cp new "$page"
    exit 0
fi
diff -u want got || exit 1

# Nothing outside /proc and /sec knows how many workers there are.
sed 's|browser\[1\]|browser[3]|' link-click.jitos >three.jitos
for file in link-click three; do
    jitos run $file.jitos --ticks 1 --seed 1 --data $file --json >$file.json 2>err || cat err
done
world=$(key world link-click.json)
three=$(key world three.json)
[ -n "$world" ] && [ "$world" = "$three" ] || { echo "not $world: $three" && exit 1; }
jitos rules fmt --check link-click.jitos || exit 1
echo "$(grep -c '^\$ ' want) commands as they were"
