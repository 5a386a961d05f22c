#!/usr/bin/env bash
# Installs the Debian packages given as arguments that are missing. Without root and without a sudo that asks nothing,
# prints the line to type and exits 2.
set -euo pipefail

missing=()
for package in "$@"; do
    # python3 may have come from elsewhere; what counts is that it works.
    case $package in
        python3) command -v python3 > /dev/null && continue ;;
        python3-venv) python3 -c 'import venv, ensurepip' 2> /dev/null && continue ;;
    esac
    status=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

install="apt-get install --yes --no-install-recommends ${missing[*]}"
if ! command -v apt-get > /dev/null; then
    echo "Signet needs these packages (Debian's names): ${missing[*]}" >&2
    exit 2
elif [ "$(id -u)" = 0 ]; then
    as_root=()
elif sudo -n true 2> /dev/null; then
    as_root=(sudo -n)
else
    echo "Some system packages are missing. Type this, then try again:" >&2
    echo "    sudo sh -c 'apt-get update && $install'" >&2
    exit 2
fi
echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" $install > /dev/null
