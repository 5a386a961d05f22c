package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/debug/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/localauthority/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/logger/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/trustdomain/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"
)

// allowed says who may call what, as SPIRE's default policy does. What is not here is not served.
var allowed = map[string]string{
	"agent.v1.Agent/CountAgents": "local admin", "agent.v1.Agent/ListAgents": "local admin",
	"agent.v1.Agent/GetAgent": "local admin", "agent.v1.Agent/DeleteAgent": "local admin",
	"agent.v1.Agent/BanAgent": "local admin", "agent.v1.Agent/CreateJoinToken": "local admin",
	"agent.v1.Agent/AttestAgent": "local admin agent workload anonymous superseded banned evicted",
	"agent.v1.Agent/RenewAgent":  "agent", "agent.v1.Agent/PostStatus": "agent",
	"entry.v1.Entry/CountEntries": "local admin", "entry.v1.Entry/ListEntries": "local admin",
	"entry.v1.Entry/GetEntry": "local admin", "entry.v1.Entry/BatchCreateEntry": "local admin",
	"entry.v1.Entry/BatchUpdateEntry": "local admin", "entry.v1.Entry/BatchDeleteEntry": "local admin",
	"entry.v1.Entry/GetAuthorizedEntries": "agent", "entry.v1.Entry/SyncAuthorizedEntries": "agent",
	"svid.v1.SVID/MintX509SVID": "local admin", "svid.v1.SVID/MintJWTSVID": "local admin",
	"svid.v1.SVID/BatchNewX509SVID": "agent", "svid.v1.SVID/NewJWTSVID": "agent",
	"bundle.v1.Bundle/GetBundle": "local admin agent workload anonymous superseded banned evicted",
}

// callPlainly calls a method with an empty message, whatever it takes.
func callPlainly(conn *grpc.ClientConn, method protoreflect.MethodDescriptor) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	path := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
	if !method.IsStreamingClient() && !method.IsStreamingServer() {
		return conn.Invoke(ctx, path, &emptypb.Empty{}, &emptypb.Empty{})
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path)
	if err != nil {
		return err
	}
	_ = stream.SendMsg(&emptypb.Empty{})
	_ = stream.CloseSend()
	return stream.RecvMsg(&emptypb.Empty{})
}

func serverMethods() []protoreflect.MethodDescriptor {
	methods := []protoreflect.MethodDescriptor{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(file.Package()), "spire.api.server.") {
			for i := range file.Services().Len() {
				service := file.Services().Get(i)
				for j := range service.Methods().Len() {
					methods = append(methods, service.Methods().Get(j))
				}
			}
		}
		return true
	})
	return methods
}

// access: every method of every service of the SDK, called by every kind of caller.
func access(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	agent := d.newAgent(local, anonymous, nil)
	admin := must(mint(local, "/access/admin", 3600))
	create(local, &types.Entry{SpiffeId: wire("/access/admin"), ParentId: wire("/interop/node"), Admin: true,
		Selectors: selectors("unix:uid:1")})
	workload := must(mint(local, "/access/workload", 3600))
	create(local, plain("/access/workload", "unix:uid:1"))
	banned, evicted := d.newAgent(local, anonymous, nil), d.newAgent(local, anonymous, nil)
	superseded := d.newAgent(local, anonymous, nil)
	need(drop(local.agent.BanAgent(soon(), &agentv1.BanAgentRequest{Id: wireOf(banned.ID)})))
	need(drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: wireOf(evicted.ID)})))
	old := d.With(superseded)
	key := newKey()
	next := must(old.agent.RenewAgent(soon(),
		&agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{Csr: csr(key, nil)}}))
	old.Close()
	renewed := d.With(must(svidFrom(key, next.Svid)))
	need(drop(renewed.agent.PostStatus(soon(), &agentv1.PostStatusRequest{})))
	renewed.Close()

	const none, notAttested = types.PermissionDeniedDetails_UNKNOWN, types.PermissionDeniedDetails_AGENT_NOT_ATTESTED
	callers := []struct {
		name   string
		caller *Caller
		// Why it is no agent, where an agent is asked for.
		reason types.PermissionDeniedDetails_Reason
	}{
		{"local", local, none}, {"anonymous", anonymous, none}, {"agent", d.With(agent), none},
		{"admin", d.With(admin), notAttested}, {"workload", d.With(workload), notAttested},
		{"superseded", d.With(superseded), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE},
		{"banned", d.With(banned), types.PermissionDeniedDetails_AGENT_BANNED},
		{"evicted", d.With(evicted), notAttested},
	}
	for _, method := range serverMethods() {
		full := string(method.Parent().FullName()) + "/" + string(method.Name())
		name := strings.TrimPrefix(full, "spire.api.server.")
		who, served := allowed[name]
		for _, caller := range callers {
			err := callPlainly(caller.caller.conn, method)
			check := name + " by " + caller.name
			switch {
			case !served:
				c.Refused(check, err, codes.Unimplemented)
			case contains(strings.Fields(who), caller.name):
				code := status.Code(err)
				ended := errors.Is(err, io.EOF)
				c.True(check, ended || code == codes.OK || code == codes.InvalidArgument || code == codes.NotFound,
					"to be let in", err)
			default:
				reason := none
				if who == "agent" {
					reason = caller.reason
				}
				c.Denied(check, err, reason)
				c.Refused(check+", in SPIRE's words", err, codes.PermissionDenied, "authorization denied for method /"+full)
			}
		}
	}
	err := anonymous.conn.Invoke(soon(), "/no.such.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
	c.Refused("unknown service", err, codes.Unimplemented)
	err = local.conn.Invoke(soon(), "/spire.api.server.entry.v1.Entry/NoSuchMethod", &emptypb.Empty{}, &emptypb.Empty{})
	c.Refused("unknown method", err, codes.Unimplemented)
	for _, path := range []string{"Check", "List"} {
		err = anonymous.conn.Invoke(soon(), "/grpc.health.v1.Health/"+path, &emptypb.Empty{}, &emptypb.Empty{})
		c.Refused("health "+path+" is not served over TCP", err, codes.Unimplemented)
	}
	err = drop(local.entry.GetEntry(soon(), &entryv1.GetEntryRequest{Id: "not empty, else it is not compressed"},
		grpc.UseCompressor(gzip.Name)))
	c.Refused("compressed message", err, codes.Unimplemented)

	// An administrator is one as long as there is an entry that says so.
	promoted := d.With(must(mint(local, "/access/promoted", 3600)))
	defer promoted.Close()
	list := func() error { return drop(promoted.entry.CountEntries(soon(), &entryv1.CountEntriesRequest{})) }
	c.Denied("admin/before the entry", list(), none)
	entry := create(local, &types.Entry{SpiffeId: wire("/access/promoted"), ParentId: wire("/interop/node"), Admin: true,
		Selectors: selectors("unix:uid:1")})
	c.Succeeds("admin/with the entry", list())
	need(drop(local.entry.BatchUpdateEntry(soon(), &entryv1.BatchUpdateEntryRequest{
		InputMask: &types.EntryMask{Admin: true}, Entries: []*types.Entry{{Id: entry.Id}}})))
	c.Denied("admin/without its flag", list(), none)
	need(drop(local.entry.BatchUpdateEntry(soon(), &entryv1.BatchUpdateEntryRequest{
		InputMask: &types.EntryMask{Admin: true}, Entries: []*types.Entry{{Id: entry.Id, Admin: true}}})))
	c.Succeeds("admin/with it again", list())
	need(drop(local.entry.BatchDeleteEntry(soon(), &entryv1.BatchDeleteEntryRequest{Ids: []string{entry.Id}})))
	c.Denied("admin/after the entry", list(), none)
	for _, caller := range callers[2:] {
		caller.caller.Close()
	}
}

func contains(texts []string, text string) bool {
	for _, one := range texts {
		if one == text {
			return true
		}
	}
	return false
}

// handshakes: who does not get past TLS.
func handshakes(c *Checks, d *Deployment) {
	local := d.Local()
	defer local.Close()
	server := tlsconfig.AuthorizeID(id("/spire/server"))
	bundle := d.Bundle()
	// A call that everybody may make.
	count := func(caller *Caller) error {
		defer caller.Close()
		return drop(caller.bundle.GetBundle(within(5*time.Second), &bundlev1.GetBundleRequest{}))
	}

	foreign := selfMade("spiffe://example.org/access/admin")
	c.Refused("certificate of another authority", count(d.With(foreign)), codes.Unavailable)
	c.Refused("certificate of another trust domain", count(d.With(selfMade("spiffe://elsewhere.org/a"))), codes.Unavailable)
	expired := must(mint(local, "/handshakes/short", 1))
	time.Sleep(2200 * time.Millisecond)
	c.Refused("expired certificate", count(d.With(expired)), codes.Unavailable)
	old := tlsconfig.TLSClientConfig(bundle, server)
	old.MaxVersion = tls.VersionTLS12
	c.Refused("TLS 1.2", count(d.WithTLS(old)), codes.Unavailable)
	c.Refused("plain text", count(newCaller(d.address(), insecure.NewCredentials())), codes.Unavailable)
	// The other side: the server proves who it is.
	wrong := x509bundle.FromX509Authorities(td, foreign.Certificates[1:])
	c.Refused("the client knows another authority",
		count(d.WithTLS(tlsconfig.TLSClientConfig(wrong, server))), codes.Unavailable)
	c.Refused("the client expects another server",
		count(d.WithTLS(tlsconfig.TLSClientConfig(bundle, tlsconfig.AuthorizeID(id("/other"))))), codes.Unavailable)

	raw := tlsconfig.TLSClientConfig(bundle, server)
	raw.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", d.address(), raw)
	c.Succeeds("go-spiffe accepts the server", err)
	if err == nil {
		state := conn.ConnectionState()
		c.Equal("TLS version", tls.VersionName(state.Version), "TLS 1.3")
		c.Equal("key exchange", state.CurveID.String(), "X25519MLKEM768")
		leaf := state.PeerCertificates[0]
		c.True("the server's certificate", len(leaf.URIs) == 1 && leaf.URIs[0].String() == id("/spire/server").String(),
			id("/spire/server").String(), leaf.URIs)
		conn.Close()
	}
	raw = raw.Clone()
	raw.NextProtos = []string{"http/1.1"}
	conn, err = tls.Dial("tcp", d.address(), raw)
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	c.True("without h2 there is no connection", err != nil, "an error", err)
}

// selfMade is an X509-SVID of an authority that nobody trusts.
func selfMade(uri string) *x509svid.SVID {
	make := func(template *x509.Certificate, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
		template.SerialNumber = must(rand.Int(rand.Reader, big.NewInt(1<<60)))
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		template.BasicConstraintsValid = true
		if parent == nil {
			parent = template
		}
		return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey))))
	}
	name := must(url.Parse(uri))
	caKey, key := newKey(), newKey()
	ca := make(&x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{Organization: []string{"Mallory"}},
		URIs: []*url.URL{{Scheme: "spiffe", Host: name.Host}}}, nil, caKey, caKey)
	leaf := make(&x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, URIs: []*url.URL{name}}, ca, key, caKey)
	return &x509svid.SVID{ID: must(spiffeid.FromURI(name)), Certificates: []*x509.Certificate{leaf, ca}, PrivateKey: key}
}
