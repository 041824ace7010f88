#!/bin/bash
# Goal:   the example of docs/what-if.md does what the page shows.
# Method: the commands of that page are run on examples/what-if, and what they print is compared
#         with it, byte for byte; --write puts it there (then look why).
set -u
top=$(cd "${top_srcdir:-${srcdir:-.}}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-what-if-XXXXXX")
trap 'rm -rf "$dir"' EXIT
export PATH=$PWD/tools:$PATH LC_ALL=C
jitosd=$PWD/tools/jitosd

# shellcheck source=tests/lib/processes.sh
. "$top/tests/lib/processes.sh"

cp "$PWD/examples/what-if/what_if" "$top"/examples/what-if/*.csv "$top"/examples/what-if/*.jitos \
    "$dir" && chmod -R u+w "$dir" && cd "$dir" || exit 99
page=$top/docs/what-if.md

# Each line of the page's transcript that begins with `$ ` is a command.
awk '/^<!-- transcript -->/ { on = 1; next } on && /^```/ { n++; next } on && n == 1' "$page" >want
[ -s want ] || { echo "$page has no transcript" && exit 1; }
sed -n 's/^\$ //p' want | while read -r line; do
    printf '$ %s\n' "$line"
    bash -c "$line" 2>/dev/null | sed "s|^repeat .*/tools/jitos|repeat jitos|"
done >got
if [ "${1:-}" = --write ]; then
    awk '
        /^<!-- transcript -->/ { on = 1 }
        on && /^```/ && n < 2 {
            n++
            print
            if (n == 1) while ((getline l < "got") > 0) print l
            next
        }
        on && n == 1 { next }
        { print }' "$page" >new && cp new "$page"
    exit 0
fi
diff -u want got || exit 1
jitos rules fmt --check what-if.jitos || exit 1
echo "$(grep -c '^\$ ' want) commands as they were"
