/** Why a container could not be started: `reason` and `message` become its waiting state. */
export class ContainerStartError extends Error {
  override readonly name = "ContainerStartError";
  readonly reason: StartFailureReason;
  /** When to try again, for back-offs. */
  readonly retryAtMs: number | undefined;

  constructor(
    reason: StartFailureReason,
    message: string,
    options: ErrorOptions & { readonly retryAtMs?: number } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.retryAtMs = options.retryAtMs;
  }
}

export type StartFailureReason =
  | "CrashLoopBackOff"
  | "ErrImagePull"
  | "ImagePullBackOff"
  | "ErrImageNeverPull"
  | "ImageInspectError"
  | "InvalidImageName"
  | "CreateContainerConfigError"
  | "CreateContainerError"
  | "RunContainerError"
  | "PostStartHookError";
