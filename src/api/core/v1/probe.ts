import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const probeTypes: TypeSchemas = {
  Probe: {
    fields: {
      ProbeHandler: { inline: true, pb: 1 },
      initialDelaySeconds: { type: "int32", pb: 2 },
      timeoutSeconds: { type: "int32", pb: 3 },
      periodSeconds: { type: "int32", pb: 4 },
      successThreshold: { type: "int32", pb: 5 },
      failureThreshold: { type: "int32", pb: 6 },
      terminationGracePeriodSeconds: { type: "*int64", pb: 7 },
    },
    defaults: {
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
  },
  ProbeHandler: {
    fields: {
      exec: { type: "*ExecAction", pb: 1 },
      httpGet: { type: "*HTTPGetAction", pb: 2 },
      tcpSocket: { type: "*TCPSocketAction", pb: 3 },
      grpc: { type: "*GRPCAction", pb: 4 },
    },
  },
  ExecAction: {
    fields: {
      command: { type: "[]string", pb: 1, listType: "atomic" },
    },
  },
  HTTPGetAction: {
    fields: {
      path: { type: "string", pb: 1 },
      port: { type: "IntOrString", pb: 2, required: true },
      host: { type: "string", pb: 3 },
      scheme: { type: "URIScheme", pb: 4 },
      httpHeaders: { type: "[]HTTPHeader", pb: 5, listType: "atomic" },
    },
    defaults: {
      path: "/",
      scheme: "HTTP",
    },
  },
  URIScheme: { values: ["HTTP", "HTTPS"] },
  HTTPHeader: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      value: { type: "string", pb: 2, required: true },
    },
  },
  TCPSocketAction: {
    fields: {
      port: { type: "IntOrString", pb: 1, required: true },
      host: { type: "string", pb: 2 },
    },
  },
  GRPCAction: {
    fields: {
      port: { type: "int32", pb: 1, required: true },
      service: { type: "*string", pb: 2, omit: false, default: "" },
    },
    defaults: {
      service: "",
    },
  },
  SleepAction: {
    fields: {
      seconds: { type: "int64", pb: 1, required: true },
    },
  },
};
