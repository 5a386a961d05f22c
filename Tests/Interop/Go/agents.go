package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// joinTokens: CreateJoinToken, and the entry that comes with an alias.
func joinTokens(c *Checks, d *Deployment) {
	local := d.Local()
	defer local.Close()
	anonymous := d.Anonymous()
	defer anonymous.Close()
	ask := func(request *agentv1.CreateJoinTokenRequest) (*types.JoinToken, error) {
		return local.agent.CreateJoinToken(soon(), request)
	}

	_, err := ask(&agentv1.CreateJoinTokenRequest{})
	c.Refused("no ttl", err, codes.InvalidArgument, "ttl is required")
	_, err = ask(&agentv1.CreateJoinTokenRequest{Ttl: -1})
	c.Refused("negative ttl", err, codes.InvalidArgument, "ttl is required")
	for name, alias := range map[string]*types.SPIFFEID{
		"of another trust domain": {TrustDomain: "elsewhere.org", Path: "/node"},
		"in the reserved names":   wire("/spire/agent/x"), "reserved itself": wire("/spire"),
		"without path": wire(""), "malformed": wire("/a//b"),
	} {
		_, err = ask(&agentv1.CreateJoinTokenRequest{Ttl: 60, AgentId: alias})
		c.Refused("alias "+name, err, codes.InvalidArgument, "invalid agent ID")
	}

	token, err := ask(&agentv1.CreateJoinTokenRequest{Ttl: 600})
	c.Succeeds("made", err)
	c.True("is a random UUID", uuid.MatchString(token.GetValue()), "a UUID", token.GetValue())
	c.True("expires as asked", near(token.GetExpiresAt(), time.Now().Unix()+600), "in 600 s", token.GetExpiresAt())
	chosen, err := ask(&agentv1.CreateJoinTokenRequest{Ttl: 60, Token: "5b0b1e6a-91a9-4f0e-8c1e-6d1f5d3f9a01"})
	c.Succeeds("chosen", err)
	c.Equal("chosen is kept", chosen.GetValue(), "5b0b1e6a-91a9-4f0e-8c1e-6d1f5d3f9a01")
	plain, err := ask(&agentv1.CreateJoinTokenRequest{Ttl: 60, Token: "not-a-uuid"})
	c.Succeeds("chosen that is no UUID", err)
	if err == nil {
		c.Equal("chosen that is no UUID is kept", plain.GetValue(), "not-a-uuid")
	}
	_, err = ask(&agentv1.CreateJoinTokenRequest{Ttl: 60, Token: chosen.GetValue()})
	c.True("chosen twice is refused", err != nil, "an error", err)

	// The alias.
	token = must(ask(&agentv1.CreateJoinTokenRequest{Ttl: 600, AgentId: wire("/alias/tokens")}))
	byAlias := &entryv1.ListEntriesRequest{Filter: &entryv1.ListEntriesRequest_Filter{BySpiffeId: wire("/alias/tokens")}}
	before := must(local.entry.ListEntries(soon(), byAlias))
	c.Equal("an unused token is in no listing", len(before.Entries), 0)
	svid, _, err := attest(anonymous, token.Value)
	need(err)
	after := must(local.entry.ListEntries(soon(), byAlias))
	if c.Equal("alias entry is made", len(after.Entries), 1) {
		c.Equal("alias entry's parent is the agent", after.Entries[0].ParentId, wireOf(svid.ID))
		c.Equal("alias entry's selector is the agent",
			after.Entries[0].Selectors[0], &types.Selector{Type: "spiffe_id", Value: svid.ID.String()})
	}
	need(drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: wireOf(svid.ID)})))
	after = must(local.entry.ListEntries(soon(), byAlias))
	c.Equal("evicting the agent removes its alias", len(after.Entries), 0)
}

// attestation: AttestAgent.
func attestation(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	newToken := func(ttl int32) string {
		return must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: ttl})).Value
	}
	good := csr(newKey(), nil)

	for _, wrong := range []struct {
		name    string
		request *agentv1.AttestAgentRequest
		words   string
	}{
		{"nothing", &agentv1.AttestAgentRequest{}, "missing params"},
		{"a challenge response first", &agentv1.AttestAgentRequest{
			Step: &agentv1.AttestAgentRequest_ChallengeResponse{ChallengeResponse: []byte("x")}}, "missing params"},
		{"no data", &agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{
			Params: &agentv1.AttestAgentRequest_Params{Params: &agentv1.AgentX509SVIDParams{Csr: good}}}},
			"missing attestation data"},
		{"no SVID parameters", &agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{
			Params: &agentv1.AttestAgentRequest_Params{Data: &types.AttestationData{Type: "join_token",
				Payload: []byte("x")}}}}, "missing X509-SVID parameters"},
		{"no CSR", attestParams("join_token", "x", nil), "missing CSR"},
		{"no type", attestParams("", "x", good), "missing attestation data type"},
		{"no payload", attestParams("join_token", "", good), "missing attestation data payload"},
	} {
		_, err := attestWith(anonymous, wrong.request)
		c.Refused("refused/"+wrong.name, err, codes.InvalidArgument, "malformed param", wrong.words)
	}
	_, err := attestWith(anonymous, attestParams("x509pop", "{}", good))
	c.Refused("refused/attestor that is not here", err, codes.FailedPrecondition, "error getting node attestor")
	_, err = attestWith(anonymous, attestParams("join_token", "2f7c4a36-3e1c-4f37-a6a8-0f4c6d2a7a10", good))
	c.Refused("refused/unknown token", err, codes.InvalidArgument,
		"failed to attest: join token does not exist or has already been used")
	short := newToken(1)
	time.Sleep(2100 * time.Millisecond)
	_, err = attestWith(anonymous, attestParams("join_token", short, good))
	c.Refused("refused/expired token", err, codes.InvalidArgument, "join token expired")

	// A stream that the caller ends without a word.
	stream := must(anonymous.agent.AttestAgent(soon()))
	need(stream.CloseSend())
	_, err = stream.Recv()
	c.Refused("refused/no message", err, codes.InvalidArgument, "failed to receive request from stream")

	token := newToken(600)
	_, err = attestWith(anonymous, attestParams("join_token", token, []byte("no request")))
	c.Refused("refused/malformed CSR", err, codes.InvalidArgument, "CSR")

	key := newKey()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream = must(anonymous.agent.AttestAgent(ctx))
	need(stream.Send(attestParams("join_token", token, csr(key, []string{"spiffe://example.org/not/this"}))))
	answer, err := stream.Recv()
	c.Succeeds("a malformed CSR does not use up the token", err)
	need(err)
	_, err = stream.Recv()
	c.True("the stream ends after the result", errors.Is(err, io.EOF), "EOF", err)

	result := answer.GetResult()
	wantID := id("/spire/agent/join_token/" + token)
	c.Equal("id", result.GetSvid().GetId(), wireOf(wantID))
	c.Equal("not re-attestable", result.GetReattestable(), false)
	svid, err := svidFrom(key, result.Svid)
	c.Succeeds("go-spiffe accepts the X509-SVID", err)
	need(err)
	_, _, err = x509svid.Verify(svid.Certificates, d.Bundle())
	c.Succeeds("go-spiffe verifies it against the bundle", err)
	c.Equal("expires_at is the certificate's", result.Svid.ExpiresAt, svid.Certificates[0].NotAfter.Unix())
	checkLeaf(c.In("certificate"), svid.Certificates[0], wantID, time.Hour, nil)

	_, err = attestWith(anonymous, attestParams("join_token", token, good))
	c.Refused("refused/used token", err, codes.InvalidArgument,
		"failed to attest: join token does not exist or has already been used")

	// Everybody may attest, whoever they are already.
	agent := d.With(svid)
	defer agent.Close()
	_, _, err = attest(agent, newToken(600))
	c.Succeeds("by a caller with an identity", err)
	_, _, err = attest(local, newToken(600))
	c.Succeeds("by a caller at the administrator's socket", err)

	// Of twenty at once, one.
	token = newToken(600)
	results := make(chan error, 20)
	for range 20 {
		go func() {
			other := d.Anonymous()
			defer other.Close()
			_, _, err := attest(other, token)
			results <- err
		}()
	}
	won := 0
	for range 20 {
		if err := <-results; err == nil {
			won++
		} else if status.Code(err) != codes.InvalidArgument {
			c.Refused("race/loser", err, codes.InvalidArgument)
		}
	}
	c.Equal("race/winners of twenty with one token", won, 1)
}

// checkLeaf compares a certificate with what SPIRE issues.
func checkLeaf(c *Checks, leaf *x509.Certificate, want spiffeid.ID, ttl time.Duration, dnsNames []string) {
	uris := []string{}
	for _, uri := range leaf.URIs {
		uris = append(uris, uri.String())
	}
	c.Same("one URI", uris, []string{want.String()})
	c.Same("DNS names", leaf.DNSNames, dnsNames)
	c.Equal("not a CA", leaf.IsCA, false)
	c.Equal("key usage", leaf.KeyUsage,
		x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement)
	c.Equal("extended key usage", leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth})
	subject := leaf.Subject.ToRDNSequence().String()
	wantSubject := "O=SPIRE,C=US"
	if len(dnsNames) > 0 {
		wantSubject = "CN=" + dnsNames[0] + "," + wantSubject
	}
	c.Equal("subject", subject, wantSubject)
	now := time.Now()
	c.True("begins 10 s before", near(leaf.NotBefore.Unix(), now.Unix()-10), "10 s ago", now.Sub(leaf.NotBefore))
	c.True("lives as asked", near(leaf.NotAfter.Unix(), now.Add(ttl).Unix()), ttl.String(), leaf.NotAfter.Sub(now))
	c.True("serial number fits 128 bits", leaf.SerialNumber.Sign() > 0 && leaf.SerialNumber.BitLen() <= 128,
		"1 to 128 bits", leaf.SerialNumber)
	c.True("key identifiers", len(leaf.SubjectKeyId) == 20 && len(leaf.AuthorityKeyId) > 0, "both", "missing")
}

func near(got, want int64) bool { return got >= want-5 && got <= want+5 }

func drop[Value any](_ Value, err error) error { return err }

// agentListing: ListAgents, CountAgents, GetAgent with filters, masks and pages.
func agentListing(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	existing := pagedAgents(c, local, &agentv1.ListAgentsRequest_Filter{}, 0)
	for _, agent := range existing {
		need(drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: agent.Id})))
	}
	ids := []string{}
	svids := []*x509svid.SVID{}
	for range 5 {
		svid := d.newAgent(local, anonymous, nil)
		svids = append(svids, svid)
		ids = append(ids, svid.ID.String())
	}
	need(drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: wireOf(svids[0].ID)})))
	agent := d.With(svids[1])
	defer agent.Close()
	need(drop(agent.agent.PostStatus(soon(), &agentv1.PostStatusRequest{AgentVersion: "1.15.2"})))

	// Filters.
	yes, no := wrapperspb.Bool(true), wrapperspb.Bool(false)
	match := func(behavior types.SelectorMatch_MatchBehavior, texts ...string) *types.SelectorMatch {
		return &types.SelectorMatch{Selectors: selectors(texts...), Match: behavior}
	}
	past := time.Now().Add(-time.Hour).Format("2006-01-02 15:04:05 -0700 -07")
	future := time.Now().Add(48 * time.Hour).Format("2006-01-02 15:04:05 -0700 -07")
	zoned := time.Now().Add(48 * time.Hour).In(time.FixedZone("", 3*3600)).Format("2006-01-02 15:04:05 -0700 -07")
	for _, filter := range []struct {
		name   string
		filter *agentv1.ListAgentsRequest_Filter
		want   []string
	}{
		{"none", nil, ids},
		{"empty", &agentv1.ListAgentsRequest_Filter{}, ids},
		{"type join_token", &agentv1.ListAgentsRequest_Filter{ByAttestationType: "join_token"}, ids},
		{"type x509pop", &agentv1.ListAgentsRequest_Filter{ByAttestationType: "x509pop"}, nil},
		{"banned", &agentv1.ListAgentsRequest_Filter{ByBanned: yes}, ids[:1]},
		{"not banned", &agentv1.ListAgentsRequest_Filter{ByBanned: no}, ids[1:]},
		{"can reattest", &agentv1.ListAgentsRequest_Filter{ByCanReattest: yes}, nil},
		{"cannot reattest", &agentv1.ListAgentsRequest_Filter{ByCanReattest: no}, ids},
		{"expires before the past", &agentv1.ListAgentsRequest_Filter{ByExpiresBefore: past}, nil},
		{"expires before the future", &agentv1.ListAgentsRequest_Filter{ByExpiresBefore: future}, ids},
		{"expires before, other zone", &agentv1.ListAgentsRequest_Filter{ByExpiresBefore: zoned}, ids},
		{"selectors exact", &agentv1.ListAgentsRequest_Filter{
			BySelectorMatch: match(types.SelectorMatch_MATCH_EXACT, "a:1")}, nil},
		{"selectors subset", &agentv1.ListAgentsRequest_Filter{
			BySelectorMatch: match(types.SelectorMatch_MATCH_SUBSET, "a:1")}, nil},
		{"selectors superset", &agentv1.ListAgentsRequest_Filter{
			BySelectorMatch: match(types.SelectorMatch_MATCH_SUPERSET, "a:1")}, nil},
		{"selectors any", &agentv1.ListAgentsRequest_Filter{
			BySelectorMatch: match(types.SelectorMatch_MATCH_ANY, "a:1")}, nil},
		{"all together", &agentv1.ListAgentsRequest_Filter{ByAttestationType: "join_token", ByBanned: no,
			ByCanReattest: no, ByExpiresBefore: future}, ids[1:]},
		{"all together, one that does not fit", &agentv1.ListAgentsRequest_Filter{ByAttestationType: "join_token",
			ByBanned: yes, ByCanReattest: yes, ByExpiresBefore: future}, nil},
	} {
		answer, err := local.agent.ListAgents(soon(), &agentv1.ListAgentsRequest{Filter: filter.filter})
		if err != nil {
			c.Succeeds("filter/"+filter.name, err)
			continue
		}
		c.Same("filter/"+filter.name, agentIDs(answer.Agents), filter.want)
		var counted *agentv1.CountAgentsRequest_Filter
		if filter.filter != nil {
			counted = &agentv1.CountAgentsRequest_Filter{}
			encoded := must(proto.Marshal(filter.filter))
			need(proto.Unmarshal(encoded, counted))
		}
		count, err := local.agent.CountAgents(soon(), &agentv1.CountAgentsRequest{Filter: counted})
		c.True("count/"+filter.name, err == nil && int(count.GetCount()) == len(filter.want),
			show(len(filter.want)), shown(count.GetCount(), err))
	}
	for name, filter := range map[string]*agentv1.ListAgentsRequest_Filter{
		"selector without value":    {BySelectorMatch: &types.SelectorMatch{Selectors: []*types.Selector{{Type: "a"}}}},
		"selector without type":     {BySelectorMatch: &types.SelectorMatch{Selectors: []*types.Selector{{Value: "a"}}}},
		"colon in a selector type":  {BySelectorMatch: &types.SelectorMatch{Selectors: []*types.Selector{{Type: "a:b", Value: "c"}}}},
		"malformed moment":          {ByExpiresBefore: "tomorrow"},
		"moment without zone names": {ByExpiresBefore: "2030-01-02 15:04:05"},
	} {
		_, err := local.agent.ListAgents(soon(), &agentv1.ListAgentsRequest{Filter: filter})
		c.Refused("filter refused/"+name, err, codes.InvalidArgument)
	}

	// Pages.
	for _, size := range []int32{1, 2, 5, 6, 10_000} {
		found := pagedAgents(c.In("pages"), local, nil, size)
		c.Same("pages/of "+show(size)+" have all", agentIDs(found), ids)
		found = pagedAgents(c.In("pages"), local, &agentv1.ListAgentsRequest_Filter{ByBanned: no}, size)
		c.Same("pages/of "+show(size)+" with filter have all", agentIDs(found), ids[1:])
	}
	_, err := local.agent.ListAgents(soon(), &agentv1.ListAgentsRequest{PageSize: -1})
	c.Refused("pages/negative size", err, codes.InvalidArgument)

	// One agent, whole and field by field.
	whole, err := local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: wireOf(svids[1].ID)})
	c.Succeeds("get", err)
	leaf := svids[1].Certificates[0]
	c.Equal("get/whole", whole, &types.Agent{
		Id: wireOf(svids[1].ID), AttestationType: "join_token", X509SvidSerialNumber: leaf.SerialNumber.String(),
		X509SvidExpiresAt: leaf.NotAfter.Unix(), AgentVersion: "1.15.2",
	})
	forEachMask(&types.AgentMask{}, func(field string, mask proto.Message) {
		mine := mask.(*types.AgentMask)
		got, err := local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: wireOf(svids[1].ID), OutputMask: mine})
		if err != nil {
			c.Succeeds("get/mask "+field, err)
			return
		}
		c.Equal("get/mask "+field, got, masked(whole, field))
		listed, err := local.agent.ListAgents(soon(), &agentv1.ListAgentsRequest{OutputMask: mine})
		c.Succeeds("list/mask "+field+" listed", err)
		for _, one := range listed.GetAgents() {
			if one.Id.GetPath() == svids[1].ID.Path() {
				c.Equal("list/mask "+field, one, masked(whole, field))
			}
		}
	})
	banned := must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: wireOf(svids[0].ID)}))
	c.Equal("get/banned", banned.Banned, true)
	c.Equal("get/banned has no serial number", banned.X509SvidSerialNumber, "")
	for name, bad := range badAgentIDs {
		_, err := local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: bad})
		c.Refused("get/"+name, err, codes.InvalidArgument, "invalid agent ID")
	}
	_, err = local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: wire("/spire/agent/join_token/nobody")})
	c.Refused("get/unknown", err, codes.NotFound, "agent not found")
}

var badAgentIDs = map[string]*types.SPIFFEID{
	"no ID": nil, "empty ID": {}, "without path": wire(""), "of another trust domain": {
		TrustDomain: "elsewhere.org", Path: "/spire/agent/join_token/x"},
	"of a workload": wire("/workload"), "of the server": wire("/spire/server"), "malformed": wire("/spire/agent/a//b"),
}

func shown(value any, err error) any {
	if err != nil {
		return err
	}
	return value
}

func agentIDs(agents []*types.Agent) []string {
	ids := []string{}
	for _, agent := range agents {
		ids = append(ids, "spiffe://"+agent.Id.GetTrustDomain()+agent.Id.GetPath())
	}
	return ids
}

func pagedAgents(c *Checks, caller *Caller, filter *agentv1.ListAgentsRequest_Filter, size int32) []*types.Agent {
	all := []*types.Agent{}
	token := ""
	for range 1000 {
		page, err := caller.agent.ListAgents(soon(),
			&agentv1.ListAgentsRequest{Filter: filter, PageSize: size, PageToken: token})
		need(err)
		if size > 0 && len(page.Agents) > int(size) {
			c.Equal("no page is larger than asked for", len(page.Agents), size)
		}
		all = append(all, page.Agents...)
		token = page.NextPageToken
		if token == "" {
			return all
		}
	}
	need(errors.New("a listing does not end"))
	return nil
}

// forEachMask calls with each mask that names one field, and with the mask that names none.
func forEachMask(empty proto.Message, body func(field string, mask proto.Message)) {
	body("of nothing", proto.Clone(empty))
	fields := empty.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		mask := proto.Clone(empty)
		mask.ProtoReflect().Set(fields.Get(i), protoreflect.ValueOfBool(true))
		body(string(fields.Get(i).Name()), mask)
	}
}

// masked is a copy with the field, and with what names the thing: its first field.
func masked[Message proto.Message](whole Message, field string) Message {
	result := proto.Clone(whole).(Message)
	fields := result.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		one := fields.Get(i)
		if one.Number() != 1 && string(one.Name()) != field {
			result.ProtoReflect().Clear(one)
		}
	}
	return result
}

// renewal: RenewAgent and PostStatus, pending and superseded serial numbers, bans and evictions.
func renewal(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	first := d.newAgent(local, anonymous, nil)
	agentID := wireOf(first.ID)
	serial := func() string {
		return must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID})).X509SvidSerialNumber
	}
	serialOf := func(svid *x509svid.SVID) string { return svid.Certificates[0].SerialNumber.String() }
	// Each call on a connection of its own: a new handshake with just this certificate.
	use := func(svid *x509svid.SVID) error {
		caller := d.With(svid)
		defer caller.Close()
		return drop(caller.agent.PostStatus(soon(), &agentv1.PostStatusRequest{}))
	}
	renew := func(svid *x509svid.SVID) *x509svid.SVID {
		caller := d.With(svid)
		defer caller.Close()
		key := newKey()
		answer := must(caller.agent.RenewAgent(soon(),
			&agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{Csr: csr(key, nil)}}))
		c.Equal("id stays", answer.Svid.Id, agentID)
		renewed := must(svidFrom(key, answer.Svid))
		c.Equal("expires_at is the certificate's", answer.Svid.ExpiresAt, renewed.Certificates[0].NotAfter.Unix())
		return renewed
	}

	// What is refused.
	agent := d.With(first)
	defer agent.Close()
	for name, wrong := range map[string]*agentv1.RenewAgentRequest{
		"params cannot be nil": {}, "missing CSR": {Params: &agentv1.AgentX509SVIDParams{}},
		"CSR": {Params: &agentv1.AgentX509SVIDParams{Csr: []byte{0x30, 0}}},
	} {
		_, err := agent.agent.RenewAgent(soon(), wrong)
		c.Refused("refused/"+name, err, codes.InvalidArgument, name)
	}
	c.Equal("a refused renewal changes nothing", serial(), serialOf(first))

	// Status.
	version := func() string {
		return must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID})).AgentVersion
	}
	post := func(version string) error {
		return drop(agent.agent.PostStatus(soon(), &agentv1.PostStatusRequest{AgentVersion: version}))
	}
	c.Succeeds("status/version", post("1.14.0"))
	c.Equal("status/version is shown", version(), "1.14.0")
	c.Succeeds("status/no version", post(""))
	c.Equal("status/no version changes nothing", version(), "1.14.0")
	long := strings.Repeat("v", 255)
	c.Succeeds("status/255 characters", post(long))
	c.Refused("status/256 characters", post(long+"v"), codes.InvalidArgument, "agent version is too long (max 255 characters)")
	c.Equal("status/a refused one changes nothing", version(), long)

	// Pending, replaced, activated, superseded.
	second := renew(first)
	c.True("pending/has a serial number of its own", serialOf(second) != serialOf(first), "another", serialOf(second))
	c.Equal("pending/is not the agent's yet", serial(), serialOf(first))
	c.Succeeds("pending/the current one still works", use(first))
	c.Equal("pending/using the current one activates nothing", serial(), serialOf(first))
	third := renew(first)
	c.Denied("replaced/a pending one that was replaced is refused", use(second), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE)
	c.Succeeds("replaced/the current one still works", use(first))
	c.Succeeds("activated/by its first use", use(third))
	c.Equal("activated/is the agent's", serial(), serialOf(third))
	c.Denied("superseded/the old one is refused", use(first), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE)
	c.Refused("superseded/in SPIRE's words", use(first), codes.PermissionDenied, "authorization denied for method")
	_, err := agent.agent.RenewAgent(soon(),
		&agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{Csr: csr(newKey(), nil)}})
	c.True("superseded/nor on a connection that was open before",
		reasonOf(err) == types.PermissionDeniedDetails_AGENT_NOT_ACTIVE || status.Code(err) == codes.Unavailable,
		"PermissionDenied with reason AGENT_NOT_ACTIVE, or a closed connection", err)
	c.Succeeds("activated/works on", use(third))

	// Ban.
	for name, bad := range badAgentIDs {
		c.Refused("ban/"+name, drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: bad})), codes.InvalidArgument,
			"invalid agent ID")
		c.Refused("delete/"+name, drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: bad})),
			codes.InvalidArgument, "invalid agent ID")
	}
	nobody := wire("/spire/agent/join_token/nobody")
	c.Refused("ban/unknown", drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: nobody})), codes.NotFound,
		"agent not found")
	c.Refused("delete/unknown", drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: nobody})),
		codes.NotFound, "agent not found")
	open := d.With(third)
	defer open.Close()
	sync := must(open.entry.SyncAuthorizedEntries(within(10 * time.Second)))
	need(sync.Send(&entryv1.SyncAuthorizedEntriesRequest{}))
	must(sync.Recv())
	c.Succeeds("ban/answered", drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: agentID})))
	_, err = sync.Recv()
	c.True("ban/ends open streams", err != nil && status.Code(err) != codes.DeadlineExceeded, "an end", err)
	c.Denied("ban/refused from then on", use(third), types.PermissionDeniedDetails_AGENT_BANNED)
	c.Denied("ban/whatever the certificate", use(first), types.PermissionDeniedDetails_AGENT_BANNED)
	c.Succeeds("ban/again", drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: agentID})))
	token := strings.TrimPrefix(agentID.Path, "/spire/agent/join_token/")
	_, err = local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 60, Token: token})
	c.Succeeds("ban/the same token can be made again", err)
	_, _, err = attest(anonymous, token)
	c.Refused("ban/but the agent cannot come back", err, codes.PermissionDenied, "failed to attest: agent is banned")

	// Evict.
	c.Succeeds("delete/answered", drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: agentID})))
	c.Denied("delete/refused from then on", use(third), types.PermissionDeniedDetails_AGENT_NOT_ATTESTED)
	_, err = local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID})
	c.Refused("delete/not there any more", err, codes.NotFound, "agent not found")
	_, err = local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 60, Token: token})
	if err == nil || status.Code(err) == codes.AlreadyExists {
		back, _, err := attest(anonymous, token)
		c.Succeeds("delete/may come back with a new token", err)
		if err == nil {
			c.Succeeds("delete/and works again", use(back))
			c.Denied("delete/its old certificates stay dead", use(third), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE)
		}
	}
}
