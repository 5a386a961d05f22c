package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// minting: MintX509SVID and MintJWTSVID.
func minting(c *Checks, d *Deployment, admin *Caller) {
	bundle := d.Bundle()
	key := newKey()
	uri := id("/mint/a").String()
	ask := func(csr []byte, ttl int32) (*types.X509SVID, error) {
		answer, err := admin.svid.MintX509SVID(soon(), &svidv1.MintX509SVIDRequest{Csr: csr, Ttl: ttl})
		return answer.GetSvid(), err
	}
	for name, wanted := range map[string]struct {
		ttl   int32
		lives time.Duration
		dns   []string
	}{
		"default": {0, time.Hour, nil}, "ttl": {1234, 1234 * time.Second, nil},
		"DNS names": {60, time.Minute, []string{"a.example.org", "*.b.example.org", "localhost"}},
	} {
		answer, err := ask(csr(key, []string{uri}, wanted.dns...), wanted.ttl)
		if !c.Succeeds("x509/"+name, err) {
			continue
		}
		c.Equal("x509/"+name+" id", answer.Id, wire("/mint/a"))
		svid, err := svidFrom(key, answer)
		c.Succeeds("x509/"+name+" go-spiffe accepts it", err)
		need(err)
		_, _, err = x509svid.Verify(svid.Certificates, bundle)
		c.Succeeds("x509/"+name+" go-spiffe verifies it", err)
		checkLeaf(c.In("x509/"+name), svid.Certificates[0], id("/mint/a"), wanted.lives, wanted.dns)
		c.Equal("x509/"+name+" expires_at", answer.ExpiresAt, svid.Certificates[0].NotAfter.Unix())
	}
	answer, err := ask(csr(key, []string{uri}), 100_000_000)
	c.Succeeds("x509/ttl longer than the authority lives", err)
	if err == nil {
		leaf := must(x509.ParseCertificate(answer.CertChain[0]))
		c.True("x509/ttl is cut at the authority's end", !leaf.NotAfter.After(bundle.X509Authorities()[0].NotAfter),
			"no later than "+bundle.X509Authorities()[0].NotAfter.String(), leaf.NotAfter)
	}
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	need(err)
	for name, key := range map[string]crypto.Signer{
		"P-384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), "RSA 2048": must(rsa.GenerateKey(rand.Reader, 2048)),
	} {
		answer, err := ask(csr(key, []string{uri}), 60)
		c.Succeeds("x509/key "+name, err)
		if err == nil {
			leaf := must(x509.ParseCertificate(answer.CertChain[0]))
			same := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public())
			c.True("x509/key "+name+" is kept", same, "the key of the request", "another")
		}
	}
	// SPIRE signs it; here SVIDs are for keys that every TLS library of a workload takes.
	_, err = ask(csr(ed25519Key, []string{uri}), 60)
	c.Refused("x509/refused/Ed25519 key", err, codes.InvalidArgument, "the key is neither EC on P-256")
	for _, wrong := range []struct {
		name  string
		csr   []byte
		words string
	}{
		{"no CSR", nil, "missing CSR"},
		{"malformed CSR", []byte("no request"), "malformed CSR"},
		{"CSR signed with another key", spoiled(csr(key, []string{uri})), ""},
		{"no URI", csr(key, nil), "CSR URI SAN is required"},
		{"two URIs", csr(key, []string{uri, uri + "b"}), "only one URI SAN is expected"},
		{"URI that is no SPIFFE ID", csr(key, []string{"https://example.org/a"}), "CSR URI SAN is invalid"},
		{"other trust domain", csr(key, []string{"spiffe://elsewhere.org/a"}), "CSR URI SAN is invalid"},
		{"no path", csr(key, []string{"spiffe://example.org"}), "CSR URI SAN is invalid"},
		{"reserved", csr(key, []string{"spiffe://example.org/spire/agent/x"}), "CSR URI SAN is invalid"},
		{"malformed DNS name", csr(key, []string{uri}, "a..b"), "CSR DNS name is invalid"},
		{"wildcard that covers another name", csr(key, []string{uri}, "*.a.org", "b.a.org"),
			"CSR DNS name contains a wildcard that covers another non-wildcard name"},
	} {
		_, err := ask(wrong.csr, 60)
		c.Refused("x509/refused/"+wrong.name, err, codes.InvalidArgument, wrong.words)
	}
	_, err = ask(csr(key, []string{uri}), -1)
	c.Refused("x509/refused/negative ttl", err, codes.InvalidArgument)

	jwt := func(request *svidv1.MintJWTSVIDRequest) (*types.JWTSVID, error) {
		answer, err := admin.svid.MintJWTSVID(soon(), request)
		return answer.GetSvid(), err
	}
	token, err := jwt(&svidv1.MintJWTSVIDRequest{Id: wire("/mint/j"), Audience: []string{"a", "b"}})
	c.Succeeds("jwt", err)
	need(err)
	checkToken(c.In("jwt"), d, token, wire("/mint/j"), []string{"a", "b"}, 300, false)
	token, err = jwt(&svidv1.MintJWTSVIDRequest{Id: wire("/mint/j"), Audience: []string{"a"}, Ttl: 17})
	c.Succeeds("jwt/ttl", err)
	need(err)
	checkToken(c.In("jwt/ttl"), d, token, wire("/mint/j"), []string{"a"}, 17, false)
	for _, wrong := range []struct {
		name    string
		request *svidv1.MintJWTSVIDRequest
		words   string
	}{
		{"no audience", &svidv1.MintJWTSVIDRequest{Id: wire("/mint/j")}, "at least one audience is required"},
		{"no ID", &svidv1.MintJWTSVIDRequest{Audience: []string{"a"}}, "invalid SPIFFE ID"},
		{"empty ID", &svidv1.MintJWTSVIDRequest{Id: &types.SPIFFEID{}, Audience: []string{"a"}}, "invalid SPIFFE ID"},
		{"other trust domain", &svidv1.MintJWTSVIDRequest{Id: &types.SPIFFEID{TrustDomain: "elsewhere.org", Path: "/a"},
			Audience: []string{"a"}}, "invalid SPIFFE ID"},
		{"no path", &svidv1.MintJWTSVIDRequest{Id: wire(""), Audience: []string{"a"}}, "invalid SPIFFE ID"},
		{"reserved", &svidv1.MintJWTSVIDRequest{Id: wire("/spire/server"), Audience: []string{"a"}}, "invalid SPIFFE ID"},
		{"negative ttl", &svidv1.MintJWTSVIDRequest{Id: wire("/a"), Audience: []string{"a"}, Ttl: -1}, ""},
	} {
		_, err := jwt(wrong.request)
		c.Refused("jwt/refused/"+wrong.name, err, codes.InvalidArgument, wrong.words)
	}
}

// jwtBundle is the JWT side of the bundle, as the API has it.
func (d *Deployment) jwtBundle() *jwtbundle.Bundle {
	local := d.Local()
	defer local.Close()
	bundle := must(local.bundle.GetBundle(soon(), &bundlev1.GetBundleRequest{}))
	keys := map[string]crypto.PublicKey{}
	for _, key := range bundle.JwtAuthorities {
		keys[key.KeyId] = must(x509.ParsePKIXPublicKey(key.PublicKey)).(crypto.PublicKey)
	}
	return jwtbundle.FromJWTAuthorities(td, keys)
}

func checkToken(c *Checks, d *Deployment, token *types.JWTSVID, want *types.SPIFFEID, audience []string, ttl int64, jti bool) {
	svid, err := jwtsvid.ParseAndValidate(token.GetToken(), d.jwtBundle(), audience[:1])
	c.Succeeds("go-spiffe validates it", err)
	need(err)
	_, err = jwtsvid.ParseAndValidate(token.GetToken(), d.jwtBundle(), []string{"another"})
	c.True("go-spiffe refuses it for another audience", err != nil, "an error", err)
	c.Equal("id", token.Id, want)
	c.Equal("subject", wireOf(svid.ID), want)
	c.Same("audience", svid.Audience, audience)
	c.True("expires as asked", near(token.ExpiresAt, time.Now().Unix()+ttl), fmt.Sprint("in ", ttl), token.ExpiresAt)
	c.Equal("expires_at is the token's", token.ExpiresAt, svid.Expiry.Unix())
	c.True("issued now", near(token.IssuedAt, time.Now().Unix()), "now", token.IssuedAt)
	var header, claims map[string]any
	parts := strings.Split(token.Token, ".")
	needThat(len(parts) == 3, "a token is not of three parts")
	need(json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[0])), &header))
	need(json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[1])), &claims))
	c.Same("header", sortedKeys(header), []string{"alg", "kid", "typ"})
	c.Equal("typ", header["typ"], any("JWT"))
	c.Equal("alg", header["alg"], any("ES256"))
	names := []string{"sub", "aud", "exp", "iat"}
	if jti {
		names = append(names, "jti")
	}
	c.Same("claims", sortedKeys(claims), names)
	_, isArray := claims["aud"].([]any)
	c.True("aud is an array", isArray, "an array", claims["aud"])
	c.Equal("issued_at is the token's", float64(token.IssuedAt), claims["iat"].(float64))
}

// agentSVIDs: BatchNewX509SVID and NewJWTSVID.
func agentSVIDs(c *Checks, d *Deployment) {
	local, anonymous := d.Local(), d.Anonymous()
	defer local.Close()
	defer anonymous.Close()
	svid := d.newAgent(local, anonymous, nil)
	other := d.newAgent(local, anonymous, nil)
	agent := d.With(svid)
	defer agent.Close()
	entry := create(local, &types.Entry{SpiffeId: wire("/agent-svids/a"), ParentId: wireOf(svid.ID),
		Selectors: selectors("unix:uid:1"), X509SvidTtl: 120, JwtSvidTtl: 90, DnsNames: []string{"a.example.org"}})
	withJTI := create(local, &types.Entry{SpiffeId: wire("/agent-svids/jti"), ParentId: wireOf(svid.ID),
		Selectors:            selectors("unix:uid:1"),
		AdditionalAttributes: &types.Entry_AdditionalAttributes{JwtSvidIncludeJti: true}})
	foreign := create(local, &types.Entry{SpiffeId: wire("/agent-svids/foreign"), ParentId: wireOf(other.ID),
		Selectors: selectors("unix:uid:1")})

	key := newKey()
	good := csr(key, []string{"spiffe://example.org/not/this"}, "not.this.org")
	items := []struct {
		name  string
		param *svidv1.NewX509SVIDParams
		code  codes.Code
		words string
	}{
		{"good", &svidv1.NewX509SVIDParams{EntryId: entry.Id, Csr: good}, codes.OK, ""},
		{"no entry ID", &svidv1.NewX509SVIDParams{Csr: good}, codes.InvalidArgument, "missing entry ID"},
		{"no CSR", &svidv1.NewX509SVIDParams{EntryId: entry.Id}, codes.InvalidArgument, "missing CSR"},
		{"unknown entry", &svidv1.NewX509SVIDParams{EntryId: "nobody", Csr: good}, codes.NotFound,
			"entry not found or not authorized"},
		{"entry of another agent", &svidv1.NewX509SVIDParams{EntryId: foreign.Id, Csr: good}, codes.NotFound,
			"entry not found or not authorized"},
		{"malformed CSR", &svidv1.NewX509SVIDParams{EntryId: entry.Id, Csr: []byte("no")}, codes.InvalidArgument,
			"malformed CSR"},
		{"CSR signed with another key", &svidv1.NewX509SVIDParams{EntryId: entry.Id, Csr: spoiled(good)},
			codes.InvalidArgument, "invalid CSR signature"},
		{"good again", &svidv1.NewX509SVIDParams{EntryId: withJTI.Id, Csr: good}, codes.OK, ""},
	}
	params := []*svidv1.NewX509SVIDParams{}
	for _, item := range items {
		params = append(params, item.param)
	}
	answer, err := agent.svid.BatchNewX509SVID(soon(), &svidv1.BatchNewX509SVIDRequest{Params: params})
	c.Succeeds("x509", err)
	need(err)
	needThat(len(answer.Results) == len(items), "a batch is not answered item by item")
	for i, result := range answer.Results {
		c.Item("x509/"+items[i].name, result.Status, items[i].code, items[i].words)
		c.Equal("x509/"+items[i].name+" has an SVID or none", result.Svid != nil, items[i].code == codes.OK)
	}
	issued, err := svidFrom(key, answer.Results[0].Svid)
	c.Succeeds("x509/go-spiffe accepts it", err)
	need(err)
	c.Equal("x509/id", answer.Results[0].Svid.Id, entry.SpiffeId)
	checkLeaf(c.In("x509/certificate"), issued.Certificates[0], id("/agent-svids/a"), 120*time.Second,
		[]string{"a.example.org"})
	_, _, err = x509svid.Verify(issued.Certificates, d.Bundle())
	c.Succeeds("x509/go-spiffe verifies it", err)

	_, err = agent.svid.BatchNewX509SVID(soon(), &svidv1.BatchNewX509SVIDRequest{})
	c.Refused("x509/batch of nothing", err, codes.InvalidArgument, "missing parameters")
	many := []*svidv1.NewX509SVIDParams{}
	for range 501 {
		many = append(many, params[0])
	}
	_, err = agent.svid.BatchNewX509SVID(soon(), &svidv1.BatchNewX509SVIDRequest{Params: many})
	c.Refused("x509/batch of 501", err, codes.InvalidArgument)
	answer, err = agent.svid.BatchNewX509SVID(soon(), &svidv1.BatchNewX509SVIDRequest{Params: many[:500]})
	c.True("x509/batch of 500", err == nil && len(answer.GetResults()) == 500, "500 results",
		shown(len(answer.GetResults()), err))

	jwt := func(entryID string, audience ...string) (*types.JWTSVID, error) {
		answer, err := agent.svid.NewJWTSVID(soon(), &svidv1.NewJWTSVIDRequest{EntryId: entryID, Audience: audience})
		return answer.GetSvid(), err
	}
	token, err := jwt(entry.Id, "x", "y")
	c.Succeeds("jwt", err)
	need(err)
	checkToken(c.In("jwt"), d, token, entry.SpiffeId, []string{"x", "y"}, 90, false)
	token, err = jwt(withJTI.Id, "x")
	c.Succeeds("jwt/with jti", err)
	need(err)
	checkToken(c.In("jwt/with jti"), d, token, withJTI.SpiffeId, []string{"x"}, 300, true)
	_, err = jwt("nobody", "x")
	c.Refused("jwt/unknown entry", err, codes.NotFound, "entry not found or not authorized")
	_, err = jwt("", "x")
	c.Refused("jwt/no entry ID", err, codes.NotFound, "entry not found or not authorized")
	_, err = jwt(foreign.Id, "x")
	c.Refused("jwt/entry of another agent", err, codes.NotFound, "entry not found or not authorized")
	_, err = jwt(entry.Id)
	c.Refused("jwt/no audience", err, codes.InvalidArgument, "at least one audience is required")
	for _, one := range []*x509svid.SVID{svid, other} {
		need(drop(local.agent.DeleteAgent(soon(), &agentv1.DeleteAgentRequest{Id: wireOf(one.ID)})))
	}
}

// trustBundle: GetBundle, for everybody.
func trustBundle(c *Checks, d *Deployment, callers map[string]*Caller) {
	local := d.Local()
	defer local.Close()
	whole := must(local.bundle.GetBundle(soon(), &bundlev1.GetBundleRequest{}))
	c.Equal("trust domain", whole.TrustDomain, trustDomain)
	c.True("sequence number", whole.SequenceNumber > 0, "above 0", whole.SequenceNumber)
	c.Equal("no WIT authorities", len(whole.WitAuthorities), 0)
	if c.Equal("one X.509 authority", len(whole.X509Authorities), 1) {
		authority, err := x509.ParseCertificate(whole.X509Authorities[0].Asn1)
		c.Succeeds("X.509 authority", err)
		need(err)
		c.Equal("X.509 authority is not tainted", whole.X509Authorities[0].Tainted, false)
		c.Equal("X.509 authority is a CA", authority.IsCA, true)
		c.Equal("X.509 authority's key usage", authority.KeyUsage, x509.KeyUsageCertSign|x509.KeyUsageCRLSign)
		c.True("X.509 authority's URI is the trust domain",
			len(authority.URIs) == 1 && authority.URIs[0].String() == "spiffe://"+trustDomain,
			"spiffe://"+trustDomain, authority.URIs)
		c.True("X.509 authority's subject", strings.Contains(authority.Subject.String(), "O=SPIFFE,C=US") &&
			authority.Subject.SerialNumber != "", "C=US,O=SPIFFE and its serial number", authority.Subject.String())
	}
	if c.Equal("one JWT authority", len(whole.JwtAuthorities), 1) {
		key := whole.JwtAuthorities[0]
		_, err := x509.ParsePKIXPublicKey(key.PublicKey)
		c.Succeeds("JWT authority's key", err)
		c.Equal("JWT authority's ID has 32 characters", len(key.KeyId), 32)
		c.True("JWT authority expires", key.ExpiresAt > time.Now().Unix() && key.ExpiresAt <= time.Now().Add(24*time.Hour).Unix(),
			"within 24 h", key.ExpiresAt)
		c.Equal("JWT authority is not tainted", key.Tainted, false)
	}
	forEachMask(&types.BundleMask{}, func(field string, mask proto.Message) {
		got, err := local.bundle.GetBundle(soon(), &bundlev1.GetBundleRequest{OutputMask: mask.(*types.BundleMask)})
		if err == nil {
			c.Equal("mask "+field, got, masked(whole, field))
		} else {
			c.Succeeds("mask "+field, err)
		}
	})
	for name, caller := range callers {
		got, err := caller.bundle.GetBundle(soon(), &bundlev1.GetBundleRequest{})
		if c.Succeeds("for "+name, err) {
			c.Equal("for "+name+" it is the same", got, whole)
		}
	}
}
