package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// Opened is what became of streams that were opened at once, and the memory of the process that served them.
type Opened struct {
	Streams       int     `json:"streams"`
	Served        int     `json:"served"`
	Seconds       float64 `json:"seconds"`
	ResidentBytes int     `json:"resident_bytes"`
	OwnBytes      int     `json:"own_bytes"`
	PeakBytes     int     `json:"peak_bytes"`
}

// openStreams opens streams at once, each on a connection of its own as separate workloads would.
func openStreams(options *Options) any {
	ctx, stop := context.WithCancel(context.Background())
	clients := []*workloadapi.Client{}
	for range options.count {
		clients = append(clients, must(workloadapi.New(ctx, options.workloadAddress())))
	}
	served := make(chan struct{}, options.count)
	var streams sync.WaitGroup
	start := time.Now()
	for _, client := range clients {
		streams.Go(func() {
			updates := make(watcher, 100)
			go client.WatchX509Context(ctx, updates)
			select {
			case <-updates:
				served <- struct{}{}
			case <-ctx.Done():
			}
		})
	}
	result := Opened{Streams: options.count}
	timeout := time.After(30 * time.Second)
	for result.Served < options.count {
		select {
		case <-served:
			result.Served++
			result.Seconds = time.Since(start).Seconds()
			continue
		case <-timeout:
		}
		break
	}
	// What was only needed for the answers is given back.
	time.Sleep(2 * time.Second)
	result.ResidentBytes, result.PeakBytes = memory(options.pid, "VmRSS"), memory(options.pid, "VmHWM")
	result.OwnBytes = memory(options.pid, "RssAnon")
	stop()
	streams.Wait()
	return result
}

// memory reads a line of /proc/PID/status, in bytes.
func memory(pid int, name string) int {
	for line := range strings.Lines(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))))) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == name+":" {
			return must(strconv.Atoi(fields[1])) * 1024
		}
	}
	need(fmt.Errorf("no %s of process %d", name, pid))
	return 0
}
