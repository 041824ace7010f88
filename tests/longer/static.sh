#!/usr/bin/env bash
# static.sh SOURCE FLAGS - cppcheck, clang-tidy (.clang-tidy says what it looks for) and gcc
# -fanalyzer over what the product is made of. What they find is mended, or stands in
# build-aux/findings.txt, counted, with the reason why it is none; a finding more than that ends
# this with 1. `make check-static` calls it; TOOLS='cppcheck' runs that alone, FILES='base/id.c'
# these. QUICK=1, for CI, leaves rmg, librmg and tools to gcc's analyser, since clang's takes about
# eight minutes there.
job=static
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 2 ] || fail "usage: static.sh SOURCE FLAGS"
here=$PWD/build-longer/static
mkdir -p "$here"
cd "$1"
read -ra flags <<<"$2 -I. -I$OLDPWD"
# Where the build says that things are installed.
for name in DATA LOADER ATTACKER; do
    flags+=("-DJIT_${name}_PATH=\"/usr\"")
done
tools=${TOOLS:-cppcheck clang-tidy gcc}
folders=(base rmg librmg sws syscall kernel proc tools)
all=true
if [ -n "${FILES:-}" ]; then
    all=false
    read -ra files <<<"$FILES"
else
    mapfile -t files < <(find "${folders[@]}" -name '*.c' ! -path 'base/b3_*' | sort)
fi

# Each says FILE ID LINE TEXT; that a file does not compile is a finding, too.
run_cppcheck()
{
    need cppcheck
    cppcheck -q -j"$(nproc)" --std=c11 --enable=warning,performance,portability \
        --suppress=missingIncludeSystem --template='{file} {id} {line} {message}' \
        --max-configs=1 -I. -DHAVE_CONFIG_H -D__x86_64__ "${files[@]}" 2>&1
}

# each COMMAND FLAGS: COMMAND, which knows of $flags and $file, for each of the files; what it says
# of each by itself, lest the lines of two get mixed.
each()
{
    rm -rf "$here/said"
    mkdir "$here/said"
    printf '%s\n' "${files[@]}" |
        said=$here/said flags=$2 xargs -P "$(nproc)" -n 1 sh -c "file=\$1
            { $1
            } >\"\$said/\$(echo \"\$file\" | tr / -)\"" sh
    cat "$here"/said/* |
        sed -n -e "s|^$PWD/||" -e 's|^\./||' \
            -e 's|^\([^ :]*\):\([0-9]*\):[0-9]*: \(.*\) \[-W\(analyzer-[a-z-]*\)\]$|\1 \4 \2 \3|p' \
            -e 's|^\([^ :]*\):\([0-9]*\):[0-9]*: \(.*\) \[\([a-z][^]]*\)\]$|\1 \4 \2 \3|p' \
            -e 's|^\([^ :]*\):\([0-9]*\):[0-9]*: \(.*error: .*\)|\1 error \2 \3|p'
}

# One file at a time: clang-tidy 14 forgets what va_start is from the second one on.
run_clang_tidy()
{
    need clang-tidy-14
    # shellcheck disable=SC2016
    each 'checks=
        case ${QUICK:+$file} in rmg/* | librmg/* | tools/*) checks=-clang-analyzer-* ;; esac
        clang-tidy-14 -quiet --checks="$checks" "$file" -- $flags 2>/dev/null || :' "${flags[*]}"
}

run_gcc()
{
    need gcc
    # shellcheck disable=SC2016
    each 'gcc -fanalyzer -O1 -c -o /dev/null $flags "$file" 2>&1 || :' "${flags[*]}"
}

bad=0
for tool in $tools; do
    from=$SECONDS
    "run_${tool/-/_}" | sort -u >"$here/$tool.txt"
    # A line is one finding, whatever is said of it.
    awk '!seen[$1, $2, $3]++ { count[$1 " " $2]++ }
        END { for (one in count) print one, count[one] }' "$here/$tool.txt" >"$here/$tool.count"
    while read -r file id count; do
        known=$(awk -v tool="$tool" -v file="$file" -v id="$id" \
            '$1 == tool && $2 == file && $3 == id { print $4 }' build-aux/findings.txt)
        [ "$count" -le "${known:-0}" ] || {
            echo "$file: $tool says $id $count times, ${known:-0} are explained:"
            sed -n "s|^$file $id |    line |p" "$here/$tool.txt"
            bad=1
        }
    done <"$here/$tool.count"
    if $all && [ -z "${QUICK:-}" ]; then # else not all that has a row is looked for
        while read -r named file id _ reason; do
            [ "$named" != "$tool" ] || grep -q "^$file $id " "$here/$tool.count" || {
                echo "build-aux/findings.txt: $tool has not found $id in $file: $reason"
            }
        done < <(grep -v '^#' build-aux/findings.txt)
    fi
    echo "static: $tool: ${#files[@]} files, $(wc -l <"$here/$tool.txt") explained," \
        "$((SECONDS - from)) s"
done
[ $bad = 0 ] || fail "mend them, or say in build-aux/findings.txt why not"
