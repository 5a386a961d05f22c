#!/usr/bin/env bash
# Refuses imports that break the layers of Docs/Architecture.md. What Package.swift lists is checked by the build; this
# checks what a list of dependencies cannot say.
set -euo pipefail
cd "$(dirname "$0")/../.."
failed=0

# modules, a pattern of imports they must not have, why
refuse() {
    local modules=$1 pattern=$2 why=$3 hits
    for module in $modules; do
        hits=$(grep -rnE "^(public |package |internal |fileprivate |private )?(@[a-zA-Z_() ]+ )?import ($pattern)\b" "Sources/$module" || true)
        [ -z "$hits" ] || { echo "$hits"; echo "  $module: $why"; failed=1; }
    done
}

domain="Rotation JOSE KeyManagement SPIFFE Registration NodeAttestation WorkloadAttestation Authority AccessTokens AccessGrants Audit"
refuse "$domain" "GRPC[A-Za-z0-9]*|SwiftProtobuf|NIO[A-Za-z0-9]*|GRDB|ServiceLifecycle" "layers 0 to 2 know no gRPC, protobuf, NIO or SQL"
refuse "SPIFFE SPIFFEFederation SPIFFEGRPC SPIFFEHTTPClient SPIFFEHummingbird SPIFFETLS WorkloadAPI AccessTokens ServiceAuthorization AuthorizationGRPC AuthorizationHTTPClient AuthorizationHummingbird AuthorizationOAuth" "IdentityServer|IdentityAgent|Authority|Datastore|Registration|NodeAttestation|AccessGrants" \
    "what services link never imports a server-side module"
refuse "IdentityAgent" "IdentityServer|Authority|AccessGrants|Datastore" "server and agent never import each other"
refuse "IdentityServer" "IdentityAgent|WorkloadAttestation|WorkloadAPI" "server and agent never import each other"
refuse "signet-bench" "$(ls Sources | grep -v - | grep -vx ChildPrograms | paste -sd '|')" "what measures asks from outside, with clients of others"
others=$(ls Sources | grep -vx Datastore)
refuse "$others" "GRDB" "GRDB is at home in Datastore"
# Foundation's crashes when some thousand descriptors are open.
if grep -rnE "\bProcess\(\)" Sources Tests --include='*.swift'; then
    echo "  programs are started with ChildProgram"
    failed=1
fi
exit $failed
