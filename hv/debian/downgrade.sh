# An older version cannot read what a newer one has written, and may have holes that the newer one closed. dpkg gives the
# version of before, if there was one, and the new one.
if { [ "$1" = upgrade ] || [ "$1" = install ]; } && [ -n "${3:-}" ] && [ -z "${CLOISTER_DOWNGRADE:-}" ] &&
    dpkg --compare-versions "$2" gt "$3"; then
    echo "$DPKG_MAINTSCRIPT_PACKAGE: version $3 does not replace $2, which is newer; nothing was changed. If it must be," \
        "after the newer version's changes were read: CLOISTER_DOWNGRADE=yes in dpkg's environment" >&2
    exit 1
fi
