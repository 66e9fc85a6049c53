/** The gRPC statuses the interface uses, in camel case. */
export type CriErrorCode =
  | "cancelled"
  | "unknown"
  | "invalidArgument"
  | "deadlineExceeded"
  | "notFound"
  | "alreadyExists"
  | "permissionDenied"
  | "resourceExhausted"
  | "failedPrecondition"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "unauthenticated";

/** A call the runtime refused or did not answer. `message` is the runtime's own text, without the code. */
export class CriError extends Error {
  override readonly name = "CriError";
  readonly code: CriErrorCode;

  constructor(code: CriErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function isCriError(error: unknown, code: CriErrorCode): boolean {
  return error instanceof CriError && error.code === code;
}

// The names gRPC gives its codes in Go's `status.Error` text, which upstream shows to users in events and messages.
const goNames: Readonly<Record<CriErrorCode, string>> = {
  cancelled: "Canceled",
  unknown: "Unknown",
  invalidArgument: "InvalidArgument",
  deadlineExceeded: "DeadlineExceeded",
  notFound: "NotFound",
  alreadyExists: "AlreadyExists",
  permissionDenied: "PermissionDenied",
  resourceExhausted: "ResourceExhausted",
  failedPrecondition: "FailedPrecondition",
  unimplemented: "Unimplemented",
  internal: "Internal",
  unavailable: "Unavailable",
  unauthenticated: "Unauthenticated",
};

/** The error as upstream's kubelet prints it: `rpc error: code = NotFound desc = …`. Other errors print their message. */
export function criErrorText(error: unknown): string {
  if (error instanceof CriError) return `rpc error: code = ${goNames[error.code]} desc = ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
