import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const podOptionsTypes: TypeSchemas = {
  NodeProxyOptions: {
    typeMeta: true,
    fields: {
      path: { type: "string", pb: 1 },
    },
  },
  PodAttachOptions: {
    typeMeta: true,
    fields: {
      stdin: { type: "bool", pb: 1 },
      stdout: { type: "bool", pb: 2 },
      stderr: { type: "bool", pb: 3 },
      tty: { type: "bool", pb: 4 },
      container: { type: "string", pb: 5 },
    },
  },
  PodExecOptions: {
    typeMeta: true,
    fields: {
      stdin: { type: "bool", pb: 1 },
      stdout: { type: "bool", pb: 2 },
      stderr: { type: "bool", pb: 3 },
      tty: { type: "bool", pb: 4 },
      container: { type: "string", pb: 5 },
      command: { type: "[]string", pb: 6, required: true, listType: "atomic" },
    },
  },
  PodLogOptions: {
    typeMeta: true,
    fields: {
      container: { type: "string", pb: 1 },
      follow: { type: "bool", pb: 2 },
      previous: { type: "bool", pb: 3 },
      sinceSeconds: { type: "*int64", pb: 4 },
      sinceTime: { type: "*Time", pb: 5 },
      timestamps: { type: "bool", pb: 6 },
      tailLines: { type: "*int64", pb: 7 },
      limitBytes: { type: "*int64", pb: 8 },
      insecureSkipTLSVerifyBackend: { type: "bool", pb: 9 },
      stream: { type: "*string", pb: 10, gate: "PodLogsQuerySplitStreams" },
    },
  },
  PodPortForwardOptions: {
    typeMeta: true,
    fields: {
      ports: { type: "[]int32", pb: 1, listType: "atomic" },
    },
  },
  PodProxyOptions: {
    typeMeta: true,
    fields: {
      path: { type: "string", pb: 1 },
    },
  },
  ServiceProxyOptions: {
    typeMeta: true,
    fields: {
      path: { type: "string", pb: 1 },
    },
  },
};
