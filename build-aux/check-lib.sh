# shellcheck shell=sh disable=SC2154
# check-lib.sh - what the checks of build-aux share. Sourced, with here = the build-aux folder and
# the top of the source tree as the current folder.

# The folders that hold sources: those of layers.txt, and any other with a local.mk.
source_folders()
{
    {
        awk '$1 == "layer" { sub("/.*", "", $2); print $2 }' "$here/layers.txt"
        find . -mindepth 2 -maxdepth 2 -name local.mk | sed 's|^\./||; s|/.*||'
    } | sort -u
}

# source_files REGEX: the files of these folders whose paths match.
source_files()
{
    source_folders | while read -r folder; do
        [ ! -d "$folder" ] || find "$folder" -type f
    done | { grep -E "$1" || true; } | sort
}
