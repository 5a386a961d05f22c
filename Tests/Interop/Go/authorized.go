package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// authorizedEntries: GetAuthorizedEntries and SyncAuthorizedEntries.
func authorizedEntries(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	svid := d.newAgent(local, anonymous, wire("/authorized/alias"))
	other := d.newAgent(local, anonymous, nil)
	agent := d.With(svid)
	defer agent.Close()

	alias := must(local.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{
		Filter: &entryv1.ListEntriesRequest_Filter{BySpiffeId: wire("/authorized/alias")}})).Entries[0]
	under := func(parent *types.SPIFFEID, path string) *types.Entry {
		return create(local, &types.Entry{SpiffeId: wire(path), ParentId: parent, Selectors: selectors("unix:uid:1"),
			Hint: "h", X509SvidTtl: 60})
	}
	mine := []*types.Entry{
		alias,
		under(wireOf(svid.ID), "/authorized/own"),
		under(wire("/authorized/alias"), "/authorized/by-alias"),
		under(wire("/authorized/own"), "/authorized/below"),
		under(wire("/authorized/below"), "/authorized/far-below"),
		under(wire("/authorized/far-below"), "/authorized/own"), // a cycle
	}
	foreign := under(wireOf(other.ID), "/authorized/foreign")
	want := entryIDs(mine)

	got, err := agent.entry.GetAuthorizedEntries(soon(), &entryv1.GetAuthorizedEntriesRequest{})
	c.Succeeds("get", err)
	c.Same("get/own, alias and descendants", entryIDs(got.GetEntries()), want)
	byID := func(entries []*types.Entry, id string) *types.Entry {
		for _, entry := range entries {
			if entry.Id == id {
				return entry
			}
		}
		return nil
	}
	c.Equal("get/whole", normal(byID(got.GetEntries(), mine[1].Id)), normal(mine[1]))
	forEachMask(&types.EntryMask{}, func(field string, mask proto.Message) {
		got, err := agent.entry.GetAuthorizedEntries(soon(),
			&entryv1.GetAuthorizedEntriesRequest{OutputMask: mask.(*types.EntryMask)})
		if err != nil {
			c.Succeeds("get/mask "+field, err)
			return
		}
		c.Equal("get/mask "+field, normal(byID(got.Entries, mine[1].Id)), masked(normal(mine[1]), field))
	})

	// The stream, short.
	first, rest, err := syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{}, true)
	c.Succeeds("sync", err)
	c.Same("sync/own, alias and descendants", entryIDs(first.GetEntries()), want)
	c.Equal("sync/nothing more", first.GetMore(), false)
	c.Equal("sync/no revisions", len(first.GetEntryRevisions()), 0)
	c.True("sync/ends after it", errors.Is(rest, io.EOF), "EOF", rest)
	c.Equal("sync/whole", normal(byID(first.GetEntries(), mine[1].Id)), normal(mine[1]))
	_, rest, err = syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{}, false)
	c.True("sync/a short list ends the stream without being asked", err == nil && errors.Is(rest, io.EOF), "EOF", rest)
	_, _, err = syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{Ids: []string{mine[0].Id}}, true)
	c.Refused("sync/IDs at once", err, codes.InvalidArgument, "specifying IDs on initial request is not supported")
	_, _, err = syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{OutputMask: &types.EntryMask{SpiffeId: true}}, true)
	c.Refused("sync/mask without revision_number", err, codes.InvalidArgument, "revision number cannot be masked")
	masking := &types.EntryMask{RevisionNumber: true, Hint: true}
	first, _, err = syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{OutputMask: masking}, true)
	c.Succeeds("sync/mask", err)
	c.Equal("sync/mask keeps what it names", byID(first.GetEntries(), mine[1].Id),
		&types.Entry{Id: mine[1].Id, Hint: "h", RevisionNumber: mine[1].RevisionNumber})

	// The stream, at the size of a page and above.
	needed := []*types.Entry{}
	for i := range 500 - len(mine) {
		needed = append(needed, &types.Entry{SpiffeId: wire(fmt.Sprintf("/authorized/n/%d", i)), ParentId: wireOf(svid.ID),
			Selectors: selectors("unix:uid:1")})
	}
	mine = append(mine, createAll(local, needed)...)
	first, _, err = syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{}, true)
	c.Succeeds("sync/500", err)
	c.Equal("sync/500 come at once", len(first.GetEntries()), 500)
	mine = append(mine, under(wireOf(svid.ID), "/authorized/one-more"))
	first, _, err = syncOnce(agent, &entryv1.SyncAuthorizedEntriesRequest{}, false)
	c.Succeeds("sync/501", err)
	c.Equal("sync/501 begin with 500 revisions",
		fmt.Sprint(len(first.GetEntries()), len(first.GetEntryRevisions()), first.GetMore()), "0 500 true")

	needed = needed[:0]
	for i := range 1201 - len(mine) {
		needed = append(needed, &types.Entry{SpiffeId: wire(fmt.Sprintf("/authorized/m/%d", i)), ParentId: wireOf(svid.ID),
			Selectors: selectors("unix:uid:1")})
	}
	mine = append(mine, createAll(local, needed)...)
	// One is changed, so that its revision says something.
	need(drop(local.entry.BatchUpdateEntry(soon(), &entryv1.BatchUpdateEntryRequest{
		InputMask: &types.EntryMask{Hint: true}, Entries: []*types.Entry{{Id: mine[1].Id, Hint: "h2"}}})))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream := must(agent.entry.SyncAuthorizedEntries(ctx))
	need(stream.Send(&entryv1.SyncAuthorizedEntriesRequest{OutputMask: masking}))
	revisions := map[string]*entryv1.EntryRevision{}
	shape := []string{}
	for {
		page, err := stream.Recv()
		need(err)
		for _, revision := range page.EntryRevisions {
			revisions[revision.Id] = revision
		}
		shape = append(shape, fmt.Sprint(len(page.Entries), "+", len(page.EntryRevisions), page.More))
		if !page.More {
			break
		}
	}
	c.Equal("sync/1201 are three pages of revisions", fmt.Sprint(shape),
		fmt.Sprint([]string{fmt.Sprint(0, "+", 500, true), fmt.Sprint(0, "+", 500, true), fmt.Sprint(0, "+", 201, false)}))
	ids := []string{}
	for id := range revisions {
		ids = append(ids, id)
	}
	c.Same("sync/1201 revisions are of all", ids, entryIDs(mine))
	c.Equal("sync/revision of a changed one", revisions[mine[1].Id].GetRevisionNumber(), mine[1].RevisionNumber+1)
	c.Equal("sync/revision of an unchanged one", revisions[mine[2].Id].GetRevisionNumber(), mine[2].RevisionNumber)
	c.Equal("sync/created_at comes along", revisions[mine[2].Id].GetCreatedAt(), mine[2].CreatedAt)

	askFor := func(ids ...string) ([]*types.Entry, string) {
		need(stream.Send(&entryv1.SyncAuthorizedEntriesRequest{Ids: ids}))
		entries, shape := []*types.Entry{}, ""
		for {
			page, err := stream.Recv()
			need(err)
			entries = append(entries, page.Entries...)
			shape += fmt.Sprint(len(page.Entries), page.More, " ")
			if !page.More {
				return entries, shape
			}
		}
	}
	entries, form := askFor(mine[1].Id)
	c.Equal("sync/ask for one", fmt.Sprint(entryIDs(entries), form), fmt.Sprint([]string{mine[1].Id}, "1 false "))
	if len(entries) == 1 {
		c.Equal("sync/the first mask holds", entries[0],
			&types.Entry{Id: mine[1].Id, Hint: "h2", RevisionNumber: mine[1].RevisionNumber + 1})
	}
	sort.Strings(ids)
	entries, form = askFor(ids[:1100]...)
	c.Equal("sync/ask for 1100", form, "500 true 500 true 100 false ")
	c.Same("sync/ask for 1100, get those", entryIDs(entries), ids[:1100])
	entries, form = askFor(ids[:500]...)
	c.Equal("sync/ask for 500", form, "500 false ")
	entries, form = askFor(mine[3].Id, foreign.Id, "nobody", mine[2].Id)
	c.Same("sync/foreign and unknown ones are left out", entryIDs(entries), []string{mine[2].Id, mine[3].Id})
	_, form = askFor(foreign.Id)
	c.Equal("sync/ask for a foreign one only", form, "0 false ")
	_, form = askFor()
	c.Equal("sync/ask for nothing", form, "0 false ")
	backwards := []string{mine[9].Id, mine[8].Id, mine[7].Id}
	entries, _ = askFor(backwards...)
	c.Same("sync/IDs in any order", entryIDs(entries), backwards)
	need(stream.CloseSend())
	_, err = stream.Recv()
	c.True("sync/ends when the agent is done", errors.Is(err, io.EOF), "EOF", err)

	// An agent without entries.
	lonely := d.With(d.newAgent(local, anonymous, nil))
	defer lonely.Close()
	none, err := lonely.entry.GetAuthorizedEntries(soon(), &entryv1.GetAuthorizedEntriesRequest{})
	c.True("get/an agent without entries", err == nil && len(none.GetEntries()) == 0, "none", shown(none, err))
	first, _, err = syncOnce(lonely, &entryv1.SyncAuthorizedEntriesRequest{}, true)
	c.True("sync/an agent without entries", err == nil && len(first.GetEntries()) == 0 && !first.GetMore(), "none",
		shown(first, err))

	agents := []*x509svid.SVID{svid, other}
	for _, one := range agents {
		need(drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: wireOf(one.ID)})))
	}
}

// syncOnce sends one request and returns the answer, and how the stream went on.
func syncOnce(
	agent *Caller, request *entryv1.SyncAuthorizedEntriesRequest, closing bool,
) (first *entryv1.SyncAuthorizedEntriesResponse, rest, failure error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	stream, err := agent.entry.SyncAuthorizedEntries(ctx)
	if err != nil {
		return nil, nil, err
	}
	_ = stream.Send(request)
	if closing {
		_ = stream.CloseSend()
	}
	first, err = stream.Recv()
	if err != nil {
		return nil, nil, err
	}
	_, rest = stream.Recv()
	return first, rest, nil
}

func entryIDs(entries []*types.Entry) []string {
	ids := []string{}
	for _, entry := range entries {
		ids = append(ids, entry.Id)
	}
	return ids
}
