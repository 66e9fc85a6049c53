import { badRequest } from "../../../apimachinery/errors/new.ts";
import { StatusError, statusErrorFromStatus } from "../../../apimachinery/errors/status-error.ts";
import type { Status } from "../../../apimachinery/meta/v1/types.gen.ts";

/** A webhook gave no usable answer; its failure policy says what that means. */
export class WebhookCallError extends Error {
  override readonly name = "WebhookCallError";

  constructor(webhook: string, why: string, options?: ErrorOptions) {
    super(`failed calling webhook "${webhook}": ${why}`, options);
  }
}

/** The refusal a webhook's answer stands for. */
export function denial(webhook: string, result: Partial<Status> | undefined): StatusError {
  const deniedBy = `admission webhook "${webhook}" denied the request`;
  const why = result?.message || result?.reason || "";
  const { code = 0, ...rest } = result ?? {};
  const { status: _status, metadata: _metadata, ...said } = rest;
  // Whatever it says, a refusal is a failure.
  return statusErrorFromStatus(
    {
      ...said,
      status: "Failure",
      message: why === "" ? `${deniedBy} without explanation` : `${deniedBy}: ${why}`,
      code: Math.max(code, 400),
    },
    Math.max(code, 400),
  );
}

export function dryRunUnsupported(webhook: string): StatusError {
  return badRequest(`admission webhook "${webhook}" does not support dry run`);
}
