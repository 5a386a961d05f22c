package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/url"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

var td = spiffeid.RequireTrustDomainFromString(trustDomain)

// Caller is one connection to the control plane with SPIRE's client stubs on it.
type Caller struct {
	conn   *grpc.ClientConn
	agent  agentv1.AgentClient
	entry  entryv1.EntryClient
	svid   svidv1.SVIDClient
	bundle bundlev1.BundleClient
}

func newCaller(target string, transport credentials.TransportCredentials) *Caller {
	// Large enough for any page of a listing.
	conn := must(grpc.NewClient(target, grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20))))
	return &Caller{
		conn: conn, agent: agentv1.NewAgentClient(conn), entry: entryv1.NewEntryClient(conn),
		svid: svidv1.NewSVIDClient(conn), bundle: bundlev1.NewBundleClient(conn),
	}
}

// Local is a caller at the administrator's socket.
func (d *Deployment) Local() *Caller {
	return newCaller("unix:"+d.adminSocket(), insecure.NewCredentials())
}

// Anonymous is a caller at the TCP port without a certificate.
func (d *Deployment) Anonymous() *Caller {
	return newCaller(d.address(), credentials.NewTLS(
		tlsconfig.TLSClientConfig(d.Bundle(), tlsconfig.AuthorizeID(id("/spire/server")))))
}

// With is a caller at the TCP port that presents an X509-SVID.
func (d *Deployment) With(source x509svid.Source) *Caller {
	return newCaller(d.address(), credentials.NewTLS(
		tlsconfig.MTLSClientConfig(source, d.Bundle(), tlsconfig.AuthorizeID(id("/spire/server")))))
}

// WithTLS is a caller at the TCP port with a TLS configuration of its own.
func (d *Deployment) WithTLS(config *tls.Config) *Caller {
	return newCaller(d.address(), credentials.NewTLS(config))
}

func (c *Caller) Close() { c.conn.Close() }

// Bundle is the trust bundle, as the administrator's socket gives it.
func (d *Deployment) Bundle() *x509bundle.Bundle {
	local := d.Local()
	defer local.Close()
	return x509Bundle(must(local.bundle.GetBundle(soon(), &bundlev1.GetBundleRequest{})))
}

func x509Bundle(bundle *types.Bundle) *x509bundle.Bundle {
	authorities := []*x509.Certificate{}
	for _, authority := range bundle.X509Authorities {
		authorities = append(authorities, must(x509.ParseCertificate(authority.Asn1)))
	}
	return x509bundle.FromX509Authorities(td, authorities)
}

// soon is a context for calls that are answered at once.
func soon() context.Context { return within(20 * time.Second) }

func within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func id(path string) spiffeid.ID { return spiffeid.RequireFromPath(td, path) }

func wire(path string) *types.SPIFFEID { return &types.SPIFFEID{TrustDomain: trustDomain, Path: path} }

func wireOf(id spiffeid.ID) *types.SPIFFEID {
	return &types.SPIFFEID{TrustDomain: id.TrustDomain().Name(), Path: id.Path()}
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// csr is a certificate request with the given URIs and DNS names.
func csr(key crypto.Signer, uris []string, dnsNames ...string) []byte {
	template := &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "not to be taken over", Organization: []string{"Mallory"}}, DNSNames: dnsNames,
	}
	for _, uri := range uris {
		template.URIs = append(template.URIs, must(url.Parse(uri)))
	}
	return must(x509.CreateCertificateRequest(rand.Reader, template, key))
}

// spoiled is a request whose signature does not fit.
func spoiled(csr []byte) []byte {
	copy := append([]byte{}, csr...)
	copy[len(copy)-5] ^= 0x40
	return copy
}

// svidFrom puts a key and what the server answered together, judged by go-spiffe.
func svidFrom(key crypto.Signer, answer *types.X509SVID) (*x509svid.SVID, error) {
	chain := []byte{}
	for _, certificate := range answer.GetCertChain() {
		chain = append(chain, certificate...)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return x509svid.ParseRaw(chain, encoded)
}

// attest makes an agent known to the server with a join token, over a connection without identity.
func attest(anonymous *Caller, token string) (*x509svid.SVID, *agentv1.AttestAgentResponse_Result, error) {
	key := newKey()
	answer, err := attestWith(anonymous, attestParams("join_token", token, csr(key, nil)))
	if err != nil {
		return nil, nil, err
	}
	svid, err := svidFrom(key, answer.GetResult().GetSvid())
	return svid, answer.GetResult(), err
}

func attestParams(kind, payload string, csr []byte) *agentv1.AttestAgentRequest {
	return &agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{
		Params: &agentv1.AttestAgentRequest_Params{
			Data:   &types.AttestationData{Type: kind, Payload: []byte(payload)},
			Params: &agentv1.AgentX509SVIDParams{Csr: csr},
		}}}
}

func attestWith(caller *Caller, request *agentv1.AttestAgentRequest) (*agentv1.AttestAgentResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream, err := caller.agent.AttestAgent(ctx)
	if err != nil {
		return nil, err
	}
	// An error of sending is told by the answer.
	_ = stream.Send(request)
	return stream.Recv()
}

// newAgent is an agent of this program's own: attested, with its identity.
func (d *Deployment) newAgent(local, anonymous *Caller, alias *types.SPIFFEID) *x509svid.SVID {
	token := must(local.agent.CreateJoinToken(soon(), &agentv1.CreateJoinTokenRequest{Ttl: 600, AgentId: alias}))
	svid, _, err := attest(anonymous, token.Value)
	need(err)
	return svid
}

// mint has an administrator make an X509-SVID.
func mint(admin *Caller, path string, ttl int32, dnsNames ...string) (*x509svid.SVID, error) {
	key := newKey()
	answer, err := admin.svid.MintX509SVID(soon(), &svidv1.MintX509SVIDRequest{
		Csr: csr(key, []string{id(path).String()}, dnsNames...), Ttl: ttl,
	})
	if err != nil {
		return nil, err
	}
	return svidFrom(key, answer.Svid)
}

// create registers one entry and ends the scenario when that is refused.
func create(admin *Caller, entry *types.Entry) *types.Entry {
	return createAll(admin, []*types.Entry{entry})[0]
}

func createAll(admin *Caller, entries []*types.Entry) []*types.Entry {
	created := []*types.Entry{}
	for start := 0; start < len(entries); start += 500 {
		page := entries[start:min(start+500, len(entries))]
		answer := must(admin.entry.BatchCreateEntry(soon(), &entryv1.BatchCreateEntryRequest{Entries: page}))
		for _, result := range answer.Results {
			if result.Status.GetCode() != 0 {
				need(fmt.Errorf("creating an entry: %v", result.Status))
			}
			created = append(created, result.Entry)
		}
	}
	return created
}

func selectors(texts ...string) []*types.Selector {
	result := []*types.Selector{}
	for _, text := range texts {
		for i := range text {
			if text[i] == ':' {
				result = append(result, &types.Selector{Type: text[:i], Value: text[i+1:]})
				break
			}
		}
	}
	return result
}
