package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// Pushed are the times from the answer to an administrator until an open stream had the SVID.
type Pushed struct {
	Milliseconds []float64 `json:"milliseconds"`
}

// update is what a stream has: the paths of its SVIDs, and since when.
type update struct {
	paths map[string]bool
	at    time.Time
}

type watcher chan update

func (w watcher) OnX509ContextUpdate(context *workloadapi.X509Context) {
	now := time.Now()
	paths := map[string]bool{}
	for _, svid := range context.SVIDs {
		paths[svid.ID.Path()] = true
	}
	w <- update{paths, now}
}

func (w watcher) OnX509ContextWatchError(error) {}

// until waits for an update in which a path is there, or is not.
func (w watcher) until(path string, there bool) time.Time {
	timeout := time.After(callTimeout)
	for {
		select {
		case update := <-w:
			if update.paths[path] == there {
				return update.at
			}
		case <-timeout:
			need(fmt.Errorf("%s: nothing pushed within %s", path, callTimeout))
		}
	}
}

// push registers identities for this process one after the other, and removes each when its SVID has come.
func push(options *Options) any {
	conn := dial(options.adminSocket)
	defer conn.Close()
	admin := entryv1.NewEntryClient(conn)
	client := must(workloadapi.New(context.Background(), options.workloadAddress()))
	defer client.Close()
	updates := make(watcher, 100)
	watching, stop := context.WithCancel(context.Background())
	defer stop()
	go client.WatchX509Context(watching, updates)
	<-updates

	result := Pushed{}
	for number := range options.count {
		path := fmt.Sprintf("/bench/pushed/%d", number)
		answer := must(admin.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{Entries: []*types.Entry{{
			ParentId: options.id(options.parent), SpiffeId: options.id(path),
			Selectors: []*types.Selector{{Type: "unix", Value: fmt.Sprintf("uid:%d", os.Geteuid())}},
		}}}))
		returned := time.Now()
		if answer.Results[0].Status.GetCode() != 0 {
			need(errors.New(answer.Results[0].Status.GetMessage()))
		}
		// The push may well be there first.
		latency := max(0, updates.until(path, true).Sub(returned))
		result.Milliseconds = append(result.Milliseconds, float64(latency)/float64(time.Millisecond))
		must(admin.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: []string{answer.Results[0].Entry.Id}}))
		updates.until(path, false)
	}
	return result
}

// waitForIdentity returns when this process has an X509-SVID.
func waitForIdentity(options *Options) any {
	client := must(workloadapi.New(context.Background(), options.workloadAddress()))
	defer client.Close()
	updates := make(watcher, 100)
	watching, stop := context.WithCancel(context.Background())
	defer stop()
	go client.WatchX509Context(watching, updates)
	select {
	case <-updates:
	case <-time.After(callTimeout):
		need(errors.New("no identity within " + callTimeout.String()))
	}
	return struct{}{}
}
