import { status } from "@grpc/grpc-js";

import { defined } from "../../component-base/assert.ts";
import { CsiError, type CsiErrorCode } from "../../csi/v1/csi-error.ts";
import type { CsiDriver, PluginRegistration } from "../../csi/v1/services.ts";
import { GrpcPackage, type GrpcClient, type GrpcMessage } from "../grpc-client.ts";
import { startGrpcServer, type GrpcService } from "../grpc-server.ts";
import { csiProto, pluginRegistrationProto } from "../proto/csi.ts";
import { MessageCodec } from "../proto/message-codec.ts";

const codes: Readonly<Record<CsiErrorCode, status>> = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalidArgument: status.INVALID_ARGUMENT,
  deadlineExceeded: status.DEADLINE_EXCEEDED,
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  permissionDenied: status.PERMISSION_DENIED,
  resourceExhausted: status.RESOURCE_EXHAUSTED,
  failedPrecondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  outOfRange: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
};

// Upstream's csiTimeout: two minutes for everything a driver does for a volume.
const callTimeoutMs = 120_000;
// A plugin that introduces itself answers at once.
const registrationTimeoutMs = 10_000;

/** One protocol: how calls by our method names and plain messages travel. */
class Protocol {
  readonly package: GrpcPackage;
  readonly #codec: MessageCodec;

  constructor(protoText: string) {
    this.package = new GrpcPackage(protoText);
    this.#codec = new MessageCodec(this.package.schema);
  }

  get services(): readonly string[] {
    return [...this.package.schema.services.keys()];
  }

  /** The methods of all services as functions, `GetPluginInfo` as `getPluginInfo`. */
  client(socketPath: string, timeoutMs: number): Readonly<Record<string, unknown>> & AsyncDisposable {
    const clients: GrpcClient[] = [];
    const methods: Record<string, unknown> = {};
    for (const service of this.services) {
      const client = this.package.client(service, `unix://${socketPath}`);
      clients.push(client);
      for (const { name, requestType, responseType } of this.package.schema.services.get(service) ?? []) {
        methods[lowerFirst(name)] = async (request: GrpcMessage = {}): Promise<GrpcMessage> => {
          try {
            const response = await client.call(name, this.#codec.toWire(requestType, request), { timeoutMs });
            return this.#codec.fromWire(responseType, response);
          } catch (error) {
            throw toCsiError(error);
          }
        };
      }
    }
    const dispose = async (): Promise<void> => {
      for (const client of clients) client.close();
      await Promise.resolve();
    };
    return { ...methods, [Symbol.asyncDispose]: dispose };
  }

  server(implementation: object): readonly GrpcService[] {
    return this.services.map((service) => ({
      package: this.package,
      name: service,
      handle: async (method, request) => {
        const schema = this.package.schema.services.get(service)?.find(({ name }) => name === method);
        const { requestType, responseType } = defined(schema, method);
        const call = defined(Reflect.get(implementation, lowerFirst(method)), method) as (
          request: GrpcMessage,
        ) => Promise<GrpcMessage>;
        try {
          const response = await call.call(implementation, this.#codec.fromWire(requestType, request));
          return this.#codec.toWire(responseType, response);
        } catch (error) {
          throw toServiceError(error);
        }
      },
    }));
  }
}

/** A driver at a socket. Nothing is connected before the first call. */
export function csiClient(socketPath: string): CsiDriver & AsyncDisposable {
  // The protocol's text declares exactly the interface's methods.
  return new Protocol(csiProto).client(socketPath, callTimeoutMs) as unknown as CsiDriver & AsyncDisposable;
}

/** Serves a driver at a socket, one call at a time. */
export function serveCsi(socketPath: string, driver: CsiDriver): Promise<AsyncDisposable> {
  let last: Promise<unknown> = Promise.resolve();
  const services = new Protocol(csiProto).server(driver).map((service): GrpcService => ({
    ...service,
    handle: (method, request) => {
      const turn = last.then(() => service.handle(method, request));
      // Only the order counts here; the caller gets the failure.
      last = turn.catch(() => {});
      return turn;
    },
  }));
  return startGrpcServer(socketPath, services);
}

/** What registers at a socket. */
export function registrationClient(socketPath: string): PluginRegistration & AsyncDisposable {
  return new Protocol(pluginRegistrationProto).client(
    socketPath,
    registrationTimeoutMs,
  ) as unknown as PluginRegistration & AsyncDisposable;
}

export function serveRegistration(socketPath: string, registration: PluginRegistration): Promise<AsyncDisposable> {
  return startGrpcServer(socketPath, new Protocol(pluginRegistrationProto).server(registration));
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function toCsiError(error: unknown): CsiError {
  const { code, details, message } = error as { code?: unknown; details?: unknown; message?: unknown };
  const known = Object.entries(codes).find(([, number]) => number === code)?.[0] as CsiErrorCode | undefined;
  const text = typeof details === "string" && details !== "" ? details : String(message ?? error);
  return new CsiError(known ?? "unknown", text, { cause: error });
}

function toServiceError(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof CsiError) return { code: codes[error.code], details: error.message };
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}
