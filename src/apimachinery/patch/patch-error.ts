/** A patch that is malformed, or that does not fit the object. The message is upstream's. */
export class PatchError extends Error {
  override readonly name = "PatchError";
  /** The HTTP status the failure is answered with: 400 malformed, 413 too large, 422 does not fit. */
  readonly code: 400 | 413 | 422;
  /** A `test` of a JSON patch does not hold: the object is another than the patch is for. */
  readonly isTestFailure: boolean;

  constructor(code: 400 | 413 | 422, message: string, isTestFailure = false) {
    super(message);
    this.code = code;
    this.isTestFailure = isTestFailure;
  }
}
