/** The gRPC statuses the interface uses, in camel case. */
export type CsiErrorCode =
  | "cancelled"
  | "unknown"
  | "invalidArgument"
  | "deadlineExceeded"
  | "notFound"
  | "alreadyExists"
  | "permissionDenied"
  | "resourceExhausted"
  | "failedPrecondition"
  | "aborted"
  | "outOfRange"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "unauthenticated";

/** A call the driver refused or did not answer. `message` is the driver's own text, without the code. */
export class CsiError extends Error {
  override readonly name = "CsiError";
  readonly code: CsiErrorCode;

  constructor(code: CsiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

// The names gRPC gives its codes in Go's `status.Error` text, which upstream shows to users in events and messages.
const goNames: Readonly<Record<CsiErrorCode, string>> = {
  cancelled: "Canceled",
  unknown: "Unknown",
  invalidArgument: "InvalidArgument",
  deadlineExceeded: "DeadlineExceeded",
  notFound: "NotFound",
  alreadyExists: "AlreadyExists",
  permissionDenied: "PermissionDenied",
  resourceExhausted: "ResourceExhausted",
  failedPrecondition: "FailedPrecondition",
  aborted: "Aborted",
  outOfRange: "OutOfRange",
  unimplemented: "Unimplemented",
  internal: "Internal",
  unavailable: "Unavailable",
  unauthenticated: "Unauthenticated",
};

/** As upstream prints it: `rpc error: code = NotFound desc = …`. Other errors print their message. */
export function csiErrorText(error: unknown): string {
  if (error instanceof CsiError) return `rpc error: code = ${goNames[error.code]} desc = ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

// Anything else may still be under way at the driver.
const finalCodes: ReadonlySet<CsiErrorCode> = new Set([
  "invalidArgument",
  "notFound",
  "alreadyExists",
  "permissionDenied",
  "failedPrecondition",
  "outOfRange",
  "unimplemented",
  "internal",
  "unauthenticated",
  "unknown",
]);

/** Whether the driver is done with the call, so that what was to be undone can be. */
export function isFinal(error: unknown): boolean {
  return error instanceof CsiError && finalCodes.has(error.code);
}

/** Whether trying the same again cannot help: upstream's "infeasible". */
export function isInfeasible(error: unknown): boolean {
  return (
    error instanceof CsiError &&
    (error.code === "invalidArgument" || error.code === "outOfRange" || error.code === "notFound")
  );
}
