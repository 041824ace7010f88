#!/bin/bash
# Goal:   the example of docs/what-if.md does what the page shows.
# Method: the commands of that page are run on examples/what-if, and what they print is compared
#         with it, byte for byte; --write puts it there (then look why).
set -u
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/page.sh
. "$top/tests/lib/page.sh"

cp "$PWD/examples/what-if/what_if" "$top"/examples/what-if/*.csv "$top"/examples/what-if/*.jitos \
    "$dir" && chmod -R u+w "$dir" && cd "$dir" || exit 99

type_it() {
    bash -c "$1" 2>/dev/null | sed "s|^repeat .*/tools/jitos|repeat jitos|"
}
page_holds "$top/docs/what-if.md" '<!-- transcript -->' "${1:-}"
jitos rules fmt --check what-if.jitos || fail "what-if.jitos is not in its canonical text"
echo "$(grep -c '^\$ ' shown) commands as they were"
exit $failed
