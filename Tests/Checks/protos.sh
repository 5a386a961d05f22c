#!/usr/bin/env bash
# Writes the generated code of the protobuf modules anew from their Protos/. Needs protoc (Debian: protobuf-compiler).
# The plug-in is that of PROTOC_GEN_SWIFT; without it one is built, which takes a few minutes the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
plugin=${PROTOC_GEN_SWIFT:-}
if [ -z "$plugin" ]; then
    configuration=${CONFIGURATION:-release}
    swift build -c "$configuration" --product protoc-gen-swift
    plugin=$PWD/.build/$configuration/protoc-gen-swift
fi

for module in WorkloadAPIProtos ControlPlaneProtos; do
    protos=Sources/$module/Protos
    generated=Sources/$module/Generated
    mapfile -t files < <(cd "$protos" && find . -name '*.proto' | sed 's|^\./||' | sort)
    rm -rf "$generated"
    mkdir -p "$generated"
    protoc --plugin="protoc-gen-swift=$plugin" -I "$protos" --include_imports \
        --descriptor_set_out="$generated/set" --swift_out="$generated" --swift_opt=Visibility=Package \
        --swift_opt=UseAccessLevelOnImports=true --swift_opt=FileNaming=PathToUnderscores "${files[@]}"
    {
        echo '// Generated from Protos/: the descriptors of all files, for server reflection.'
        echo
        echo "package enum ${module%Protos}Descriptors {"
        echo '    /// A google.protobuf.FileDescriptorSet in base64, with line breaks.'
        echo '    package static let base64 = """'
        base64 -w 108 "$generated/set" | sed 's/^/        /'
        echo '        """'
        echo '}'
    } > "$generated/${module%Protos}Descriptors.swift"
    rm "$generated/set"
done
