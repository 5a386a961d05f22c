package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// Lifetimes with which a SPIRE agent, which looks at its certificates every 5 s, renews within the test.
var spireLives = map[string]string{
	"ca_ttl": "240s", "default_x509_svid_ttl": "40s", "default_jwt_svid_ttl": "40s", "agent_ttl": "40s",
}

const spireConfiguration = `agent {
    data_dir = %[1]q
    log_level = "DEBUG"
    server_address = "127.0.0.1"
    server_port = "%[2]d"
    socket_path = %[3]q
    trust_bundle_path = %[4]q
    trust_domain = %[5]q
    join_token = %[6]q
}
plugins {
    NodeAttestor "join_token" { plugin_data {} }
    KeyManager "disk" { plugin_data { directory = %[1]q } }
    WorkloadAttestor "unix" { plugin_data { discover_workload_path = true } }
}
`

// spireAgent: a SPIRE agent, the real one, attests to this control plane and serves its workloads.
func spireAgent(c *Checks, d *Deployment, program string) {
	local := d.Local()
	defer local.Close()
	token := must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 600, AgentId: wire("/spire-node")}))
	d.StartAgent(must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 600})).Value, nil)
	agentID := wire("/spire/agent/join_token/" + token.Value)
	socket := d.path("spire/api.sock")
	need(os.MkdirAll(d.path("spire-data"), 0o700))
	need(os.MkdirAll(d.path("spire"), 0o755))
	run := func(token string) *process {
		need(os.WriteFile(d.path("spire.conf"), fmt.Appendf(nil, spireConfiguration, d.path("spire-data"), d.port, socket,
			d.path("bundle.pem"), trustDomain, token), 0o600))
		return start(d.path("spire.log"), program, "run", "-config", d.path("spire.conf"))
	}
	agent := run(token.Value)
	defer func() { agent.stop() }()
	agent.waitUntilServing(socket)
	c.True("attests with a join token, synchronises and serves", true, "", "")
	known := func() *types.Agent {
		return must(local.agent.GetAgent(soon(), &agentv1.GetAgentRequest{Id: agentID}))
	}
	first := known()
	c.Equal("attested by", first.AttestationType, "join_token")
	c.Within("posts its version", 10*time.Second, func() error {
		if known().AgentVersion == "" {
			return fmt.Errorf("no agent_version")
		}
		return nil
	})

	// An entry below the alias, found by the path of this very program.
	own := "unix:path:" + must(os.Executable())
	entry := create(local, &types.Entry{SpiffeId: wire("/spire-agent/own"), ParentId: wire("/spire-node"), Selectors: selectors(own)})
	create(local, &types.Entry{SpiffeId: wire("/signet-agent/own"), ParentId: d.agentID, Selectors: selectors(own)})
	option := workloadapi.WithClientOptions(workloadapi.WithAddr("unix://" + socket))
	source, err := workloadapi.NewX509Source(within(30*time.Second), option)
	c.Succeeds("serves a workload below its alias", err)
	need(err)
	defer source.Close()
	svid := must(source.GetX509SVID())
	c.Equal("the identity is the entry's", svid.ID, id("/spire-agent/own"))
	_, _, err = x509svid.Verify(svid.Certificates, d.Bundle())
	c.Succeeds("it verifies by the server's bundle", err)
	jwtSource, err := workloadapi.NewJWTSource(within(30*time.Second), option)
	c.Succeeds("JWTSource", err)
	need(err)
	defer jwtSource.Close()
	jwt, err := jwtSource.FetchJWTSVID(soon(), jwtsvid.Params{Audience: "a"})
	c.Succeeds("JWT-SVID", err)
	if err == nil {
		_, err = jwtsvid.ParseAndValidate(jwt.Marshal(), d.jwtBundle(), []string{"a"})
		c.Succeeds("it validates by the server's bundle", err)
	}

	// A service of a SPIRE agent and one of a Signet agent.
	other, err := workloadapi.NewX509Source(within(15*time.Second), workloadapi.WithClientOptions(workloadapi.WithAddr(d.workloadURI())))
	need(err)
	defer other.Close()
	listener, err := spiffetls.ListenWithMode(context.Background(), "tcp", "127.0.0.1:0",
		spiffetls.MTLSServerWithSource(tlsconfig.AuthorizeID(id("/signet-agent/own")), source))
	need(err)
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
				io.WriteString(conn, "hello\n")
			}
			conn.Close()
		}
	}()
	conn, err := spiffetls.DialWithMode(within(5*time.Second), "tcp", listener.Addr().String(),
		spiffetls.MTLSClientWithSource(tlsconfig.AuthorizeID(id("/spire-agent/own")), other))
	if err == nil {
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(conn, "hello\n")
		_, err = bufio.NewReader(conn).ReadString('\n')
		conn.Close()
	}
	c.Succeeds("its workloads and those of a Signet agent speak mTLS", err)

	// More entries than one page: the agent synchronises by revisions, and still sees what changes.
	many := []*types.Entry{}
	for i := range 1100 {
		many = append(many, &types.Entry{SpiffeId: wire(fmt.Sprintf("/spire-agent/n/%d", i)), ParentId: agentID,
			Selectors: selectors("unix:uid:4000000000")})
	}
	createAll(local, many)
	need(drop(local.entry.BatchUpdateEntry(soon(), &entryv1.BatchUpdateEntryRequest{
		InputMask: &types.EntryMask{DnsNames: true}, Entries: []*types.Entry{{Id: entry.Id, DnsNames: []string{"own.example.org"}}}})))
	c.Within("a change among 1100 entries reaches its workload", 30*time.Second, func() error {
		if names := must(source.GetX509SVID()).Certificates[0].DNSNames; len(names) != 1 {
			return fmt.Errorf("DNS names %v", names)
		}
		return nil
	})

	// Renewal, of the agent and of its workload.
	serial := must(source.GetX509SVID()).Certificates[0].SerialNumber.String()
	for i := range 2 {
		before := known().X509SvidSerialNumber
		c.Within(fmt.Sprintf("renews its certificate, %d", i+1), 45*time.Second, func() error {
			if known().X509SvidSerialNumber == before {
				return fmt.Errorf("still %s", before)
			}
			return nil
		})
	}
	c.True("renews its workloads' SVIDs", must(source.GetX509SVID()).Certificates[0].SerialNumber.String() != serial,
		"another serial number", serial)

	// A restart without a token.
	agent.stop()
	agent = run("")
	agent.waitUntilServing(socket)
	c.True("restarts with the identity it has", true, "", "")
	c.Equal("as the same agent", len(must(local.agent.ListAgents(soon(), &agentv1.ListAgentsRequest{})).Agents), 2)

	// A ban: SPIRE's agent forgets its identity and ends.
	need(drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: agentID})))
	select {
	case <-agent.ended:
		c.True("ends when it is banned", true, "", "")
	case <-time.After(40 * time.Second):
		c.True("ends when it is banned", false, "an end within 40 s", agent.lastLines())
	}
}
