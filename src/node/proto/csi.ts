/**
 * The Container Storage Interface, v1, as far as it is in use. Numbers are the interface's; messages that it nests are
 * beside the others here, and values of different enums have different names, as only numbers travel.
 */
export const csiProto = `
syntax = "proto3";
package csi.v1;

service Identity {
  rpc GetPluginInfo(Empty) returns (PluginInfo);
  rpc GetPluginCapabilities(Empty) returns (PluginCapabilities);
  rpc Probe(Empty) returns (ProbeResponse);
}
service Controller {
  rpc CreateVolume(CreateVolumeRequest) returns (CreateVolumeResponse);
  rpc DeleteVolume(DeleteVolumeRequest) returns (Empty);
  rpc ControllerPublishVolume(ControllerPublishVolumeRequest) returns (ControllerPublishVolumeResponse);
  rpc ControllerUnpublishVolume(ControllerUnpublishVolumeRequest) returns (Empty);
  rpc GetCapacity(GetCapacityRequest) returns (GetCapacityResponse);
  rpc ControllerGetCapabilities(Empty) returns (ControllerCapabilities);
  rpc ControllerExpandVolume(ControllerExpandVolumeRequest) returns (ControllerExpandVolumeResponse);
}
service Node {
  rpc NodeStageVolume(NodeStageVolumeRequest) returns (Empty);
  rpc NodeUnstageVolume(NodeUnstageVolumeRequest) returns (Empty);
  rpc NodePublishVolume(NodePublishVolumeRequest) returns (Empty);
  rpc NodeUnpublishVolume(NodeUnpublishVolumeRequest) returns (Empty);
  rpc NodeGetVolumeStats(NodeGetVolumeStatsRequest) returns (NodeGetVolumeStatsResponse);
  rpc NodeExpandVolume(NodeExpandVolumeRequest) returns (NodeExpandVolumeResponse);
  rpc NodeGetCapabilities(Empty) returns (NodeCapabilities);
  rpc NodeGetInfo(Empty) returns (NodeInfo);
}

message Empty {}
message BoolValue { bool value = 1; }
message Int64Value { int64 value = 1; }

message PluginInfo { string name = 1; string vendor_version = 2; map<string, string> manifest = 3; }
enum PluginServiceType { UNKNOWN_SERVICE = 0; CONTROLLER_SERVICE = 1; VOLUME_ACCESSIBILITY_CONSTRAINTS = 2; }
enum ExpansionType { UNKNOWN_EXPANSION = 0; ONLINE = 1; OFFLINE = 2; }
message PluginService { PluginServiceType type = 1; }
message PluginVolumeExpansion { ExpansionType type = 1; }
message PluginCapability { PluginService service = 1; PluginVolumeExpansion volume_expansion = 2; }
message PluginCapabilities { repeated PluginCapability capabilities = 1; }
message ProbeResponse { BoolValue ready = 1; }

enum AccessModeType {
  UNKNOWN_MODE = 0; SINGLE_NODE_WRITER = 1; SINGLE_NODE_READER_ONLY = 2; MULTI_NODE_READER_ONLY = 3;
  MULTI_NODE_SINGLE_WRITER = 4; MULTI_NODE_MULTI_WRITER = 5; SINGLE_NODE_SINGLE_WRITER = 6; SINGLE_NODE_MULTI_WRITER = 7;
}
message BlockVolume {}
message MountVolume { string fs_type = 1; repeated string mount_flags = 2; string volume_mount_group = 3; }
message AccessMode { AccessModeType mode = 1; }
message VolumeCapability { BlockVolume block = 1; MountVolume mount = 2; AccessMode access_mode = 3; }
message CapacityRange { int64 required_bytes = 1; int64 limit_bytes = 2; }
message Topology { map<string, string> segments = 1; }
message TopologyRequirement { repeated Topology requisite = 1; repeated Topology preferred = 2; }
message Volume {
  int64 capacity_bytes = 1; string volume_id = 2; map<string, string> volume_context = 3;
  repeated Topology accessible_topology = 5;
}
message CreateVolumeRequest {
  string name = 1; CapacityRange capacity_range = 2; repeated VolumeCapability volume_capabilities = 3;
  map<string, string> parameters = 4; map<string, string> secrets = 5; TopologyRequirement accessibility_requirements = 7;
}
message CreateVolumeResponse { Volume volume = 1; }
message DeleteVolumeRequest { string volume_id = 1; map<string, string> secrets = 2; }
message ControllerPublishVolumeRequest {
  string volume_id = 1; string node_id = 2; VolumeCapability volume_capability = 3; bool readonly = 4;
  map<string, string> secrets = 5; map<string, string> volume_context = 6;
}
message ControllerPublishVolumeResponse { map<string, string> publish_context = 1; }
message ControllerUnpublishVolumeRequest { string volume_id = 1; string node_id = 2; map<string, string> secrets = 3; }
message GetCapacityRequest {
  repeated VolumeCapability volume_capabilities = 1; map<string, string> parameters = 2; Topology accessible_topology = 3;
}
message GetCapacityResponse { int64 available_capacity = 1; Int64Value maximum_volume_size = 2; }
enum ControllerRpcType {
  UNKNOWN_CONTROLLER_RPC = 0; CREATE_DELETE_VOLUME = 1; PUBLISH_UNPUBLISH_VOLUME = 2; GET_CAPACITY = 4; EXPAND_VOLUME = 9;
}
message ControllerRpc { ControllerRpcType type = 1; }
message ControllerCapability { ControllerRpc rpc = 1; }
message ControllerCapabilities { repeated ControllerCapability capabilities = 1; }
message ControllerExpandVolumeRequest {
  string volume_id = 1; CapacityRange capacity_range = 2; map<string, string> secrets = 3;
  VolumeCapability volume_capability = 4;
}
message ControllerExpandVolumeResponse { int64 capacity_bytes = 1; bool node_expansion_required = 2; }

message NodeStageVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3;
  VolumeCapability volume_capability = 4; map<string, string> secrets = 5; map<string, string> volume_context = 6;
}
message NodeUnstageVolumeRequest { string volume_id = 1; string staging_target_path = 2; }
message NodePublishVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3; string target_path = 4;
  VolumeCapability volume_capability = 5; bool readonly = 6; map<string, string> secrets = 7;
  map<string, string> volume_context = 8;
}
message NodeUnpublishVolumeRequest { string volume_id = 1; string target_path = 2; }
message NodeGetVolumeStatsRequest { string volume_id = 1; string volume_path = 2; string staging_target_path = 3; }
enum UsageUnit { UNKNOWN_UNIT = 0; BYTES = 1; INODES = 2; }
message VolumeUsage { int64 available = 1; int64 total = 2; int64 used = 3; UsageUnit unit = 4; }
message NodeGetVolumeStatsResponse { repeated VolumeUsage usage = 1; }
message NodeExpandVolumeRequest {
  string volume_id = 1; string volume_path = 2; CapacityRange capacity_range = 3; string staging_target_path = 4;
  VolumeCapability volume_capability = 5; map<string, string> secrets = 6;
}
message NodeExpandVolumeResponse { int64 capacity_bytes = 1; }
enum NodeRpcType {
  UNKNOWN_NODE_RPC = 0; STAGE_UNSTAGE_VOLUME = 1; GET_VOLUME_STATS = 2; EXPAND_NODE_VOLUME = 3; VOLUME_CONDITION = 4;
  NODE_SINGLE_NODE_MULTI_WRITER = 5; VOLUME_MOUNT_GROUP = 6;
}
message NodeRpc { NodeRpcType type = 1; }
message NodeCapability { NodeRpc rpc = 1; }
message NodeCapabilities { repeated NodeCapability capabilities = 1; }
message NodeInfo { string node_id = 1; int64 max_volumes_per_node = 2; Topology accessible_topology = 3; }
`;

/** How plugins make themselves known to the kubelet. */
export const pluginRegistrationProto = `
syntax = "proto3";
package pluginregistration;
service Registration {
  rpc GetInfo(Empty) returns (PluginInfo);
  rpc NotifyRegistrationStatus(RegistrationStatus) returns (Empty);
}
message Empty {}
message PluginInfo { string type = 1; string name = 2; string endpoint = 3; repeated string supported_versions = 4; }
message RegistrationStatus { bool plugin_registered = 1; string error = 2; }
`;
