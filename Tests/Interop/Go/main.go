// Without a module Go behaves as 1.20 did; this asks for today's behaviour, as a module would.
//
//go:debug default=go1.26

// Signet checked from outside: by go-spiffe and by the client stubs of spire-api-sdk, against real processes.
//
// Every check prints a line, `ok NAME` or `FAIL NAME: expected … got …`; the program ends with the counts and exit
// code 0 or 1. What SPIRE answers is expected, and what Docs/Compatibility.md says where Signet differs on purpose.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	// The two services, when this program is one of them.
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		fail(serve(os.Args[2], os.Args[3]))
	}
	if len(os.Args) == 7 && os.Args[1] == "call" {
		duration, _ := time.ParseDuration(os.Args[5])
		interval, _ := time.ParseDuration(os.Args[6])
		fail(call(os.Args[2], os.Args[3], os.Args[4], duration, interval))
	}
	if len(os.Args) == 3 && os.Args[1] == "fetch" {
		fail(drop(workloadapi.FetchX509SVID(soon(), workloadapi.WithAddr(os.Args[2]))))
	}
	os.Exit(run())
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run() int {
	signet := flag.String("signet", "", "the program to check")
	keep := flag.Bool("keep", false, "keep the folders with data and logs")
	broken := flag.Bool("must-fail", false, "expect something untrue, to see that a failure is reported")
	spire := flag.String("spire-agent", "", "a spire-agent program; without it the scenarios spire-agent are skipped")
	spireServer := flag.String("spire-server", "", "a spire-server program; without it the scenario spire-server is skipped")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: signet-interop -signet PROGRAM [OPTION…] [SCENARIO…]")
		flag.PrintDefaults()
		fmt.Fprintln(os.Stderr, "Scenarios are run whose name begins with one of those given; without any, all.")
	}
	flag.Parse()
	program, err := filepath.Abs(*signet)
	if err != nil || *signet == "" {
		flag.Usage()
		return 2
	}
	checks := &Checks{}
	only := flag.Args()
	withDeployment(checks, program, *keep, nil, func(d *Deployment) { ordinary(checks, d, only) }, only, ordinaryNames)
	withDeployment(checks, program, *keep, shortLives, func(d *Deployment) {
		checks.Scenario("rotation", only, func(c *Checks) { rotation(c, d) })
	}, only, []string{"rotation"})
	if *spireServer == "" {
		fmt.Fprintln(os.Stderr, "# spire-server: skipped, no program was named (-spire-server)")
	} else {
		withDeployment(checks, program, *keep, nil, func(d *Deployment) {
			checks.Scenario("spire-server", only, func(c *Checks) { spireServerCommands(c, d, must(filepath.Abs(*spireServer))) })
		}, only, []string{"spire-server"})
	}
	if *spire == "" {
		fmt.Fprintln(os.Stderr, "# spire-agent: skipped, no program was named (-spire-agent)")
	} else {
		withDeployment(checks, program, *keep, nil, func(d *Deployment) {
			checks.Scenario("spire-agent commands", only, func(c *Checks) { spireAgentCommands(c, d, must(filepath.Abs(*spire))) })
		}, only, []string{"spire-agent commands"})
		withDeployment(checks, program, *keep, spireLives, func(d *Deployment) {
			checks.Scenario("spire-agent attests", only, func(c *Checks) { spireAgent(c, d, must(filepath.Abs(*spire))) })
		}, only, []string{"spire-agent attests"})
	}
	if *broken {
		checks.Equal("must-fail", 1, 2)
	}
	return checks.Summary()
}

// withDeployment starts a control plane if any scenario needs it; one that does not start is a failure.
func withDeployment(
	checks *Checks, program string, keep bool, options map[string]string, body func(*Deployment), only, names []string,
) {
	wanted := len(only) == 0
	for _, prefix := range only {
		for _, name := range names {
			wanted = wanted || strings.HasPrefix(name, prefix)
		}
	}
	if !wanted {
		return
	}
	checks.Scenario("deployment", nil, func(c *Checks) {
		d := NewDeployment(program, options)
		defer d.Stop(c, keep)
		c.report("the control plane serves", true, "", "")
		body(d)
	})
}

var ordinaryNames = []string{"health", "reflection", "tokens", "attestation", "agents", "renewal", "entries", "listing",
	"updates", "authorized", "mint", "svids", "bundle", "access", "handshakes", "workload", "services", "end"}

// ordinary runs what a control plane with default lifetimes is asked.
func ordinary(checks *Checks, d *Deployment, only []string) {
	scenario := func(name string, body func(*Checks)) { checks.Scenario(name, only, body) }
	local := d.Local()
	defer local.Close()
	// An administrator over TCP: the X509-SVID of an entry that says so.
	create(local, &types.Entry{SpiffeId: wire("/interop/admin"), ParentId: wire("/interop/node"), Admin: true,
		Selectors: selectors("interop:admin")})
	identity := must(mint(local, "/interop/admin", 3600))
	admin := d.With(identity)
	defer admin.Close()
	anonymous := d.Anonymous()
	defer anonymous.Close()

	scenario("health", func(c *Checks) { health(c, d.adminSocket()) })
	scenario("reflection", func(c *Checks) { reflection(c, d.adminSocket(), serverServices...) })
	scenario("tokens", func(c *Checks) { joinTokens(c, d) })
	scenario("attestation", func(c *Checks) { attestation(c, d) })
	scenario("agents", func(c *Checks) { agentListing(c, d) })
	scenario("renewal", func(c *Checks) { renewal(c, d) })
	scenario("entries by socket", func(c *Checks) { entryCreation(c, d, local) })
	scenario("listing by socket", func(c *Checks) { entryListing(c, d, local) })
	scenario("updates by an admin SVID", func(c *Checks) { entryUpdates(c, d, admin) })
	scenario("authorized", func(c *Checks) { authorizedEntries(c, d) })
	scenario("mint by socket", func(c *Checks) { minting(c, d, local) })
	scenario("mint by an admin SVID", func(c *Checks) { minting(c, d, admin) })
	scenario("svids", func(c *Checks) { agentSVIDs(c, d) })
	scenario("bundle", func(c *Checks) {
		agent := d.With(d.newAgent(local, anonymous, nil))
		defer agent.Close()
		trustBundle(c, d, map[string]*Caller{"local": local, "admin": admin, "anonymous": anonymous, "agent": agent})
	})
	scenario("access", func(c *Checks) { access(c, d) })
	scenario("handshakes", func(c *Checks) { handshakes(c, d) })
	scenario("workload", func(c *Checks) { workloadAPI(c, d) })
	scenario("services", func(c *Checks) { services(c, d) })
	scenario("end", func(c *Checks) { ending(c, d) })
}

// ending: what those who watch are told when the control plane is stopped.
func ending(c *Checks, d *Deployment) {
	conn := dialSocket(d.adminSocket())
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream := must(grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{}))
	must(stream.Recv())
	began := time.Now()
	d.server.stop()
	var err error
	for err == nil {
		_, err = stream.Recv()
	}
	c.True("a health watch ends with the server", ctx.Err() == nil, "an end", err)
	c.True("and quick", time.Since(began) < 10*time.Second, "less than 10 s", time.Since(began))
	_, err = grpc_health_v1.NewHealthClient(conn).Check(soon(), &grpc_health_v1.HealthCheckRequest{})
	c.Refused("nobody answers any more", err, codes.Unavailable)
}
