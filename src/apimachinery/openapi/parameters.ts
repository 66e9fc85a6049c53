/** A parameter's JSON type and what it does; names in paths are written `name@path`. */
export interface ParameterInfo {
  readonly type: "string" | "boolean" | "integer";
  readonly description: string;
}

/** Every parameter the API takes. */
export const parameters: Readonly<Record<string, ParameterInfo>> = {
  allowWatchBookmarks: {
    type: "boolean",
    description: "Asks for BOOKMARK events, which tell a watcher how far it has come when nothing happens.",
  },
  command: {
    type: "string",
    description: "The command to run, one element each time it is given. No shell is involved.",
  },
  container: { type: "string", description: "The container; may be left out when the pod has only one." },
  continue: { type: "string", description: "Where the last page ended, as the server said in metadata.continue." },
  dryRun: { type: "string", description: "`All` runs everything but the write itself." },
  fieldManager: { type: "string", description: "Who writes, for the record of field ownership." },
  fieldSelector: { type: "string", description: "Only objects whose fields have these values." },
  fieldValidation: {
    type: "string",
    description: "What happens to unknown and duplicate fields: `Ignore`, `Warn` (the default) or `Strict`.",
  },
  follow: { type: "boolean", description: "Keeps the stream open and sends what is logged from now on." },
  force: { type: "boolean", description: "Takes over fields that others own. For apply patches only." },
  gracePeriodSeconds: { type: "integer", description: "Seconds before the object goes; 0 for at once." },
  ignoreStoreReadErrorWithClusterBreakingPotential: {
    type: "boolean",
    description: "Deletes an object that cannot be read any more, without finalizers or preconditions. A last resort.",
  },
  insecureSkipTLSVerifyBackend: { type: "boolean", description: "Does not verify the kubelet's certificate." },
  labelSelector: { type: "string", description: "Only objects whose labels match." },
  limit: { type: "integer", description: "The most objects one page may have." },
  limitBytes: { type: "integer", description: "Ends the log after so many bytes." },
  "logpath@path": { type: "string", description: "Path of the log." },
  "name@path": { type: "string", description: "Name of the object." },
  "namespace@path": { type: "string", description: "Namespace of the object." },
  orphanDependents: { type: "boolean", description: "Deprecated: use propagationPolicy." },
  path: { type: "string", description: "The path to ask for behind the proxy." },
  "path@path": { type: "string", description: "The path to ask for behind the proxy." },
  ports: { type: "integer", description: "Ports to forward." },
  pretty: { type: "string", description: "`true` indents the answer." },
  previous: { type: "boolean", description: "The log of the container before its last restart." },
  propagationPolicy: {
    type: "string",
    description: "What becomes of dependents: `Orphan`, `Background` or `Foreground`.",
  },
  resourceVersion: { type: "string", description: "How fresh the answer must be, or where a watch starts." },
  resourceVersionMatch: { type: "string", description: "`Exact` or `NotOlderThan` the resourceVersion." },
  sendInitialEvents: { type: "boolean", description: "Starts a watch with all objects there are, then a bookmark." },
  shardSelector: { type: "string", description: "Only objects of one shard." },
  sinceSeconds: { type: "integer", description: "Only what was logged in the last so many seconds." },
  stderr: { type: "boolean", description: "Connects standard error." },
  stdin: { type: "boolean", description: "Connects standard input." },
  stdout: { type: "boolean", description: "Connects standard output." },
  stream: { type: "string", description: "Which stream of the log: `All`, `Stdout` or `Stderr`." },
  tailLines: { type: "integer", description: "Only the last so many lines." },
  timeoutSeconds: { type: "integer", description: "Ends the call after so many seconds." },
  timestamps: { type: "boolean", description: "Puts the time before each line." },
  tty: { type: "boolean", description: "Gives the command a terminal." },
  watch: { type: "boolean", description: "Streams changes instead of listing." },
};
