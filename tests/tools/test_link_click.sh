#!/bin/bash
# Goal:   one small rewrite from end to end is what docs/link-click.md shows: intents, receipt,
#         patch, hashes, difference; and the same for any number of workers.
# Method: the commands of that page are run on examples/link-click, and what they print is compared
#         with it, byte for byte; --write puts it there (then look why).
set -u
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/page.sh
. "$top/tests/lib/page.sh"

cp "$top"/examples/link-click/* "$dir" && chmod -R u+w "$dir" && cd "$dir" || exit 99

type_it() {
    bash -c "$1" 2>&1
}
page_holds "$top/docs/link-click.md" '<!-- transcript -->' "${1:-}"

# Nothing outside /proc and /sec knows how many workers there are.
sed 's|browser\[1\]|browser[3]|' link-click.jitos >three.jitos
for file in link-click three; do
    jitos run $file.jitos --ticks 1 --seed 1 --data $file --json >$file.json 2>err || cat err
done
world=$(key world link-click.json)
three=$(key world three.json)
[ -n "$world" ] && [ "$world" = "$three" ] || fail "not $world: $three"
jitos rules fmt --check link-click.jitos || fail "link-click.jitos is not in its canonical text"
echo "$(grep -c '^\$ ' shown) commands as they were"
exit $failed
