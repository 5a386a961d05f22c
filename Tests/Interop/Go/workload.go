package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	workload "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// pushed is how long what is pushed may take on a busy machine: less than the five seconds after which agents poll.
const pushed = 3 * time.Second

func ownSelector() string { return fmt.Sprintf("unix:uid:%d", os.Geteuid()) }

// workloadAPI: everything that go-spiffe's workloadapi does, against a real agent.
func workloadAPI(c *Checks, d *Deployment) {
	local := d.Local()
	defer local.Close()
	token := must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 600})).Value
	d.StartAgent(token, nil)
	agentID := d.agentID
	health(c.In("health"), d.workloadSocket())
	reflection(c.In("reflection"), d.workloadSocket(), workloadService)
	known := must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID}))
	c.Equal("agent/attested with the token", known.AttestationType, "join_token")
	c.Within("agent/posts its version", 3*time.Second, func() error {
		if must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID})).AgentVersion == "" {
			return fmt.Errorf("no agent_version")
		}
		return nil
	})

	atAgent := workloadapi.WithClientOptions(workloadapi.WithAddr(d.workloadURI()))
	client := must(workloadapi.New(context.Background(), workloadapi.WithAddr(d.workloadURI())))
	defer client.Close()
	conn := dialSocket(d.workloadSocket())
	defer conn.Close()
	raw := workload.NewSpiffeWorkloadAPIClient(conn)
	header := func() context.Context { return metadata.AppendToOutgoingContext(soon(), "workload.spiffe.io", "true") }

	// Without the header, and without an identity.
	receive := func(stream interface{ RecvMsg(any) error }, err error, into any) error {
		if err != nil {
			return err
		}
		return stream.RecvMsg(into)
	}
	for name, ask := range map[string]func(context.Context) error{
		"FetchX509SVID": func(ctx context.Context) error {
			stream, err := raw.FetchX509SVID(ctx, &workload.X509SVIDRequest{})
			return receive(stream, err, &workload.X509SVIDResponse{})
		},
		"FetchX509Bundles": func(ctx context.Context) error {
			stream, err := raw.FetchX509Bundles(ctx, &workload.X509BundlesRequest{})
			return receive(stream, err, &workload.X509BundlesResponse{})
		},
		"FetchJWTSVID": func(ctx context.Context) error {
			return drop(raw.FetchJWTSVID(ctx, &workload.JWTSVIDRequest{Audience: []string{"a"}}))
		},
		"FetchJWTBundles": func(ctx context.Context) error {
			stream, err := raw.FetchJWTBundles(ctx, &workload.JWTBundlesRequest{})
			return receive(stream, err, &workload.JWTBundlesResponse{})
		},
		"ValidateJWTSVID": func(ctx context.Context) error {
			return drop(raw.ValidateJWTSVID(ctx, &workload.ValidateJWTSVIDRequest{Audience: "a", Svid: "x"}))
		},
	} {
		c.Refused("header/"+name+" without", ask(soon()), codes.InvalidArgument, "security header missing from request")
		wrong := metadata.AppendToOutgoingContext(soon(), "workload.spiffe.io", "yes")
		c.Refused("header/"+name+" with another value", ask(wrong), codes.InvalidArgument, "security header missing from request")
		if name != "ValidateJWTSVID" {
			c.Refused("no identity/"+name, ask(header()), codes.PermissionDenied, "no identity issued")
		}
	}
	for name, ask := range map[string]func() error{
		"FetchWITSVID": func() error {
			stream, err := raw.FetchWITSVID(header(), &workload.WITSVIDRequest{})
			return receive(stream, err, &workload.WITSVIDResponse{})
		},
		"FetchWITBundles": func() error {
			stream, err := raw.FetchWITBundles(header(), &workload.WITBundlesRequest{})
			return receive(stream, err, &workload.WITBundlesResponse{})
		},
	} {
		c.Refused("not served/"+name, ask(), codes.Unimplemented)
	}
	_, err := client.FetchX509SVID(soon())
	c.Refused("no identity/go-spiffe", err, codes.PermissionDenied, "no identity issued")

	// A registration reaches what is waiting for it.
	entry := func(path string, change func(*types.Entry)) *types.Entry {
		entry := &types.Entry{SpiffeId: wire(path), ParentId: agentID, Selectors: selectors(ownSelector())}
		if change != nil {
			change(entry)
		}
		return create(local, entry)
	}
	first := entry("/workload/first", func(e *types.Entry) { e.DnsNames, e.Hint = []string{"first.example.org"}, "internal" })
	source, err := workloadapi.NewX509Source(within(10*time.Second), atAgent)
	c.Succeeds("X509Source", err)
	need(err)
	defer source.Close()
	svid := must(source.GetX509SVID())
	c.Equal("X509Source/id", svid.ID, id("/workload/first"))
	c.Equal("X509Source/hint", svid.Hint, "internal")
	checkLeaf(c.In("X509Source/certificate"), svid.Certificates[0], id("/workload/first"), time.Hour, []string{"first.example.org"})
	_, _, err = x509svid.Verify(svid.Certificates, source)
	c.Succeeds("X509Source/verifies by its own bundle", err)
	bundle := must(source.GetX509BundleForTrustDomain(td))
	c.True("X509Source/bundle is the server's", bundle.Equal(d.Bundle()), "the server's", "another")

	// Several identities, in a stable order; of one hint the oldest.
	contexts := &x509Watcher{}
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go client.WatchX509Context(watching, contexts)
	c.Within("watch/the first context", 3*time.Second, func() error { return contexts.has(1, "/workload/first") })
	nextSecond()
	started := time.Now()
	second := entry("/workload/second", func(e *types.Entry) { e.Hint = "external" })
	c.Within("watch/a registration is pushed", pushed, func() error {
		return contexts.has(2, "/workload/first", "/workload/second")
	})
	fmt.Fprintf(os.Stderr, "# a registration reached an open stream after at most %s\n", time.Since(started).Round(time.Millisecond))
	nextSecond()
	third := entry("/workload/third", func(e *types.Entry) { e.Hint = "internal" })
	time.Sleep(300 * time.Millisecond)
	x509Context, err := client.FetchX509Context(soon())
	c.Succeeds("X.509 context", err)
	need(err)
	c.Equal("X.509 context/oldest first, one of each hint", svidPaths(x509Context.SVIDs), []string{"/workload/first", "/workload/second"})
	c.Equal("X.509 context/default", x509Context.DefaultSVID().ID, id("/workload/first"))
	svids := must(client.FetchX509SVIDs(soon()))
	c.Equal("X.509 SVIDs", svidPaths(svids), []string{"/workload/first", "/workload/second"})
	bundles, err := client.FetchX509Bundles(soon())
	c.Succeeds("X.509 bundles", err)
	c.Equal("X.509 bundles/one", bundles.Len(), 1)
	need(drop(local.entry.BatchUpdateEntry(soon(), &entryv1.BatchUpdateEntryRequest{
		InputMask: &types.EntryMask{DnsNames: true, X509SvidTtl: true},
		Entries:   []*types.Entry{{Id: second.Id, DnsNames: []string{"second.example.org"}, X509SvidTtl: 600}}})))
	c.Within("watch/a change is pushed", pushed, func() error {
		for _, svid := range contexts.current() {
			if svid.ID == id("/workload/second") && len(svid.Certificates[0].DNSNames) == 1 {
				return nil
			}
		}
		return fmt.Errorf("the changed DNS name did not arrive")
	})

	// Of entries made in one second, too, the order is that of their making.
	names, several := []string{}, []*types.Entry{}
	for i := range 6 {
		names = append(names, fmt.Sprintf("/workload/several/%d", i))
		several = append(several, &types.Entry{SpiffeId: wire(names[i]), ParentId: agentID, Selectors: selectors(ownSelector())})
	}
	several = createAll(local, several)
	c.Within("X.509 context/oldest first within a second", pushed, func() error {
		return contexts.has(8, append([]string{"/workload/first", "/workload/second"}, names...)...)
	})
	need(drop(local.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: entryIDs(several)})))
	c.Within("watch/a batch of deletions is pushed", pushed, func() error {
		return contexts.has(2, "/workload/first", "/workload/second")
	})

	// JWT.
	token1, err := client.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a", ExtraAudiences: []string{"b"}})
	c.Succeeds("JWT", err)
	need(err)
	c.Equal("JWT/default subject", token1.ID, id("/workload/first"))
	c.Same("JWT/audience", token1.Audience, []string{"a", "b"})
	tokens, err := client.FetchJWTSVIDs(soon(), jwtsvid.Params{Audience: "a"})
	c.Succeeds("JWTs", err)
	paths := []string{}
	for _, token := range tokens {
		paths = append(paths, token.ID.Path())
	}
	c.Equal("JWTs/one of each identity", paths, []string{"/workload/first", "/workload/second"})
	chosen, err := client.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a", Subject: id("/workload/second")})
	c.Succeeds("JWT/of a subject", err)
	if err == nil {
		c.Equal("JWT/of a subject is that", chosen.ID, id("/workload/second"))
		c.Equal("JWT/of a subject has its hint", chosen.Hint, "external")
	}
	again := must(client.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a", Subject: id("/workload/second")}))
	c.Equal("JWT/cached", again.Marshal(), chosen.Marshal())
	_, err = client.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a", Subject: id("/workload/nobody")})
	c.Refused("JWT/of a foreign subject", err, codes.PermissionDenied, "no identity issued")
	_, err = raw.FetchJWTSVID(header(), &workload.JWTSVIDRequest{})
	c.Refused("JWT/no audience", err, codes.InvalidArgument, "audience must be specified")
	_, err = raw.FetchJWTSVID(header(), &workload.JWTSVIDRequest{Audience: []string{"a"}, SpiffeId: "no-id"})
	c.Refused("JWT/malformed subject", err, codes.InvalidArgument, "invalid requested SPIFFE ID")
	jwtBundles, err := client.FetchJWTBundles(soon())
	c.Succeeds("JWT bundles", err)
	_, err = jwtsvid.ParseAndValidate(token1.Marshal(), jwtBundles, []string{"b"})
	c.Succeeds("JWT bundles/validate the token", err)
	validated, err := client.ValidateJWTSVID(soon(), token1.Marshal(), "b")
	c.Succeeds("validate", err)
	if err == nil {
		c.Equal("validate/subject", validated.ID, token1.ID)
	}
	_, err = client.ValidateJWTSVID(soon(), token1.Marshal(), "c")
	c.Refused("validate/another audience", err, codes.InvalidArgument)
	_, err = raw.ValidateJWTSVID(header(), &workload.ValidateJWTSVIDRequest{Audience: "a", Svid: token1.Marshal() + "x"})
	c.Refused("validate/spoiled token", err, codes.InvalidArgument)
	_, err = raw.ValidateJWTSVID(header(), &workload.ValidateJWTSVIDRequest{Audience: "a"})
	c.Refused("validate/no token", err, codes.InvalidArgument, "svid must be specified")
	_, err = raw.ValidateJWTSVID(header(), &workload.ValidateJWTSVIDRequest{Svid: token1.Marshal()})
	c.Refused("validate/no audience", err, codes.InvalidArgument, "audience must be specified")
	answer, err := raw.ValidateJWTSVID(header(), &workload.ValidateJWTSVIDRequest{Audience: "a", Svid: token1.Marshal()})
	c.Succeeds("validate/raw", err)
	c.Equal("validate/raw subject", answer.GetSpiffeId(), token1.ID.String())
	c.Same("validate/raw claims", sortedKeys(answer.GetClaims().AsMap()), []string{"aud", "exp", "iat", "sub"})
	jwtSource, err := workloadapi.NewJWTSource(within(10*time.Second), atAgent)
	c.Succeeds("JWTSource", err)
	need(err)
	defer jwtSource.Close()
	sourced, err := jwtSource.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a"})
	c.Succeeds("JWTSource/fetch", err)
	need(err)
	_, err = jwtsvid.ParseAndValidate(sourced.Marshal(), jwtSource, []string{"a"})
	c.Succeeds("JWTSource/its bundle validates it", err)
	bundleSource, err := workloadapi.NewBundleSource(within(10*time.Second), atAgent)
	c.Succeeds("BundleSource", err)
	if err == nil {
		whole, err := bundleSource.GetBundleForTrustDomain(td)
		c.Succeeds("BundleSource/bundle", err)
		c.True("BundleSource/both kinds", whole != nil && len(whole.X509Authorities()) == 1 && len(whole.JWTAuthorities()) == 1,
			"one X.509 and one JWT authority", whole)
		bundleSource.Close()
	}

	// What is deleted goes, down to nothing.
	need(drop(local.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: []string{first.Id}})))
	c.Within("watch/a deletion is pushed, and the next of its hint appears", pushed, func() error {
		return contexts.has(2, "/workload/second", "/workload/third")
	})
	need(drop(local.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: []string{second.Id, third.Id}})))
	c.Within("watch/without any identity it is refused", 3*time.Second, func() error {
		if err := contexts.lastError(); status.Code(err) != codes.PermissionDenied {
			return fmt.Errorf("last error: %v", err)
		}
		return nil
	})
	_, err = client.FetchX509SVID(soon())
	c.Refused("no identity any more", err, codes.PermissionDenied, "no identity issued")
	back := entry("/workload/back", nil)
	c.Within("watch/and finds its way back", 15*time.Second, func() error { return contexts.has(1, "/workload/back") })
	need(drop(local.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: []string{back.Id}})))

	// An administrator whose identity comes from the Workload API, over TCP.
	admin := entry("/workload/admin", func(e *types.Entry) { e.Admin = true })
	adminSource, err := workloadapi.NewX509Source(within(10*time.Second), atAgent)
	c.Succeeds("admin/X509Source", err)
	need(err)
	defer adminSource.Close()
	caller := d.With(adminSource)
	defer caller.Close()
	listed, err := caller.entry.ListEntries(soon(), &entryv1.ListEntriesRequest{
		Filter: &entryv1.ListEntriesRequest_Filter{BySpiffeId: wire("/workload/admin")}})
	c.Succeeds("admin/lists entries over TCP", err)
	c.Same("admin/finds its own", entryIDs(listed.GetEntries()), []string{admin.Id})
	need(drop(local.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: []string{admin.Id}})))
}

// nextSecond waits until entries that are made are visibly younger: created_at has seconds.
func nextSecond() { time.Sleep(1100 * time.Millisecond) }

func svidPaths(svids []*x509svid.SVID) []string {
	paths := []string{}
	for _, svid := range svids {
		paths = append(paths, svid.ID.Path())
	}
	return paths
}

// x509Watcher keeps what a watch of go-spiffe brought.
type x509Watcher struct {
	mutex    sync.Mutex
	contexts []*workloadapi.X509Context
	errors   []error
	// Updates whose SVIDs do not verify against the bundle that came with them, or had expired already.
	broken []string
}

func (w *x509Watcher) OnX509ContextUpdate(update *workloadapi.X509Context) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.contexts = append(w.contexts, update)
	for _, svid := range update.SVIDs {
		if _, _, err := x509svid.Verify(svid.Certificates, update.Bundles); err != nil {
			w.broken = append(w.broken, err.Error())
		}
	}
}

func (w *x509Watcher) OnX509ContextWatchError(err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.errors = append(w.errors, err)
}

func (w *x509Watcher) current() []*x509svid.SVID {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.contexts) == 0 {
		return nil
	}
	return w.contexts[len(w.contexts)-1].SVIDs
}

func (w *x509Watcher) lastError() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.errors) == 0 {
		return nil
	}
	return w.errors[len(w.errors)-1]
}

func (w *x509Watcher) has(count int, paths ...string) error {
	current := svidPaths(w.current())
	if len(current) != count || fmt.Sprint(current) != fmt.Sprint(paths) {
		return fmt.Errorf("the last context has %v", current)
	}
	return nil
}

// jwtWatcher and bundleWatcher keep what the other two watches brought.
type jwtWatcher struct {
	mutex sync.Mutex
	keys  map[string]bool
	most  int
}

func (w *jwtWatcher) OnJWTBundlesUpdate(bundles *jwtbundle.Set) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.keys == nil {
		w.keys = map[string]bool{}
	}
	if bundle, ok := bundles.Get(td); ok {
		keys := bundle.JWTAuthorities()
		w.most = max(w.most, len(keys))
		for key := range keys {
			w.keys[key] = true
		}
	}
}

func (w *jwtWatcher) OnJWTBundlesWatchError(error) {}

type bundleWatcher struct {
	mutex       sync.Mutex
	authorities map[string]bool
	most, now   int
}

func (w *bundleWatcher) OnX509BundlesUpdate(bundles *x509bundle.Set) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.authorities == nil {
		w.authorities = map[string]bool{}
	}
	if bundle, ok := bundles.Get(td); ok {
		authorities := bundle.X509Authorities()
		w.now = len(authorities)
		w.most = max(w.most, w.now)
		for _, authority := range authorities {
			w.authorities[string(authority.Raw)] = true
		}
	}
}

func (w *bundleWatcher) OnX509BundlesWatchError(error) {}
