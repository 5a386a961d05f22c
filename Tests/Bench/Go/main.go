// Without a module Go behaves as 1.20 did; this asks for today's behaviour, as a module would.
//
//go:debug default=go1.26

// The clients that `signet-bench` measures with and that are not ours: go-spiffe and the stubs of spire-api-sdk.
//
// Each command asks a running deployment and prints one JSON object; exit code 1 and a line on standard error when
// anything was answered with an error. `signet-bench` starts the deployment and makes the table.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// Options are what the commands are told; each uses some.
type Options struct {
	adminSocket    string
	workloadSocket string
	trustDomain    string
	parent         string
	seconds        float64
	warmUp         float64
	workers        int
	count          int
	batch          int
	pid            int
	name           string
	file           string
}

var commands = map[string]func(*Options) any{
	"body":              body,
	"fetch-x509-shared": fetchX509OnOneConnection,
	"fetch-x509-fresh":  fetchX509OnFreshConnections,
	"fetch-jwt-new":     fetchJWTForNewAudiences,
	"push":              push,
	"entries":           createEntries,
	"list":              listEntries,
	"streams":           openStreams,
	"wait-for-identity": waitForIdentity,
}

func main() {
	options := &Options{}
	flags := flag.NewFlagSet("signet-bench-client", flag.ExitOnError)
	flags.StringVar(&options.adminSocket, "admin-socket", "", "the administrator's socket")
	flags.StringVar(&options.workloadSocket, "workload-socket", "", "the Workload API's socket")
	flags.StringVar(&options.trustDomain, "trust-domain", "", "the trust domain")
	flags.StringVar(&options.parent, "parent", "", "the path of the parent of new entries")
	flags.Float64Var(&options.seconds, "seconds", 3, "how long to measure")
	flags.Float64Var(&options.warmUp, "warm-up", 1, "how long to ask before measuring, in seconds")
	flags.IntVar(&options.workers, "workers", 16, "how many ask at a time")
	flags.IntVar(&options.count, "count", 0, "how many entries, pushes or streams")
	flags.IntVar(&options.batch, "batch", 500, "how many entries a batch")
	flags.IntVar(&options.pid, "pid", 0, "the process whose memory is read")
	flags.StringVar(&options.name, "name", "", "the request to write")
	flags.StringVar(&options.file, "file", "", "where to write it")
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: signet-bench-client COMMAND [OPTION…]; started by signet-bench")
		os.Exit(2)
	}
	flags.Parse(os.Args[2:])
	need(json.NewEncoder(os.Stdout).Encode(commands[os.Args[1]](options)))
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }

// need ends the program when something failed.
func need(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	need(err)
	return value
}
