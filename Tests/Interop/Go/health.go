package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	workload "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func dialSocket(socket string) *grpc.ClientConn {
	return must(grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials())))
}

// health: grpc.health.v1 on one socket.
func health(c *Checks, socket string) {
	conn := dialSocket(socket)
	defer conn.Close()
	client := grpc_health_v1.NewHealthClient(conn)
	const serving, unknown = grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
	answer, err := client.Check(soon(), &grpc_health_v1.HealthCheckRequest{})
	c.Succeeds("check", err)
	c.Equal("check/serving", answer.GetStatus(), serving)
	_, err = client.Check(soon(), &grpc_health_v1.HealthCheckRequest{Service: "no.such.Service"})
	c.Refused("check/unknown service", err, codes.NotFound)
	list, err := client.List(soon(), &grpc_health_v1.HealthListRequest{})
	c.Succeeds("list", err)
	c.Equal("list/the whole", list.GetStatuses()[""].GetStatus(), serving)
	for _, watch := range []struct {
		service string
		want    grpc_health_v1.HealthCheckResponse_ServingStatus
	}{{"", serving}, {"no.such.Service", unknown}} {
		name := fmt.Sprintf("watch %q", watch.service)
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		stream := must(client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: watch.service}))
		first, err := stream.Recv()
		c.Succeeds(name, err)
		c.Equal(name+" status", first.GetStatus(), watch.want)
		_, err = stream.Recv()
		c.Refused(name+" stays open", err, codes.DeadlineExceeded)
		cancel()
	}
}

// reflection: both versions of server reflection on one socket, and that what it describes is what the SDK has.
func reflection(c *Checks, socket string, services ...string) {
	conn := dialSocket(socket)
	defer conn.Close()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(within(20 * time.Second))
	need(err)
	ask := func(request *grpc_reflection_v1.ServerReflectionRequest) *grpc_reflection_v1.ServerReflectionResponse {
		need(stream.Send(request))
		return must(stream.Recv())
	}
	listed := ask(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{ListServices: "*"}})
	names := []string{}
	for _, service := range listed.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	for _, service := range append(services, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection") {
		at := sort.SearchStrings(sortedStrings(names), service)
		c.True("lists "+service, at < len(names) && names[at] == service, service, names)
	}
	for _, service := range services {
		answer := ask(containing(service))
		if answer.GetErrorResponse() != nil {
			c.True("describes "+service, false, "its file", answer.GetErrorResponse().GetErrorMessage())
			continue
		}
		set := &descriptorpb.FileDescriptorSet{}
		have := map[string]bool{}
		var add func(encoded [][]byte)
		add = func(encoded [][]byte) {
			for _, one := range encoded {
				file := &descriptorpb.FileDescriptorProto{}
				need(proto.Unmarshal(one, file))
				if have[file.GetName()] {
					continue
				}
				have[file.GetName()] = true
				set.File = append(set.File, file)
				for _, dependency := range file.Dependency {
					if !have[dependency] {
						more := ask(&grpc_reflection_v1.ServerReflectionRequest{
							MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileByFilename{FileByFilename: dependency}})
						add(more.GetFileDescriptorResponse().GetFileDescriptorProto())
					}
				}
			}
		}
		add(answer.GetFileDescriptorResponse().GetFileDescriptorProto())
		files, err := protodesc.NewFiles(set)
		if !c.Succeeds("describes "+service, err) {
			continue
		}
		found, err := files.FindDescriptorByName(protoreflect.FullName(service))
		if !c.Succeeds("describes "+service+" itself", err) {
			continue
		}
		known := must(protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service)))
		described := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range described.Len() {
			method := described.Get(i)
			original := known.(protoreflect.ServiceDescriptor).Methods().ByName(method.Name())
			if original == nil {
				c.True(service+"/"+string(method.Name())+" is the SDK's", false, "a method of the SDK", "one of its own")
				continue
			}
			found := append(differences(method.Input(), original.Input(), nil),
				differences(method.Output(), original.Output(), nil)...)
			if method.IsStreamingClient() != original.IsStreamingClient() ||
				method.IsStreamingServer() != original.IsStreamingServer() {
				found = append(found, "kind of streaming")
			}
			c.Same(service+"/"+string(method.Name())+" is the SDK's", found, nil)
		}
	}
	missing := ask(containing("no.such.Service"))
	c.Equal("unknown symbol", codes.Code(missing.GetErrorResponse().GetErrorCode()), codes.NotFound)

	older := must(grpc_reflection_v1alpha.NewServerReflectionClient(conn).ServerReflectionInfo(within(20 * time.Second)))
	need(older.Send(&grpc_reflection_v1alpha.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1alpha.ServerReflectionRequest_ListServices{ListServices: "*"}}))
	answer, err := older.Recv()
	c.Succeeds("v1alpha", err)
	c.True("v1alpha lists as many services", len(answer.GetListServicesResponse().GetService()) == len(names),
		fmt.Sprint(len(names)), len(answer.GetListServicesResponse().GetService()))
}

// containing asks for the file of a service.
func containing(service string) *grpc_reflection_v1.ServerReflectionRequest {
	return &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service}}
}

// differences compares two messages field by field, and the messages of their fields.
func differences(got, want protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) []string {
	if seen == nil {
		seen = map[protoreflect.FullName]bool{}
	}
	if seen[want.FullName()] {
		return nil
	}
	seen[want.FullName()] = true
	found := []string{}
	if got.FullName() != want.FullName() {
		return []string{fmt.Sprintf("%s is called %s", want.FullName(), got.FullName())}
	}
	for i := range want.Fields().Len() {
		field := want.Fields().Get(i)
		mine := got.Fields().ByNumber(field.Number())
		if mine == nil || mine.Name() != field.Name() || mine.Kind() != field.Kind() ||
			mine.Cardinality() != field.Cardinality() ||
			mine.HasPresence() != field.HasPresence() || mine.IsPacked() != field.IsPacked() {
			found = append(found, string(field.FullName()))
			continue
		}
		if field.Message() != nil {
			found = append(found, differences(mine.Message(), field.Message(), seen)...)
		}
		if field.Enum() != nil && field.Enum().Values().Len() != mine.Enum().Values().Len() {
			found = append(found, string(field.Enum().FullName()))
		}
	}
	if got.Fields().Len() != want.Fields().Len() {
		found = append(found, fmt.Sprintf("%s has %d fields of %d", want.FullName(), got.Fields().Len(), want.Fields().Len()))
	}
	return found
}

// The descriptors that reflection is compared with.
var serverServices = []string{
	string(agentv1.File_spire_api_server_agent_v1_agent_proto.Services().Get(0).FullName()),
	string(bundlev1.File_spire_api_server_bundle_v1_bundle_proto.Services().Get(0).FullName()),
	string(entryv1.File_spire_api_server_entry_v1_entry_proto.Services().Get(0).FullName()),
	string(svidv1.File_spire_api_server_svid_v1_svid_proto.Services().Get(0).FullName()),
}

const workloadService = "SpiffeWorkloadAPI"

// Its descriptor is registered by go-spiffe.
var _ = workload.File_workload_proto
