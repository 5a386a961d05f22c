"""Client stubs made while the test runs, from the table of field numbers below.

The table is written from the published facts of the APIs and not from our .proto files: it is what others hold us to.
A line is a message, an enum or a method; `field=number:type`, a star for repeated fields; types without a dot are of
the same package.
"""
import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, empty_pb2, message_factory, wrappers_pb2

TABLE = """
package spire.api.types
message SPIFFEID trust_domain=1:string path=2:string
message Selector type=1:string value=2:string
enum SelectorMatch.MatchBehavior MATCH_EXACT MATCH_SUBSET MATCH_SUPERSET MATCH_ANY
message SelectorMatch selectors=1:*Selector match=2:SelectorMatch.MatchBehavior
enum FederatesWithMatch.MatchBehavior MATCH_EXACT MATCH_SUBSET MATCH_SUPERSET MATCH_ANY
message FederatesWithMatch trust_domains=1:*string match=2:FederatesWithMatch.MatchBehavior
message Status code=1:int32 message=2:string
enum PermissionDeniedDetails.Reason UNKNOWN AGENT_EXPIRED AGENT_NOT_ATTESTED AGENT_NOT_ACTIVE AGENT_BANNED \
 AGENT_MUST_REATTEST
message PermissionDeniedDetails reason=1:PermissionDeniedDetails.Reason
message AttestationData type=1:string payload=2:bytes
message JoinToken value=1:string expires_at=2:int64
message X509SVID cert_chain=1:*bytes id=2:SPIFFEID expires_at=3:int64 hint=4:string
message JWTSVID token=1:string id=2:SPIFFEID expires_at=3:int64 issued_at=4:int64 hint=5:string
message Agent id=1:SPIFFEID attestation_type=2:string x509svid_serial_number=3:string x509svid_expires_at=4:int64 \
 selectors=5:*Selector banned=6:bool can_reattest=7:bool agent_version=8:string
message AgentMask attestation_type=2:bool x509svid_serial_number=3:bool x509svid_expires_at=4:bool selectors=5:bool \
 banned=6:bool can_reattest=7:bool agent_version=8:bool
message Entry.AdditionalAttributes disable_x509_svid_prefetch=1:bool jwt_svid_include_jti=2:bool
message Entry id=1:string spiffe_id=2:SPIFFEID parent_id=3:SPIFFEID selectors=4:*Selector x509_svid_ttl=5:int32 \
 federates_with=6:*string admin=7:bool downstream=8:bool expires_at=9:int64 dns_names=10:*string \
 revision_number=11:int64 store_svid=12:bool jwt_svid_ttl=13:int32 hint=14:string created_at=15:int64 \
 additional_attributes=16:Entry.AdditionalAttributes
message EntryMask spiffe_id=2:bool parent_id=3:bool selectors=4:bool x509_svid_ttl=5:bool federates_with=6:bool \
 admin=7:bool downstream=8:bool expires_at=9:bool dns_names=10:bool revision_number=11:bool store_svid=12:bool \
 jwt_svid_ttl=13:bool hint=14:bool created_at=15:bool additional_attributes=16:bool
message X509Certificate asn1=1:bytes tainted=2:bool
message JWTKey public_key=1:bytes key_id=2:string expires_at=3:int64 tainted=4:bool
message WITKey public_key=1:bytes key_id=2:string expires_at=3:int64 tainted=4:bool
message Bundle trust_domain=1:string x509_authorities=2:*X509Certificate jwt_authorities=3:*JWTKey \
 refresh_hint=4:int64 sequence_number=5:uint64 wit_authorities=6:*WITKey
message BundleMask x509_authorities=2:bool jwt_authorities=3:bool refresh_hint=4:bool sequence_number=5:bool \
 wit_authorities=6:bool

package spire.api.server.agent.v1
message CountAgentsRequest.Filter by_attestation_type=1:string by_selector_match=2:spire.api.types.SelectorMatch \
 by_banned=3:google.protobuf.BoolValue by_can_reattest=4:google.protobuf.BoolValue by_expires_before=5:string
message CountAgentsRequest filter=1:CountAgentsRequest.Filter
message CountAgentsResponse count=1:int32
message ListAgentsRequest.Filter by_attestation_type=1:string by_selector_match=2:spire.api.types.SelectorMatch \
 by_banned=3:google.protobuf.BoolValue by_can_reattest=4:google.protobuf.BoolValue by_expires_before=5:string
message ListAgentsRequest filter=1:ListAgentsRequest.Filter output_mask=2:spire.api.types.AgentMask \
 page_size=3:int32 page_token=4:string
message ListAgentsResponse agents=1:*spire.api.types.Agent next_page_token=2:string
message GetAgentRequest id=1:spire.api.types.SPIFFEID output_mask=2:spire.api.types.AgentMask
message DeleteAgentRequest id=1:spire.api.types.SPIFFEID
message BanAgentRequest id=1:spire.api.types.SPIFFEID
message AgentX509SVIDParams csr=1:bytes
message AttestAgentRequest.Params data=1:spire.api.types.AttestationData params=2:AgentX509SVIDParams
message AttestAgentRequest params=1:AttestAgentRequest.Params challenge_response=2:bytes
message AttestAgentResponse.Result svid=1:spire.api.types.X509SVID reattestable=2:bool
message AttestAgentResponse result=1:AttestAgentResponse.Result challenge=2:bytes
message RenewAgentRequest params=1:AgentX509SVIDParams
message RenewAgentResponse svid=1:spire.api.types.X509SVID
message CreateJoinTokenRequest ttl=1:int32 token=2:string agent_id=3:spire.api.types.SPIFFEID
message PostStatusRequest current_bundle_serial=1:uint64 agent_version=2:string
message PostStatusResponse
method Agent.CountAgents CountAgentsRequest CountAgentsResponse
method Agent.ListAgents ListAgentsRequest ListAgentsResponse
method Agent.GetAgent GetAgentRequest spire.api.types.Agent
method Agent.DeleteAgent DeleteAgentRequest google.protobuf.Empty
method Agent.BanAgent BanAgentRequest google.protobuf.Empty
method Agent.AttestAgent *AttestAgentRequest *AttestAgentResponse
method Agent.RenewAgent RenewAgentRequest RenewAgentResponse
method Agent.CreateJoinToken CreateJoinTokenRequest spire.api.types.JoinToken
method Agent.PostStatus PostStatusRequest PostStatusResponse

package spire.api.server.bundle.v1
message GetBundleRequest output_mask=1:spire.api.types.BundleMask
method Bundle.GetBundle GetBundleRequest spire.api.types.Bundle

package spire.api.server.entry.v1
message CountEntriesRequest.Filter by_spiffe_id=1:spire.api.types.SPIFFEID by_parent_id=2:spire.api.types.SPIFFEID \
 by_selectors=3:spire.api.types.SelectorMatch by_federates_with=4:spire.api.types.FederatesWithMatch \
 by_hint=5:google.protobuf.StringValue by_downstream=6:google.protobuf.BoolValue
message CountEntriesRequest filter=1:CountEntriesRequest.Filter
message CountEntriesResponse count=1:int32
message ListEntriesRequest.Filter by_spiffe_id=1:spire.api.types.SPIFFEID by_parent_id=2:spire.api.types.SPIFFEID \
 by_selectors=3:spire.api.types.SelectorMatch by_federates_with=4:spire.api.types.FederatesWithMatch \
 by_hint=5:google.protobuf.StringValue by_downstream=6:google.protobuf.BoolValue
message ListEntriesRequest filter=1:ListEntriesRequest.Filter output_mask=2:spire.api.types.EntryMask \
 page_size=3:int32 page_token=4:string
message ListEntriesResponse entries=1:*spire.api.types.Entry next_page_token=2:string
message GetEntryRequest id=1:string output_mask=2:spire.api.types.EntryMask
message BatchCreateEntryRequest entries=1:*spire.api.types.Entry output_mask=2:spire.api.types.EntryMask
message BatchCreateEntryResponse.Result status=1:spire.api.types.Status entry=2:spire.api.types.Entry
message BatchCreateEntryResponse results=1:*BatchCreateEntryResponse.Result
message BatchUpdateEntryRequest entries=1:*spire.api.types.Entry input_mask=2:spire.api.types.EntryMask \
 output_mask=3:spire.api.types.EntryMask
message BatchUpdateEntryResponse.Result status=1:spire.api.types.Status entry=2:spire.api.types.Entry
message BatchUpdateEntryResponse results=1:*BatchUpdateEntryResponse.Result
message BatchDeleteEntryRequest ids=1:*string
message BatchDeleteEntryResponse.Result status=1:spire.api.types.Status id=2:string
message BatchDeleteEntryResponse results=1:*BatchDeleteEntryResponse.Result
message GetAuthorizedEntriesRequest output_mask=1:spire.api.types.EntryMask
message GetAuthorizedEntriesResponse entries=1:*spire.api.types.Entry
message SyncAuthorizedEntriesRequest output_mask=1:spire.api.types.EntryMask ids=2:*string
message EntryRevision id=1:string revision_number=2:int64 created_at=3:int64
message SyncAuthorizedEntriesResponse entry_revisions=1:*EntryRevision entries=2:*spire.api.types.Entry more=3:bool
method Entry.CountEntries CountEntriesRequest CountEntriesResponse
method Entry.ListEntries ListEntriesRequest ListEntriesResponse
method Entry.GetEntry GetEntryRequest spire.api.types.Entry
method Entry.BatchCreateEntry BatchCreateEntryRequest BatchCreateEntryResponse
method Entry.BatchUpdateEntry BatchUpdateEntryRequest BatchUpdateEntryResponse
method Entry.BatchDeleteEntry BatchDeleteEntryRequest BatchDeleteEntryResponse
method Entry.GetAuthorizedEntries GetAuthorizedEntriesRequest GetAuthorizedEntriesResponse
method Entry.SyncAuthorizedEntries *SyncAuthorizedEntriesRequest *SyncAuthorizedEntriesResponse

package spire.api.server.svid.v1
message MintX509SVIDRequest csr=1:bytes ttl=2:int32
message MintX509SVIDResponse svid=1:spire.api.types.X509SVID
message MintJWTSVIDRequest id=1:spire.api.types.SPIFFEID audience=2:*string ttl=3:int32
message MintJWTSVIDResponse svid=1:spire.api.types.JWTSVID
message NewX509SVIDParams entry_id=1:string csr=2:bytes
message BatchNewX509SVIDRequest params=1:*NewX509SVIDParams
message BatchNewX509SVIDResponse.Result status=1:spire.api.types.Status svid=2:spire.api.types.X509SVID
message BatchNewX509SVIDResponse results=1:*BatchNewX509SVIDResponse.Result
message NewJWTSVIDRequest entry_id=1:string audience=2:*string
message NewJWTSVIDResponse svid=1:spire.api.types.JWTSVID
method SVID.MintX509SVID MintX509SVIDRequest MintX509SVIDResponse
method SVID.MintJWTSVID MintJWTSVIDRequest MintJWTSVIDResponse
method SVID.BatchNewX509SVID BatchNewX509SVIDRequest BatchNewX509SVIDResponse
method SVID.NewJWTSVID NewJWTSVIDRequest NewJWTSVIDResponse

package grpc.health.v1
message HealthCheckRequest service=1:string
enum HealthCheckResponse.ServingStatus UNKNOWN SERVING NOT_SERVING SERVICE_UNKNOWN
message HealthCheckResponse status=1:HealthCheckResponse.ServingStatus
message HealthListRequest
message HealthListResponse.StatusesEntry key=1:string value=2:HealthCheckResponse
message HealthListResponse statuses=1:*HealthListResponse.StatusesEntry
method Health.Check HealthCheckRequest HealthCheckResponse
method Health.List HealthListRequest HealthListResponse
method Health.Watch HealthCheckRequest *HealthCheckResponse

package grpc.reflection.v1
message ExtensionRequest containing_type=1:string extension_number=2:int32
message ServerReflectionRequest host=1:string file_by_filename=3:string file_containing_symbol=4:string \
 file_containing_extension=5:ExtensionRequest all_extension_numbers_of_type=6:string list_services=7:string
message FileDescriptorResponse file_descriptor_proto=1:*bytes
message ExtensionNumberResponse base_type_name=1:string extension_number=2:*int32
message ServiceResponse name=1:string
message ListServiceResponse service=1:*ServiceResponse
message ErrorResponse error_code=1:int32 error_message=2:string
message ServerReflectionResponse valid_host=1:string original_request=2:ServerReflectionRequest \
 file_descriptor_response=4:FileDescriptorResponse all_extension_numbers_response=5:ExtensionNumberResponse \
 list_services_response=6:ListServiceResponse error_response=7:ErrorResponse
method ServerReflection.ServerReflectionInfo *ServerReflectionRequest *ServerReflectionResponse

package google.rpc
message Status code=1:int32 message=2:string details=3:*google.protobuf.Any
"""

SCALARS = {name: getattr(descriptor_pb2.FieldDescriptorProto, "TYPE_" + name.upper())
           for name in ("string", "bytes", "bool", "int32", "int64", "uint64")}


class Table:
    """The parsed table: messages and enums by full name, methods by path."""

    def __init__(self, text=TABLE):
        self.files, self.enums, self.methods, self.messages = {}, {}, {}, {}
        lines = [line.split() for line in text.replace("\\\n", "").splitlines() if line.strip()]
        # Enums first: a field must know what kind of type it has.
        for kind in ("enum", "message", "method"):
            package = None
            for word, name, *rest in lines:
                if word == "package":
                    package = name
                elif word == kind:
                    getattr(self, "_" + kind)(package, name, rest)

    def _full(self, package, name):
        return name if name.count(".") > 1 or name.startswith("google.") else package + "." + name

    def _enum(self, package, name, values):
        self.enums[package + "." + name] = values

    def _message(self, package, name, fields):
        parsed = []
        for field in fields:
            label, number, kind = field.replace("=", ":").split(":")
            repeated, kind = kind.startswith("*"), kind.lstrip("*")
            parsed.append((label, int(number), kind if kind in SCALARS else self._full(package, kind), repeated))
        self.messages[package + "." + name] = (package, name, parsed)

    def _method(self, package, name, types):
        service, method = name.split(".")
        request, response = types
        self.methods["/" + package + "." + service + "/" + method] = (
            self._full(package, request.lstrip("*")), self._full(package, response.lstrip("*")),
            ("stream" if request.startswith("*") else "unary") + "_"
            + ("stream" if response.startswith("*") else "unary"))

    def pool(self):
        """A pool of descriptors with every message of the table."""
        pool = descriptor_pool.DescriptorPool()
        for module in (any_pb2, empty_pb2, wrappers_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        file = {}
        for package in dict.fromkeys(package for package, _, _ in self.messages.values()):
            file[package] = descriptor_pb2.FileDescriptorProto(
                name=package + ".proto", package=package, syntax="proto3",
                dependency=["google/protobuf/any.proto", "google/protobuf/empty.proto",
                            "google/protobuf/wrappers.proto"])
            if package != "spire.api.types" and package.startswith("spire."):
                file[package].dependency.append("spire.api.types.proto")
        made = {}

        def message(full):
            """The descriptor to fill, within that of its outer message when it has one."""
            if full not in made:
                package, name, _ = self.messages[full]
                outer, _, inner = name.rpartition(".")
                made[full] = (message(package + "." + outer).nested_type if outer else file[package].message_type).add(
                    name=inner)
            return made[full]

        for full, (_, name, fields) in self.messages.items():
            target = message(full)
            target.options.map_entry = name.endswith("Entry") and [field[0] for field in fields] == ["key", "value"]
            for label, number, kind, repeated in fields:
                field = target.field.add(name=label, number=number, label=3 if repeated else 1)
                if kind in SCALARS:
                    field.type = SCALARS[kind]
                else:
                    field.type, field.type_name = 14 if kind in self.enums else 11, "." + kind
        for full, values in self.enums.items():
            outer, _, name = full.rpartition(".")
            enum = message(outer).enum_type.add(name=name)
            for number, value in enumerate(values):
                enum.value.add(name=value, number=number)
        for one in file.values():
            pool.Add(one)
        return pool


table = Table()
_pool = table.pool()
_classes = {}


def message_class(name):
    """The class of a message by its full name."""
    if name not in _classes:
        _classes[name] = message_factory.GetMessageClass(_pool.FindMessageTypeByName(name))
    return _classes[name]


def types(name, **fields):
    """A message of `spire.api.types`."""
    return message_class("spire.api.types." + name)(**fields)


class Stub:
    """Every method of the table over one channel: `stub.ListEntries(page_size=5)`, `stub.Watch(…)`."""

    def __init__(self, channel, **options):
        for path, (request, response, kind) in table.methods.items():
            setattr(self, path.rpartition("/")[2], self._call(channel, path, request, response, kind, options))

    @staticmethod
    def _call(channel, path, request, response, kind, options):
        make = message_class(request)
        call = getattr(channel, kind)(path, make.SerializeToString, message_class(response).FromString)
        if kind == "stream_stream":
            return lambda requests, timeout=20: call(requests, timeout=timeout, **options)
        return lambda timeout=20, **fields: call(make(**fields), timeout=timeout, **options)


def code(error):
    """The name of the status that a call ended with."""
    return error.code().name


def denied_because(error):
    """The reason of PERMISSION_DENIED as the details tell it, or None."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in message_class("google.rpc.Status").FromString(value).details:
                details = message_class("spire.api.types.PermissionDeniedDetails")()
                if detail.Unpack(details):
                    return table.enums["spire.api.types.PermissionDeniedDetails.Reason"][details.reason]
    return None


__all__ = ["Stub", "code", "denied_because", "grpc", "message_class", "table", "types"]
