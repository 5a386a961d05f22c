#!/usr/bin/env bash
# Makes the documentation of the libraries from what was built, and refuses warnings: a link that leads nowhere, a
# parameter that is not there.
#
#     documentation.sh BUILD_FOLDER [OUTPUT_FOLDER]      .build/release; archives for a web server in OUTPUT_FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
output=${2:-}
libraries="JOSE SPIFFE WorkloadAPI SPIFFETLS SPIFFEGRPC SPIFFEHummingbird SPIFFEHTTPClient SPIFFEFederation SPIFFETesting"
libraries+=" AccessTokens ServiceAuthorization AuthorizationHummingbird AuthorizationGRPC AuthorizationHTTPClient"
libraries+=" AuthorizationOAuth"
[ -d "$build/Modules" ] || { echo "$build has no modules: build the tests first"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# docc gives its pages the owner of its template, which only root can where the toolchain is root's.
cp -R "$(dirname "$(readlink -f "$(command -v docc)")")/../share/docc/render" "$work/render"
export DOCC_HTML_DIR=$work/render
options=(-target "$(swift -print-target-info | sed -n 's/.*"triple" *: *"\([^"]*\)".*/\1/p' | head -1)" -I "$build/Modules")
# The C libraries that modules import.
maps=$(find "$build/" -maxdepth 2 -name module.modulemap -path '*.build/*' -not -path '*-tool.build/*')
maps+=$'\n'$(find Sources "$build/../../checkouts" -name module.modulemap -path '*/include/*' -not -path '*/Tests/*')
while read -r map; do options+=(-Xcc "-fmodule-map-file=$map"); done <<< "$maps"

failed=0
for library in $libraries; do
    mkdir -p "$work/$library"
    if ! swift symbolgraph-extract -module-name "$library" "${options[@]}" -minimum-access-level public \
        -skip-synthesized-members -output-dir "$work/$library" > "$work/log" 2>&1; then
        cat "$work/log"
        failed=1
        continue
    fi
    catalog=Sources/$library/$library.docc
    [ -d "$catalog" ] || { echo "$library has no catalog"; failed=1; continue; }
    destination=${output:-$work}/$library.doccarchive
    if ! docc convert "$catalog" --fallback-display-name "$library" --fallback-bundle-identifier "signet.$library" \
        --additional-symbol-graph-dir "$work/$library" --warnings-as-errors --output-path "$destination" \
        > "$work/log" 2>&1; then
        echo "$library:"
        cat "$work/log"
        failed=1
    fi
done
[ $failed = 1 ] || echo "documentation of $(wc -w <<< "$libraries") libraries without warnings"
exit $failed
