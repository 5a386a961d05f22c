package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// tool runs one of SPIRE's own command lines and checks its exit code and what it says.
type tool struct {
	c         *Checks
	program   string
	socket    string
	directory string
}

func (t tool) run(words string, code int, arguments ...string) string {
	command := exec.Command(t.program, append(arguments, "-socketPath", t.socket)...)
	output, _ := command.CombinedOutput()
	text := string(output)
	got := command.ProcessState.ExitCode()
	shown := []string{}
	for _, argument := range arguments {
		// Names of checks stay the same from run to run.
		argument = strings.ReplaceAll(argument, t.directory, "")
		shown = append(shown, joinToken.ReplaceAllString(argument, "…"))
	}
	t.c.True(strings.Join(shown, " "), got == code && strings.Contains(text, words),
		fmt.Sprintf("exit code %d and %q", code, words), fmt.Sprintf("exit code %d and %q", got, text))
	return text
}

var joinToken = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// spireServerCommands: SPIRE's spire-server administers this control plane.
func spireServerCommands(c *Checks, d *Deployment, program string) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	t := tool{c, program, d.adminSocket(), d.directory}
	const node, agents = "spiffe://example.org/tools/node", "spiffe://example.org/spire/agent/join_token/"

	t.run("Server is healthy.", 0, "healthcheck")
	output := t.run("Token: ", 0, "token", "generate", "-spiffeID", node, "-ttl", "600")
	svid, _, err := attest(anonymous, joinToken.FindString(output))
	c.Succeeds("the token attests an agent", err)
	need(err)

	t.run("Entry ID                : tools-1", 0, "entry", "create", "-entryID", "tools-1", "-spiffeID",
		"spiffe://example.org/tools/a", "-parentID", node, "-selector", "unix:uid:1", "-selector", "unix:gid:2", "-dns", "a.org",
		"-hint", "tools", "-x509SVIDTTL", "60", "-jwtSVIDTTL", "30", "-jwtSVIDIncludeJTI", "-disableX509SVIDPrefetch")
	t.run("similar entry already exists", 1, "entry", "create", "-spiffeID", "spiffe://example.org/tools/a", "-parentID", node,
		"-selector", "unix:gid:2", "-selector", "unix:uid:1")
	t.run("Parent ID               : spiffe://example.org/spire/server", 0, "entry", "create", "-node", "-spiffeID",
		"spiffe://example.org/tools/cluster", "-selector", "spiffe_id:"+svid.ID.String())
	t.run("InvalidArgument", 1, "entry", "create", "-downstream", "-spiffeID", "spiffe://example.org/tools/d", "-parentID", node,
		"-selector", "a:b")
	t.run("Admin                   : true", 0, "entry", "create", "-admin", "-spiffeID", "spiffe://example.org/tools/admin",
		"-parentID", node, "-selector", "a:b", "-entryExpiry", "4000000000")
	data := d.path("entries.json")
	need(os.WriteFile(data, []byte(`{"entries":[{"selectors":[{"type":"unix","value":"uid:7"}],
		"spiffe_id":"spiffe://example.org/tools/data","parent_id":"`+node+`","x509_svid_ttl":90}]}`), 0o600))
	t.run("SPIFFE ID               : spiffe://example.org/tools/data", 0, "entry", "create", "-data", data)
	t.run("Found 1 entry", 0, "entry", "show", "-entryID", "tools-1")
	t.run("NotFound", 1, "entry", "show", "-entryID", "nobody")
	t.run("Found 1 entry", 0, "entry", "show", "-spiffeID", "spiffe://example.org/tools/a")
	// The alias of the token's agent has the node's ID; these have it as parent.
	t.run("Found 3 entries", 0, "entry", "show", "-parentID", node)
	for behavior, count := range map[string]string{"exact": "0", "any": "1", "superset": "1", "subset": "0"} {
		t.run(count+" registration", 0, "entry", "count", "-selector", "unix:gid:2", "-matchSelectorsOn", behavior)
	}
	t.run("1 registration entry", 0, "entry", "count", "-hint", "tools")
	t.run("Found 0 entries", 0, "entry", "show", "-downstream")
	t.run("Found 0 entries", 0, "entry", "show", "-federatesWith", "spiffe://other.org", "-matchFederatesWithOn", "any")
	t.run(`"id":"tools-1"`, 0, "entry", "show", "-entryID", "tools-1", "-output", "json")
	t.run("Revision                : 1", 0, "entry", "update", "-entryID", "tools-1", "-spiffeID", "spiffe://example.org/tools/b",
		"-parentID", node, "-selector", "unix:uid:3")
	t.run("NotFound", 1, "entry", "update", "-entryID", "nobody", "-spiffeID", "spiffe://example.org/tools/b",
		"-parentID", node, "-selector", "unix:uid:3")
	t.run("Deleted entry with ID: tools-1", 0, "entry", "delete", "-entryID", "tools-1")
	t.run("NotFound", 1, "entry", "delete", "-entryID", "tools-1")

	t.run("SPIFFE ID         : "+svid.ID.String(), 0, "agent", "show", "-spiffeID", svid.ID.String())
	t.run("Attestation type  : join_token", 0, "agent", "list", "-attestationType", "join_token", "-canReattest", "false")
	t.run("1 attested agent", 0, "agent", "count", "-banned", "false", "-expiresBefore", "2099-01-02 15:04:05 -0700 -07")
	t.run("0 attested agents", 0, "agent", "count", "-selector", "a:b", "-matchSelectorsOn", "any")
	t.run("NotFound", 1, "agent", "show", "-spiffeID", agents+"nobody")
	t.run("NotFound", 1, "agent", "ban", "-spiffeID", agents+"nobody")
	t.run("NotFound", 1, "agent", "evict", "-spiffeID", agents+"nobody")
	t.run("No agents to purge", 0, "agent", "purge", "-expiredFor", "1h")
	t.run("Agent banned successfully", 0, "agent", "ban", "-spiffeID", svid.ID.String())
	t.run("1 attested agent", 0, "agent", "count", "-banned", "true")
	t.run("Agent evicted successfully", 0, "agent", "evict", "-spiffeID", svid.ID.String())

	t.run("BEGIN CERTIFICATE", 0, "bundle", "show")
	t.run(`"use": "jwt-svid"`, 0, "bundle", "show", "-format", "spiffe")
	t.run("Private key:", 0, "x509", "mint", "-spiffeID", "spiffe://example.org/tools/x", "-ttl", "60s", "-dns", "x.org")
	t.run("InvalidArgument", 1, "x509", "mint", "-spiffeID", "spiffe://elsewhere.org/x")
	t.run("eyJ", 0, "jwt", "mint", "-spiffeID", "spiffe://example.org/tools/j", "-audience", "a", "-audience", "b", "-ttl", "60s")
	for _, arguments := range [][]string{{"bundle", "list"}, {"bundle", "count"}, {"debug", "getinfo"}, {"logger", "get"},
		{"federation", "list"}, {"localauthority", "x509", "show"}, {"localauthority", "jwt", "prepare"}} {
		t.run("Unimplemented", 1, arguments...)
	}
}

// spireAgentCommands: SPIRE's spire-agent asks an agent of ours.
func spireAgentCommands(c *Checks, d *Deployment, program string) {
	local := d.Local()
	defer local.Close()
	d.StartAgent(must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 600})).Value, nil)
	t := tool{c, program, d.workloadSocket(), d.directory}
	t.run("Agent is healthy.", 0, "healthcheck")
	t.run("no identity issued", 1, "api", "fetch")
	// The agent knows the program by its path.
	for _, name := range []string{"one", "two"} {
		create(local, &types.Entry{SpiffeId: wire("/commands/" + name), ParentId: d.agentID, Hint: name,
			Selectors: selectors("unix:path:" + program)})
	}
	t.run("Received 2 svids", 0, "api", "fetch", "-timeout", "5s")
	t.run("Received 2 svids", 0, "api", "fetch", "x509", "-write", d.path(""))
	c.True("api fetch x509 writes files", exists(d.path("svid.0.pem")) && exists(d.path("svid.1.key")) && exists(d.path("bundle.0.pem")),
		"svid.0.pem, svid.1.key, bundle.0.pem", "some are missing")
	t.run("hint", 0, "api", "fetch", "x509", "-output", "json")
	output := t.run("token(spiffe://example.org/commands/one)", 0, "api", "fetch", "jwt", "-audience", "a,b")
	token := regexp.MustCompile(`eyJ[\w.-]+`).FindString(output)
	t.run("token(spiffe://example.org/commands/two)", 0, "api", "fetch", "jwt", "-audience", "a", "-spiffeID",
		"spiffe://example.org/commands/two")
	for audience, code := range map[string]int{"b": 0, "c": 1} {
		command := exec.Command(program, "api", "validate", "jwt", "-audience", audience, "-svid", token,
			"-socketPath", d.workloadSocket())
		text, _ := command.CombinedOutput()
		c.True("api validate jwt -audience "+audience, command.ProcessState.ExitCode() == code,
			fmt.Sprint("exit code ", code), fmt.Sprintf("exit code %d and %q", command.ProcessState.ExitCode(), text))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
