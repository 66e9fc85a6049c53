import { status } from "@grpc/grpc-js";

import { CriError, type CriErrorCode } from "../../cri-api/runtime/v1/cri-error.ts";
import type { CallOptions } from "../../cri-api/runtime/v1/services.ts";
import { GrpcPackage, type GrpcClient } from "../grpc-client.ts";
import { criProto } from "../proto/cri.ts";
import { MessageCodec } from "../proto/message-codec.ts";

type Service = "RuntimeService" | "ImageService";

/** One method of the protocol as `cri-api` sees its messages. The types are claims about the protocol, not checked. */
export interface CriMethod<Request extends object, Response extends object> {
  readonly service: Service;
  readonly name: string;
  readonly timeoutMs: number;
  // Only carry the types.
  readonly request?: Request;
  readonly response?: Response;
}

const codes: Readonly<Record<number, CriErrorCode>> = {
  [status.CANCELLED]: "cancelled",
  [status.INVALID_ARGUMENT]: "invalidArgument",
  [status.DEADLINE_EXCEEDED]: "deadlineExceeded",
  [status.NOT_FOUND]: "notFound",
  [status.ALREADY_EXISTS]: "alreadyExists",
  [status.PERMISSION_DENIED]: "permissionDenied",
  [status.RESOURCE_EXHAUSTED]: "resourceExhausted",
  [status.FAILED_PRECONDITION]: "failedPrecondition",
  [status.UNIMPLEMENTED]: "unimplemented",
  [status.INTERNAL]: "internal",
  [status.UNAVAILABLE]: "unavailable",
  [status.UNAUTHENTICATED]: "unauthenticated",
};

/** The connection to a runtime's socket: typed calls, deadlines, and gRPC's failures as CriError. */
export class CriConnection implements AsyncDisposable {
  readonly #package = new GrpcPackage(criProto);
  readonly #codec = new MessageCodec(this.#package.schema);
  readonly #clients: Readonly<Record<Service, GrpcClient>>;

  /** `socketPath` is absolute. Nothing is connected before the first call. */
  constructor(socketPath: string) {
    const target = `unix://${socketPath}`;
    this.#clients = {
      RuntimeService: this.#package.client("RuntimeService", target),
      ImageService: this.#package.client("ImageService", target),
    };
  }

  /** `extraMs` lengthens the method's own deadline by what the request itself allows for. */
  async call<Request extends object, Response extends object>(
    method: CriMethod<Request, Response>,
    request: Request,
    options: CallOptions = {},
    extraMs = 0,
  ): Promise<Response> {
    const client = this.#clients[method.service];
    const { requestType, responseType } = this.#types(method);
    const message = this.#codec.toWire(requestType, request as Record<string, unknown>);
    try {
      const timeoutMs = method.timeoutMs + extraMs;
      const response = await client.call(method.name, message, { timeoutMs, signal: options.signal });
      return this.#codec.fromWire(responseType, response) as Response;
    } catch (error) {
      throw toCriError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of Object.values(this.#clients)) client.close();
    await Promise.resolve();
  }

  #types(method: { readonly service: Service; readonly name: string }): {
    readonly requestType: string;
    readonly responseType: string;
  } {
    const found = this.#package.schema.services.get(method.service)?.find((m) => m.name === method.name);
    return { requestType: found?.requestType ?? "", responseType: found?.responseType ?? "" };
  }
}

/** gRPC's failure in the words of `cri-api`; other errors are wrapped as `internal`. */
export function toCriError(error: unknown): CriError {
  const { code, details, message } = error as { code?: unknown; details?: unknown; message?: unknown };
  if (typeof code !== "number") return new CriError("internal", String(message ?? error), { cause: error });
  const text = typeof details === "string" && details !== "" ? details : String(message);
  return new CriError(codes[code] ?? "unknown", text, { cause: error });
}
