package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"

	workload "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Body is a request that was written to a file, and how long the message is that answered it.
type Body struct {
	ResponseBytes int `json:"response_bytes"`
}

// body writes the request that h2load is to repeat, after having made it once.
func body(options *Options) any {
	admin := svidv1.NewSVIDClient(dial(options.adminSocket))
	var request, response proto.Message
	switch options.name {
	case "mint-x509":
		mint := &svidv1.MintX509SVIDRequest{Csr: csr("spiffe://" + options.trustDomain + "/bench/minted"), Ttl: 3600}
		request, response = mint, must(admin.MintX509SVID(soon(), mint))
	case "mint-jwt":
		mint := &svidv1.MintJWTSVIDRequest{Id: options.id("/bench/minted"), Audience: []string{"bench"}, Ttl: 300}
		request, response = mint, must(admin.MintJWTSVID(soon(), mint))
	case "fetch-jwt-cached", "validate-jwt":
		agent := workload.NewSpiffeWorkloadAPIClient(dial(options.workloadSocket))
		ctx := metadata.AppendToOutgoingContext(soon(), "workload.spiffe.io", "true")
		fetch := &workload.JWTSVIDRequest{Audience: []string{"bench"}}
		svids := must(agent.FetchJWTSVID(ctx, fetch))
		request, response = fetch, svids
		if options.name == "validate-jwt" {
			validate := &workload.ValidateJWTSVIDRequest{Audience: "bench", Svid: svids.Svids[0].Svid}
			request, response = validate, must(agent.ValidateJWTSVID(ctx, validate))
		}
	default:
		need(fmt.Errorf("no request is called %q", options.name))
	}
	message := must(proto.Marshal(request))
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	need(os.WriteFile(options.file, append(framed, message...), 0o600))
	return Body{ResponseBytes: proto.Size(response)}
}

func csr(uri string) []byte {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.CertificateRequest{URIs: []*url.URL{must(url.Parse(uri))}}
	return must(x509.CreateCertificateRequest(rand.Reader, template, key))
}

func (o *Options) id(path string) *types.SPIFFEID {
	return &types.SPIFFEID{TrustDomain: o.trustDomain, Path: path}
}

// soon is a context for calls that are answered at once.
func soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// dial connects to a socket; large enough for any page of a listing.
func dial(socket string) *grpc.ClientConn {
	return must(grpc.NewClient("unix:"+socket, insecureTransport,
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20))))
}
