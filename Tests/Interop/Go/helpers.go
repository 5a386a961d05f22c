package main

import (
	"encoding/base64"
	"encoding/json"
	"sort"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func protoName(name string) protoreflect.Name { return protoreflect.Name(name) }

func sortedStrings(texts []string) []string {
	sort.Strings(texts)
	return texts
}

func sortedKeys(values map[string]any) []string {
	keys := []string{}
	for key := range values {
		keys = append(keys, key)
	}
	return sortedStrings(keys)
}

// keyIDOf is the kid of a token.
func keyIDOf(token string) string {
	header, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(header)
	need(err)
	var fields struct {
		KeyID string `json:"kid"`
	}
	need(json.Unmarshal(decoded, &fields))
	return fields.KeyID
}
