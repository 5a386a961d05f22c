package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// Lifetimes with which an authority comes and goes within the test: it lives 60 s, the next is published after 30 s
// and signs after 50 s.
var shortLives = map[string]string{
	"ca_ttl": "60s", "default_x509_svid_ttl": "10s", "default_jwt_svid_ttl": "10s", "agent_ttl": "10s",
}

const rotationTime = 70 * time.Second

// rotation: sources, watchers and services while certificates, keys and authorities are replaced under them.
func rotation(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	token := must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 600})).Value
	d.StartAgent(token, nil)
	agentID := d.agentID
	create(local, &types.Entry{SpiffeId: wire("/rotation/self"), ParentId: agentID,
		Selectors: selectors("unix:path:" + must(os.Executable()))})
	d.register(local, agentID, "payments")
	d.register(local, agentID, "orders")
	orders, payments := id("/services/orders").String(), id("/services/payments").String()

	option := workloadapi.WithClientOptions(workloadapi.WithAddr(d.workloadURI()))
	source := must(workloadapi.NewX509Source(within(15*time.Second), option))
	defer source.Close()
	jwtSource := must(workloadapi.NewJWTSource(within(15*time.Second), option))
	defer jwtSource.Close()
	client := must(workloadapi.New(context.Background(), workloadapi.WithAddr(d.workloadURI())))
	defer client.Close()
	watching, stop := context.WithCancel(context.Background())
	defer stop()
	contexts, bundles, keys := &x509Watcher{}, &bundleWatcher{}, &jwtWatcher{}
	go client.WatchX509Context(watching, contexts)
	go client.WatchX509Bundles(watching, bundles)
	go client.WatchJWTBundles(watching, keys)

	// The services call each other all the time.
	var calls sync.WaitGroup
	var report callReport
	var callError error
	address, stopServing := d.startServing("payments", orders)
	defer stopServing()
	calls.Go(func() {
		report, callError = d.callFrom("orders", address, payments, rotationTime, 100*time.Millisecond)
	})

	// An agent that never renews, on a connection that stays open.
	idle := d.newAgent(local, anonymous, nil)
	idleCaller := d.With(idle)
	defer idleCaller.Close()
	need(drop(idleCaller.agent.PostStatus(soon(), &agentv1.PostStatusRequest{})))
	idleUntil := idle.Certificates[0].NotAfter

	started := time.Now()
	kids, serials, agentSerials := map[string]bool{}, map[string]bool{}, map[string]bool{}
	sourceFailures, tokenFailures := []string{}, []string{}
	sequence, sequences, checkedIdle := uint64(0), 0, false
	for time.Since(started) < rotationTime {
		svid, err := source.GetX509SVID()
		if err != nil {
			sourceFailures = append(sourceFailures, err.Error())
		} else {
			serials[svid.Certificates[0].SerialNumber.String()] = true
			if !time.Now().Before(svid.Certificates[0].NotAfter) {
				sourceFailures = append(sourceFailures, "an expired SVID")
			}
		}
		token, err := jwtSource.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a", Subject: id("/rotation/self")})
		if err == nil {
			_, err = jwtsvid.ParseAndValidate(token.Marshal(), jwtSource, []string{"a"})
			kids[keyIDOf(token.Marshal())] = true
		}
		if err != nil {
			tokenFailures = append(tokenFailures, err.Error())
		}
		agent := must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID}))
		agentSerials[agent.X509SvidSerialNumber] = true
		bundle := must(local.bundle.GetBundle(soon(), &bundlev1.GetBundleRequest{}))
		if bundle.SequenceNumber > sequence {
			sequence = bundle.SequenceNumber
			sequences++
		} else if bundle.SequenceNumber < sequence {
			c.True("the sequence number never falls", false, "more than before", bundle.SequenceNumber)
		}
		if !checkedIdle && time.Now().After(idleUntil.Add(1100*time.Millisecond)) {
			checkedIdle = true
			err := drop(idleCaller.agent.PostStatus(soon(), &agentv1.PostStatusRequest{}))
			c.Denied("an agent whose certificate expired on an open connection", err, types.PermissionDeniedDetails_AGENT_EXPIRED)
			_, err = idleCaller.entry.GetAuthorizedEntries(soon(), nil)
			c.Denied("and for every method of agents", err, types.PermissionDeniedDetails_AGENT_EXPIRED)
		}
		time.Sleep(500 * time.Millisecond)
	}
	calls.Wait()
	c.True("the control plane is not busy with it", d.server.processorTime() < rotationTime/10,
		"less than a tenth of a core", d.server.processorTime())
	c.True("nor is the agent", d.agent.processorTime() < rotationTime/10, "less than a tenth of a core", d.agent.processorTime())

	c.Same("X509Source/always has a valid SVID", sourceFailures, nil)
	c.True("X509Source/SVIDs were replaced", len(serials) >= 5, "at least 5", len(serials))
	contexts.mutex.Lock()
	c.Same("watch/each SVID verifies by the bundle that came with it", contexts.broken, nil)
	c.True("watch/contexts came", len(contexts.contexts) >= 5, "at least 5", len(contexts.contexts))
	texts := []string{}
	for _, err := range contexts.errors {
		texts = append(texts, err.Error())
	}
	signers := map[string]bool{}
	for _, one := range contexts.contexts {
		for _, svid := range one.SVIDs {
			signers[string(svid.Certificates[0].AuthorityKeyId)] = true
		}
	}
	contexts.mutex.Unlock()
	stop()
	c.Same("watch/no errors", texts, nil)
	c.True("watch/SVIDs of two authorities", len(signers) >= 2, "at least 2", len(signers))
	bundles.mutex.Lock()
	c.True("bundles/the next authority was published before it signed", bundles.most >= 2, "2 at once", bundles.most)
	c.True("bundles/authorities came", len(bundles.authorities) >= 2, "at least 2", len(bundles.authorities))
	c.True("bundles/authorities went", bundles.now < len(bundles.authorities), "fewer than came", bundles.now)
	bundles.mutex.Unlock()
	keys.mutex.Lock()
	c.True("JWT bundles/the next key was published before it signed", keys.most >= 2, "2 at once", keys.most)
	keys.mutex.Unlock()
	c.Same("JWTSource/each token validates by the source's bundle", tokenFailures, nil)
	c.True("JWTSource/tokens of two keys", len(kids) >= 2, "at least 2", len(kids))
	c.True("bundle/sequence numbers rose", sequences >= 3, "at least 3", sequences)
	c.True("agent/renewed again and again", len(agentSerials) >= 5, "at least 5 serial numbers", len(agentSerials))
	c.Succeeds("services/ran", callError)
	c.Same("services/no call failed", report.Failures, nil)
	c.True("services/many calls", report.Calls > 300, "more than 300", report.Calls)
	c.True("services/the callee's SVID was replaced", report.Serials >= 5, "at least 5", report.Serials)
	c.True("services/and came from two authorities", report.Authorities >= 2, "at least 2", report.Authorities)
	c.Same("services/the caller stayed who it is", report.Answers, []string{"hello " + orders})
}
