package main

import (
	"fmt"
	"time"

	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const callTimeout = 20 * time.Second

var insecureTransport = grpc.WithTransportCredentials(insecure.NewCredentials())

// Created is how long the creation of entries took, quarter by quarter.
type Created struct {
	Entries        int       `json:"entries"`
	Seconds        float64   `json:"seconds"`
	QuarterSeconds []float64 `json:"quarter_seconds"`
}

// createEntries makes entries of one parent, a batch after the other.
func createEntries(options *Options) any {
	conn := dial(options.adminSocket)
	defer conn.Close()
	client := entryv1.NewEntryClient(conn)
	result := Created{QuarterSeconds: make([]float64, 4)}
	for result.Entries < options.count {
		request := &entryv1.BatchCreateEntryRequest{}
		for range min(options.batch, options.count-result.Entries) {
			number := result.Entries + len(request.Entries)
			request.Entries = append(request.Entries, &types.Entry{
				ParentId: options.id(options.parent), SpiffeId: options.id(fmt.Sprintf("/bench/entry/%d", number)),
				Selectors: []*types.Selector{{Type: "unix", Value: fmt.Sprintf("uid:%d", 100_000+number)}},
			})
		}
		start := time.Now()
		answer := must(client.BatchCreateEntry(soon(), request))
		took := time.Since(start).Seconds()
		for _, one := range answer.Results {
			if one.Status.GetCode() != 0 {
				need(fmt.Errorf("creating an entry: %v", one.Status))
			}
		}
		result.QuarterSeconds[4*result.Entries/options.count] += took
		result.Seconds += took
		result.Entries += len(answer.Results)
	}
	return result
}

// Listed is how long reading all entries took.
type Listed struct {
	Entries int       `json:"entries"`
	Pages   int       `json:"pages"`
	Seconds []float64 `json:"seconds"`
}

// listEntries reads all entries several times, in pages as large as the server makes them unasked.
func listEntries(options *Options) any {
	conn := dial(options.adminSocket)
	defer conn.Close()
	client := entryv1.NewEntryClient(conn)
	result := Listed{}
	for range 7 {
		result.Entries, result.Pages = 0, 0
		request := &entryv1.ListEntriesRequest{}
		start := time.Now()
		for {
			page := must(client.ListEntries(soon(), request))
			result.Entries += len(page.Entries)
			result.Pages++
			request.PageToken = page.NextPageToken
			if page.NextPageToken == "" {
				break
			}
		}
		result.Seconds = append(result.Seconds, time.Since(start).Seconds())
	}
	return result
}
