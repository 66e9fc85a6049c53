/** The parts of containerd's own API that CRI lacks: its event stream, and what importing an image takes. */
export const containerdEventsProto = `
syntax = "proto3";
package containerd.services.events.v1;
service Events { rpc Subscribe(SubscribeRequest) returns (stream Envelope); }
message SubscribeRequest { repeated string filters = 1; }
message Any { string type_url = 1; bytes value = 2; }
message Envelope { string namespace = 2; string topic = 3; Any event = 4; }
// All events this side reads carry the container's id in field 1. In exec events "id" or "exec_id" names another process.
message ContainerEvent { string container_id = 1; }
message TaskExit { string container_id = 1; string id = 2; }
message TaskDelete { string container_id = 1; string id = 5; }
`;

export const containerdContentProto = `
syntax = "proto3";
package containerd.services.content.v1;
service Content {
  rpc Write(stream WriteContentRequest) returns (stream WriteContentResponse);
  rpc Read(ReadContentRequest) returns (stream ReadContentResponse);
}
message ReadContentRequest { string digest = 1; int64 offset = 2; int64 size = 3; }
message ReadContentResponse { int64 offset = 1; bytes data = 2; }
enum WriteAction { STAT = 0; WRITE = 1; COMMIT = 2; }
message WriteContentRequest {
  WriteAction action = 1; string ref = 2; int64 total = 3; string expected = 4; int64 offset = 5; bytes data = 6;
  map<string, string> labels = 7;
}
message WriteContentResponse { WriteAction action = 1; int64 offset = 4; int64 total = 5; string digest = 6; }
`;

export const containerdImagesProto = `
syntax = "proto3";
package containerd.services.images.v1;
service Images {
  rpc Create(ImageRequest) returns (ImageResponse);
  rpc Update(ImageRequest) returns (ImageResponse);
  rpc Get(GetImageRequest) returns (ImageResponse);
}
message GetImageRequest { string name = 1; }
message Descriptor { string media_type = 1; string digest = 2; int64 size = 3; }
message Image { string name = 1; map<string, string> labels = 2; Descriptor target = 3; }
message ImageRequest { Image image = 1; }
message ImageResponse { Image image = 1; }
`;

export const containerdLeasesProto = `
syntax = "proto3";
package containerd.services.leases.v1;
service Leases {
  rpc Create(CreateRequest) returns (CreateResponse);
  rpc Delete(DeleteRequest) returns (Empty);
}
message Empty {}
message CreateRequest { string id = 1; map<string, string> labels = 3; }
message Lease { string id = 1; }
message CreateResponse { Lease lease = 1; }
message DeleteRequest { string id = 1; bool sync = 2; }
`;

export const containerdSnapshotsProto = `
syntax = "proto3";
package containerd.services.snapshots.v1;
service Snapshots {
  rpc Prepare(SnapshotRequest) returns (MountsResponse);
  rpc View(SnapshotRequest) returns (MountsResponse);
  rpc Mounts(SnapshotRequest) returns (MountsResponse);
  rpc Commit(CommitSnapshotRequest) returns (Empty);
  rpc Remove(SnapshotRequest) returns (Empty);
  rpc Stat(SnapshotRequest) returns (Empty);
}
message Empty {}
message Mount { string type = 1; string source = 2; string target = 3; repeated string options = 4; }
message SnapshotRequest { string snapshotter = 1; string key = 2; string parent = 3; }
message CommitSnapshotRequest { string snapshotter = 1; string name = 2; string key = 3; }
message MountsResponse { repeated Mount mounts = 1; }
`;

export const containerdDiffProto = `
syntax = "proto3";
package containerd.services.diff.v1;
service Diff { rpc Apply(ApplyRequest) returns (ApplyResponse); }
message Descriptor { string media_type = 1; string digest = 2; int64 size = 3; }
message Mount { string type = 1; string source = 2; string target = 3; repeated string options = 4; }
message ApplyRequest { Descriptor diff = 1; repeated Mount mounts = 2; }
message ApplyResponse { Descriptor applied = 1; }
`;

/** The standard health service that gRPC probes call. */
export const grpcHealthProto = `
syntax = "proto3";
package grpc.health.v1;
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
message HealthCheckRequest { string service = 1; }
enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
message HealthCheckResponse { ServingStatus status = 1; }
`;
