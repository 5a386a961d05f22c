package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// sample is an entry that uses every field an entry may have here.
func sample(path string) *types.Entry {
	return &types.Entry{
		SpiffeId: wire(path), ParentId: wire("/interop/node"), Selectors: selectors("unix:uid:1", "unix:gid:2"),
		X509SvidTtl: 1000, JwtSvidTtl: 200, Admin: true, ExpiresAt: time.Now().Add(time.Hour).Unix(),
		DnsNames: []string{"a.example.org", "b.example.org"}, Hint: "external",
		AdditionalAttributes: &types.Entry_AdditionalAttributes{DisableX509SvidPrefetch: true, JwtSvidIncludeJti: true},
	}
}

func plain(path string, texts ...string) *types.Entry {
	return &types.Entry{SpiffeId: wire(path), ParentId: wire("/interop/node"), Selectors: selectors(texts...)}
}

// entryCreation: BatchCreateEntry, GetEntry, BatchDeleteEntry.
func entryCreation(c *Checks, d *Deployment, admin *Caller) {
	batch := func(entries ...*types.Entry) []*entryv1.BatchCreateEntryResponse_Result {
		answer := must(admin.entry.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{Entries: entries}))
		needThat(len(answer.Results) == len(entries), "a batch is not answered item by item")
		return answer.Results
	}
	change := func(change func(*types.Entry)) *types.Entry {
		entry := plain("/creation/bad", "unix:uid:1")
		change(entry)
		return entry
	}

	// Whole and field by field.
	want := sample("/creation/whole")
	result := batch(want)[0]
	c.Item("whole", result.Status, codes.OK)
	needThat(result.Entry != nil, "a created entry is not returned")
	whole := result.Entry
	c.True("id is a UUID", uuid.MatchString(whole.Id), "a UUID", whole.Id)
	c.True("created_at is now", near(whole.CreatedAt, time.Now().Unix()), "now", whole.CreatedAt)
	c.Equal("revision_number begins at 0", whole.RevisionNumber, int64(0))
	want.Id, want.CreatedAt = whole.Id, whole.CreatedAt
	c.Equal("all fields are kept", sortedSelectors(whole), sortedSelectors(want))
	got, err := admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: whole.Id})
	c.Succeeds("get", err)
	c.Equal("get/whole", sortedSelectors(got), sortedSelectors(want))
	forEachMask(&types.EntryMask{}, func(field string, mask proto.Message) {
		mine := mask.(*types.EntryMask)
		got, err := admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: whole.Id, OutputMask: mine})
		if err == nil {
			c.Equal("get/mask "+field, sortedSelectors(got), masked(sortedSelectors(want), field))
		} else {
			c.Succeeds("get/mask "+field, err)
		}
		listed, err := admin.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{OutputMask: mine,
			Filter: &entryv1.ListEntriesRequest_Filter{BySpiffeId: wire("/creation/whole")}})
		if err == nil && len(listed.Entries) == 1 {
			c.Equal("list/mask "+field, sortedSelectors(listed.Entries[0]), masked(sortedSelectors(want), field))
		} else {
			c.True("list/mask "+field, false, "one entry", shown(len(listed.GetEntries()), err))
		}
		created, err := admin.entry.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{OutputMask: mine,
			Entries: []*types.Entry{sample("/creation/mask/" + field[:2] + fmt.Sprint(len(field)))}})
		if err == nil && len(created.Results) == 1 {
			entry := created.Results[0].Entry
			full := must(admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: entry.GetId()}))
			c.Equal("create/mask "+field, sortedSelectors(entry), masked(sortedSelectors(full), field))
		} else {
			c.Succeeds("create/mask "+field, err)
		}
	})
	_, err = admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{})
	c.Refused("get/no ID", err, codes.InvalidArgument, "missing ID")
	_, err = admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: "nobody"})
	c.Refused("get/unknown", err, codes.NotFound, "entry not found")

	// A batch in which some items are wrong: each is answered in its place.
	own := sample("/creation/own-id")
	own.Id = "chosen.by_the-administrator"
	store := change(func(e *types.Entry) { e.StoreSvid = true; e.SpiffeId = wire("/creation/store") })
	items := []struct {
		name  string
		entry *types.Entry
		code  codes.Code
		words string
	}{
		{"good", plain("/creation/good", "unix:uid:1"), codes.OK, ""},
		{"no SPIFFE ID", change(func(e *types.Entry) { e.SpiffeId = nil }), codes.InvalidArgument, ""},
		{"empty SPIFFE ID", change(func(e *types.Entry) { e.SpiffeId = &types.SPIFFEID{} }), codes.InvalidArgument, ""},
		{"SPIFFE ID of another trust domain", change(func(e *types.Entry) { e.SpiffeId.TrustDomain = "elsewhere.org" }),
			codes.InvalidArgument, ""},
		{"SPIFFE ID without path", change(func(e *types.Entry) { e.SpiffeId.Path = "" }), codes.InvalidArgument, ""},
		{"SPIFFE ID in the reserved names", change(func(e *types.Entry) { e.SpiffeId.Path = "/spire/agent/x" }),
			codes.InvalidArgument, ""},
		{"SPIFFE ID /spire", change(func(e *types.Entry) { e.SpiffeId.Path = "/spire" }), codes.InvalidArgument, ""},
		{"SPIFFE ID that only begins alike", change(func(e *types.Entry) { e.SpiffeId.Path = "/spires" }), codes.OK, ""},
		{"malformed SPIFFE ID", change(func(e *types.Entry) { e.SpiffeId.Path = "/a/../b" }), codes.InvalidArgument, ""},
		{"no parent", change(func(e *types.Entry) { e.ParentId = nil }), codes.InvalidArgument, ""},
		{"parent of another trust domain", change(func(e *types.Entry) { e.ParentId.TrustDomain = "elsewhere.org" }),
			codes.InvalidArgument, ""},
		{"parent without path", change(func(e *types.Entry) { e.ParentId.Path = "" }), codes.InvalidArgument, ""},
		{"parent is an agent", change(func(e *types.Entry) {
			e.SpiffeId.Path, e.ParentId.Path = "/creation/under-agent", "/spire/agent/join_token/x"
		}), codes.OK, ""},
		{"parent is the server", change(func(e *types.Entry) {
			e.SpiffeId.Path, e.ParentId.Path = "/creation/under-server", "/spire/server"
		}), codes.OK, ""},
		{"no selectors", change(func(e *types.Entry) { e.Selectors = nil }), codes.InvalidArgument, ""},
		{"selector without type", change(func(e *types.Entry) { e.Selectors[0].Type = "" }), codes.InvalidArgument, ""},
		{"selector without value", change(func(e *types.Entry) { e.Selectors[0].Value = "" }), codes.InvalidArgument, ""},
		{"colon in a selector type", change(func(e *types.Entry) { e.Selectors[0].Type = "a:b" }), codes.InvalidArgument, ""},
		{"negative X509-SVID TTL", change(func(e *types.Entry) { e.X509SvidTtl = -1 }), codes.InvalidArgument, ""},
		{"negative JWT-SVID TTL", change(func(e *types.Entry) { e.JwtSvidTtl = -1 }), codes.InvalidArgument, ""},
		{"TTL longer than the authority lives", change(func(e *types.Entry) {
			e.SpiffeId.Path, e.X509SvidTtl = "/creation/long-ttl", 10_000_000
		}), codes.OK, ""},
		{"hint of 1024 characters", change(func(e *types.Entry) {
			e.SpiffeId.Path, e.Hint = "/creation/hint", strings.Repeat("h", 1024)
		}), codes.OK, ""},
		{"hint of 1025 characters", change(func(e *types.Entry) { e.Hint = strings.Repeat("h", 1025) }),
			codes.InvalidArgument, ""},
		{"DNS name with a space", change(func(e *types.Entry) { e.DnsNames = []string{"a b"} }), codes.InvalidArgument, ""},
		{"empty DNS name", change(func(e *types.Entry) { e.DnsNames = []string{""} }), codes.InvalidArgument, ""},
		{"DNS name with a dot at its end", change(func(e *types.Entry) { e.DnsNames = []string{"a.org."} }),
			codes.InvalidArgument, ""},
		{"DNS name with two wildcards", change(func(e *types.Entry) { e.DnsNames = []string{"*.*.org"} }),
			codes.InvalidArgument, ""},
		{"DNS name with a wildcard inside", change(func(e *types.Entry) { e.DnsNames = []string{"a.*.org"} }),
			codes.InvalidArgument, ""},
		{"DNS name that is not ASCII", change(func(e *types.Entry) { e.DnsNames = []string{"bücher.org"} }),
			codes.InvalidArgument, ""},
		{"DNS name with a wildcard first", change(func(e *types.Entry) {
			e.SpiffeId.Path, e.DnsNames = "/creation/wildcard", []string{"*.example.org"}
		}), codes.OK, ""},
		{"DNS name of one label", change(func(e *types.Entry) {
			e.SpiffeId.Path, e.DnsNames = "/creation/label", []string{"localhost"}
		}), codes.OK, ""},
		{"malformed federated trust domain", change(func(e *types.Entry) { e.FederatesWith = []string{"No Domain"} }),
			codes.InvalidArgument, ""},
		{"federated trust domain without a bundle", change(func(e *types.Entry) { e.FederatesWith = []string{"other.org"} }),
			codes.InvalidArgument, ""},
		{"downstream", change(func(e *types.Entry) { e.Downstream = true }), codes.InvalidArgument, ""},
		{"ID of one's own", own, codes.OK, ""},
		{"ID with a space", change(func(e *types.Entry) { e.Id = "a b" }), codes.InvalidArgument, ""},
		{"ID of 256 characters", change(func(e *types.Entry) { e.Id = strings.Repeat("i", 256) }), codes.InvalidArgument, ""},
		{"ID that is taken", change(func(e *types.Entry) { e.Id = own.Id }), codes.AlreadyExists, ""},
		{"stored, selectors of one type", store, codes.OK, ""},
		{"stored, selectors of two types", change(func(e *types.Entry) {
			e.StoreSvid, e.Selectors = true, selectors("a:1", "b:1")
		}), codes.InvalidArgument, ""},
		{"stored, and not fetched ahead", change(func(e *types.Entry) {
			e.StoreSvid, e.AdditionalAttributes = true, &types.Entry_AdditionalAttributes{DisableX509SvidPrefetch: true}
		}), codes.InvalidArgument, ""},
		{"good again", plain("/creation/good", "unix:uid:2"), codes.OK, ""},
	}
	entries := []*types.Entry{}
	for _, item := range items {
		entries = append(entries, item.entry)
	}
	for i, result := range batch(entries...) {
		c.Item("batch/"+items[i].name, result.Status, items[i].code, items[i].words)
		if items[i].code == codes.InvalidArgument {
			c.True("batch/"+items[i].name+" has no entry", result.Entry == nil, "no entry", result.Entry)
		}
	}
	c.Equal("batch/ID of one's own is kept", must(admin.entry.GetEntry(soon(),
		&entryv1.GetEntryRequest{Id: own.Id})).SpiffeId, wire("/creation/own-id"))

	// Similar entries.
	similar := sample("/creation/whole")
	similar.Selectors = selectors("unix:gid:2", "unix:uid:1")
	similar.Hint, similar.X509SvidTtl = "other", 5
	result = batch(similar)[0]
	c.Item("similar/same ID, parent and selectors", result.Status, codes.AlreadyExists, "similar entry already exists")
	c.Equal("similar/the existing entry is returned", sortedSelectors(result.Entry), sortedSelectors(want))
	twice := plain("/creation/twice", "unix:uid:9")
	results := batch(twice, twice)
	c.Item("similar/first of one batch", results[0].Status, codes.OK)
	c.Item("similar/second of one batch", results[1].Status, codes.AlreadyExists)
	c.Equal("similar/second of one batch returns the first", results[1].Entry.GetId(), results[0].Entry.GetId())
	similar.Selectors = selectors("unix:gid:2")
	c.Item("similar/fewer selectors are another entry", batch(similar)[0].Status, codes.OK)

	// Sizes of batches.
	empty, err := admin.entry.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{})
	c.True("batch of nothing", err == nil && len(empty.GetResults()) == 0, "no results", shown(empty, err))
	many := []*types.Entry{}
	for i := range 1001 {
		many = append(many, plain(fmt.Sprintf("/creation/many/%d", i), "unix:uid:1"))
	}
	_, err = admin.entry.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{Entries: many})
	c.Refused("batch of 1001", err, codes.InvalidArgument)
	made, err := admin.entry.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{Entries: many[:1000]})
	c.True("batch of 1000", err == nil && len(made.GetResults()) == 1000, "1000 results", shown(len(made.GetResults()), err))

	// Deletion.
	ids := []string{}
	for _, result := range made.GetResults() {
		ids = append(ids, result.Entry.GetId())
	}
	remove := func(ids ...string) []*entryv1.BatchDeleteEntryResponse_Result {
		answer := must(admin.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: ids}))
		needThat(len(answer.Results) == len(ids), "a batch is not answered item by item")
		return answer.Results
	}
	deleted := remove(whole.Id, "nobody", "", whole.Id)
	c.Item("delete/one", deleted[0].Status, codes.OK)
	c.Item("delete/unknown", deleted[1].Status, codes.NotFound, "entry not found")
	c.Item("delete/no ID", deleted[2].Status, codes.InvalidArgument, "missing entry ID")
	c.Item("delete/twice in one batch", deleted[3].Status, codes.NotFound, "entry not found")
	c.Equal("delete/answers name the entries",
		[]string{deleted[0].Id, deleted[1].Id, deleted[2].Id, deleted[3].Id}, []string{whole.Id, "nobody", "", whole.Id})
	_, err = admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: whole.Id})
	c.Refused("delete/is gone", err, codes.NotFound, "entry not found")
	gone := 0
	for _, result := range remove(ids...) {
		if result.Status.GetCode() == 0 {
			gone++
		}
	}
	c.Equal("delete/a thousand", gone, 1000)
	c.Item("delete/what was deleted can be made again", batch(sample("/creation/whole"))[0].Status, codes.OK)
}

func sortedSelectors(entry *types.Entry) *types.Entry {
	copy := proto.Clone(entry).(*types.Entry)
	texts := []string{}
	for _, selector := range copy.GetSelectors() {
		texts = append(texts, selector.Type+":"+selector.Value)
	}
	if len(texts) > 0 {
		copy.Selectors = selectors(sortedStrings(texts)...)
	}
	return copy
}

// entryListing: ListEntries and CountEntries with filters and pages.
func entryListing(c *Checks, d *Deployment, admin *Caller) {
	parent := wire("/listing/node")
	paths := map[string]string{}
	add := func(path, hint string, texts ...string) {
		entry := plain("/listing"+path, texts...)
		entry.ParentId, entry.Hint = parent, hint
		paths[create(admin, entry).Id] = path
	}
	add("/a", "one", "t:a")
	add("/ab", "two", "t:a", "t:b")
	add("/abc", "one", "t:a", "t:b", "t:c")
	add("/d", "", "t:d")
	add("/cd", "", "t:c", "t:d")

	names := func(entries []*types.Entry) []string {
		found := []string{}
		for _, entry := range entries {
			found = append(found, strings.TrimPrefix(entry.SpiffeId.GetPath(), "/listing"))
		}
		return found
	}
	match := func(behavior types.SelectorMatch_MatchBehavior, texts ...string) *types.SelectorMatch {
		return &types.SelectorMatch{Selectors: selectors(texts...), Match: behavior}
	}
	federated := func(behavior types.FederatesWithMatch_MatchBehavior, names ...string) *types.FederatesWithMatch {
		return &types.FederatesWithMatch{TrustDomains: names, Match: behavior}
	}
	const exact, subset, superset, anyOf = types.SelectorMatch_MATCH_EXACT, types.SelectorMatch_MATCH_SUBSET,
		types.SelectorMatch_MATCH_SUPERSET, types.SelectorMatch_MATCH_ANY
	all := []string{"/a", "/ab", "/abc", "/d", "/cd"}
	type filter = entryv1.ListEntriesRequest_Filter
	for _, check := range []struct {
		name   string
		filter *filter
		want   []string
	}{
		{"parent", &filter{}, all},
		{"SPIFFE ID", &filter{BySpiffeId: wire("/listing/ab")}, []string{"/ab"}},
		{"SPIFFE ID of nobody", &filter{BySpiffeId: wire("/listing/nobody")}, nil},
		{"selectors exact", &filter{BySelectors: match(exact, "t:a", "t:b")}, []string{"/ab"}},
		{"selectors exact, other order", &filter{BySelectors: match(exact, "t:b", "t:a")}, []string{"/ab"}},
		{"selectors exact, none fits", &filter{BySelectors: match(exact, "t:b")}, nil},
		{"selectors subset", &filter{BySelectors: match(subset, "t:a", "t:b")}, []string{"/a", "/ab"}},
		{"selectors subset of one", &filter{BySelectors: match(subset, "t:d")}, []string{"/d"}},
		{"selectors superset", &filter{BySelectors: match(superset, "t:a", "t:b")}, []string{"/ab", "/abc"}},
		{"selectors superset of one", &filter{BySelectors: match(superset, "t:c")}, []string{"/abc", "/cd"}},
		{"selectors any", &filter{BySelectors: match(anyOf, "t:a", "t:d")}, all},
		{"selectors any of one", &filter{BySelectors: match(anyOf, "t:b")}, []string{"/ab", "/abc"}},
		{"selectors any of unknown", &filter{BySelectors: match(anyOf, "t:x")}, nil},
		{"hint", &filter{ByHint: wrapperspb.String("one")}, []string{"/a", "/abc"}},
		{"hint of nobody", &filter{ByHint: wrapperspb.String("three")}, nil},
		{"downstream", &filter{ByDownstream: wrapperspb.Bool(true)}, nil},
		{"not downstream", &filter{ByDownstream: wrapperspb.Bool(false)}, all},
		{"federates exact", &filter{ByFederatesWith: federated(types.FederatesWithMatch_MATCH_EXACT, "other.org")}, nil},
		{"federates superset", &filter{ByFederatesWith: federated(types.FederatesWithMatch_MATCH_SUPERSET, "other.org")}, nil},
		{"federates any", &filter{ByFederatesWith: federated(types.FederatesWithMatch_MATCH_ANY, "other.org")}, nil},
		{"federates subset", &filter{ByFederatesWith: federated(types.FederatesWithMatch_MATCH_SUBSET, "other.org")}, nil},
		{"hint and selectors", &filter{ByHint: wrapperspb.String("one"), BySelectors: match(superset, "t:b")}, []string{"/abc"}},
		{"all together", &filter{BySpiffeId: wire("/listing/abc"), ByHint: wrapperspb.String("one"),
			ByDownstream: wrapperspb.Bool(false), BySelectors: match(exact, "t:a", "t:b", "t:c")}, []string{"/abc"}},
		{"all together, one that does not fit", &filter{BySpiffeId: wire("/listing/abc"),
			ByHint: wrapperspb.String("two")}, nil},
	} {
		check.filter.ByParentId = parent
		answer, err := admin.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{Filter: check.filter})
		if err != nil {
			c.Succeeds("filter/"+check.name, err)
			continue
		}
		c.Same("filter/"+check.name, names(answer.Entries), check.want)
		counted := &entryv1.CountEntriesRequest_Filter{}
		need(proto.Unmarshal(must(proto.Marshal(check.filter)), counted))
		count, err := admin.entry.CountEntries(soon(), &entryv1.CountEntriesRequest{Filter: counted})
		c.True("count/"+check.name, err == nil && int(count.GetCount()) == len(check.want),
			show(len(check.want)), shown(count.GetCount(), err))
		for _, size := range []int32{1, 2, 5} {
			found := pagedEntries(c, admin, check.filter, size)
			c.Same(fmt.Sprintf("pages/of %d, %s", size, check.name), names(found), check.want)
		}
	}
	for name, wrong := range map[string]*filter{
		"SPIFFE ID of another trust domain": {BySpiffeId: &types.SPIFFEID{TrustDomain: "elsewhere.org", Path: "/a"}},
		"SPIFFE ID without path":            {BySpiffeId: wire("")},
		"SPIFFE ID in the reserved names":   {BySpiffeId: wire("/spire/agent/x")},
		"parent of another trust domain":    {ByParentId: &types.SPIFFEID{TrustDomain: "elsewhere.org", Path: "/a"}},
		"malformed parent":                  {ByParentId: wire("no-slash")},
		"no selectors":                      {BySelectors: &types.SelectorMatch{}},
		"selector without type":             {BySelectors: &types.SelectorMatch{Selectors: []*types.Selector{{Value: "x"}}}},
		"selector without value":            {BySelectors: &types.SelectorMatch{Selectors: []*types.Selector{{Type: "x"}}}},
		"no trust domains":                  {ByFederatesWith: &types.FederatesWithMatch{}},
		"malformed trust domain":            {ByFederatesWith: federated(types.FederatesWithMatch_MATCH_ANY, "No Domain")},
	} {
		_, err := admin.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{Filter: wrong})
		c.Refused("filter refused/"+name, err, codes.InvalidArgument, "malformed")
		counted := &entryv1.CountEntriesRequest_Filter{}
		need(proto.Unmarshal(must(proto.Marshal(wrong)), counted))
		_, err = admin.entry.CountEntries(soon(), &entryv1.CountEntriesRequest{Filter: counted})
		c.Refused("count refused/"+name, err, codes.InvalidArgument, "malformed")
	}
	_, err := admin.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{PageSize: -1})
	c.Refused("pages/negative size", err, codes.InvalidArgument)
	everything := pagedEntries(c, admin, nil, 0)
	c.Equal("pages/all entries in pages of 7", len(pagedEntries(c, admin, nil, 7)), len(everything))
	count := must(admin.entry.CountEntries(soon(), &entryv1.CountEntriesRequest{}))
	c.Equal("count/all", int(count.Count), len(everything))
	// SPIRE's parent filter takes the server's and agents' IDs.
	_, err = admin.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{Filter: &filter{ByParentId: wire("/spire/server")}})
	c.Succeeds("filter/parent is the server", err)
	// SPIRE takes an empty hint as none.
	answer, err := admin.entry.ListEntries(soon(),
		&entryv1.ListEntriesRequest{Filter: &filter{ByParentId: parent, ByHint: wrapperspb.String("")}})
	if err == nil {
		c.Same("filter/empty hint is no filter", names(answer.Entries), all)
	} else {
		c.Succeeds("filter/empty hint is no filter", err)
	}
}

func pagedEntries(c *Checks, caller *Caller, filter *entryv1.ListEntriesRequest_Filter, size int32) []*types.Entry {
	all := []*types.Entry{}
	token := ""
	for range 10_000 {
		page, err := caller.entry.ListEntries(soon(),
			&entryv1.ListEntriesRequest{Filter: filter, PageSize: size, PageToken: token})
		need(err)
		if size > 0 && len(page.Entries) > int(size) {
			c.Equal("no page is larger than asked for", len(page.Entries), size)
		}
		all = append(all, page.Entries...)
		token = page.NextPageToken
		if token == "" {
			return all
		}
	}
	need(errors.New("a listing does not end"))
	return nil
}

// entryUpdates: BatchUpdateEntry with and without masks.
func entryUpdates(c *Checks, d *Deployment, admin *Caller) {
	update := func(input, output *types.EntryMask, entries ...*types.Entry) []*entryv1.BatchUpdateEntryResponse_Result {
		answer := must(admin.entry.BatchUpdateEntry(soon(),
			&entryv1.BatchUpdateEntryRequest{Entries: entries, InputMask: input, OutputMask: output}))
		needThat(len(answer.Results) == len(entries), "a batch is not answered item by item")
		return answer.Results
	}
	current := create(admin, sample("/updates/entry"))
	revision := current.RevisionNumber

	// Each field alone: only it changes, and the revision.
	other := &types.Entry{
		Id: current.Id, SpiffeId: wire("/updates/other"), ParentId: wire("/updates/parent"), Selectors: selectors("a:1"),
		X509SvidTtl: 77, JwtSvidTtl: 66, ExpiresAt: 4_000_000_000, DnsNames: []string{"c.example.org"}, Hint: "changed",
		AdditionalAttributes: &types.Entry_AdditionalAttributes{}, RevisionNumber: 99, CreatedAt: 12,
	}
	unchangeable := map[string]bool{"revision_number": true, "created_at": true, "federates_with": true, "downstream": true,
		"store_svid": true}
	forEachMask(&types.EntryMask{}, func(field string, mask proto.Message) {
		result := update(mask.(*types.EntryMask), nil, other)[0]
		if !c.Item("mask "+field, result.Status, codes.OK) {
			return
		}
		revision++
		want := proto.Clone(current).(*types.Entry)
		want.RevisionNumber = revision
		if !unchangeable[field] && field != "of nothing" {
			descriptor := want.ProtoReflect().Descriptor().Fields().ByName(protoName(field))
			want.ProtoReflect().Set(descriptor, other.ProtoReflect().Get(descriptor))
		}
		got := result.Entry
		c.Equal("mask "+field+" changes only that", normal(got), normal(want))
		current = must(admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: current.Id}))
		c.Equal("mask "+field+" is stored", normal(current), normal(want))
		revision = current.RevisionNumber
	})

	// Without a mask: replaced whole.
	replacement := &types.Entry{Id: current.Id, SpiffeId: wire("/updates/new"), ParentId: wire("/updates/node"),
		Selectors: selectors("b:2")}
	result := update(nil, nil, replacement)[0]
	c.Item("whole", result.Status, codes.OK)
	want := proto.Clone(replacement).(*types.Entry)
	want.RevisionNumber, want.CreatedAt = revision+1, current.CreatedAt
	c.Equal("whole/replaced", normal(result.Entry), normal(want))
	forEachMask(&types.EntryMask{}, func(field string, mask proto.Message) {
		result := update(&types.EntryMask{}, mask.(*types.EntryMask), replacement)[0]
		full := must(admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: current.Id}))
		c.Equal("output mask "+field, result.Entry, masked(full, field))
	})

	// Item by item.
	changed := func(change func(*types.Entry)) *types.Entry {
		entry := proto.Clone(replacement).(*types.Entry)
		change(entry)
		return entry
	}
	items := []struct {
		name  string
		entry *types.Entry
		code  codes.Code
	}{
		{"good", changed(func(e *types.Entry) { e.Hint = "good" }), codes.OK},
		{"unknown", changed(func(e *types.Entry) { e.Id = "nobody" }), codes.NotFound},
		{"no selectors", changed(func(e *types.Entry) { e.Selectors = nil }), codes.InvalidArgument},
		{"malformed selector", changed(func(e *types.Entry) { e.Selectors[0].Type = "" }), codes.InvalidArgument},
		{"no SPIFFE ID", changed(func(e *types.Entry) { e.SpiffeId = nil }), codes.InvalidArgument},
		{"reserved SPIFFE ID", changed(func(e *types.Entry) { e.SpiffeId.Path = "/spire/x" }), codes.InvalidArgument},
		{"no parent", changed(func(e *types.Entry) { e.ParentId = nil }), codes.InvalidArgument},
		{"negative TTL", changed(func(e *types.Entry) { e.X509SvidTtl = -2 }), codes.InvalidArgument},
		{"malformed DNS name", changed(func(e *types.Entry) { e.DnsNames = []string{"-a.org"} }), codes.InvalidArgument},
		{"long hint", changed(func(e *types.Entry) { e.Hint = strings.Repeat("h", 1025) }), codes.InvalidArgument},
		{"good again", changed(func(e *types.Entry) { e.Hint = "last" }), codes.OK},
	}
	entries := []*types.Entry{}
	for _, item := range items {
		entries = append(entries, item.entry)
	}
	for i, result := range update(nil, nil, entries...) {
		c.Item("batch/"+items[i].name, result.Status, items[i].code)
	}
	got := must(admin.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: current.Id}))
	c.Equal("batch/the good ones are done", got.Hint, "last")
	// What a mask leaves out may be malformed.
	result = update(&types.EntryMask{Hint: true}, nil, &types.Entry{Id: current.Id, Hint: "masked"})[0]
	c.Item("mask hint, nothing else given", result.Status, codes.OK)
	result = update(&types.EntryMask{Selectors: true}, nil, &types.Entry{Id: current.Id})[0]
	c.Item("mask selectors, none given", result.Status, codes.InvalidArgument)
	// Store and selectors of several types do not go together, whichever comes second.
	mixed := create(admin, plain("/updates/mixed", "a:1", "b:1"))
	result = update(&types.EntryMask{StoreSvid: true}, nil, &types.Entry{Id: mixed.Id, StoreSvid: true})[0]
	c.Item("store with selectors of two types", result.Status, codes.InvalidArgument)
	empty, err := admin.entry.BatchUpdateEntry(soon(), &entryv1.BatchUpdateEntryRequest{})
	c.True("batch of nothing", err == nil && len(empty.GetResults()) == 0, "no results", shown(empty, err))
}

// normal is an entry in a form in which equal entries are equal messages.
func normal(entry *types.Entry) *types.Entry {
	copy := sortedSelectors(entry)
	if attributes := copy.AdditionalAttributes; attributes != nil && proto.Size(attributes) == 0 {
		copy.AdditionalAttributes = nil
	}
	return copy
}
