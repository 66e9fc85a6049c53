import * as grpc from "@grpc/grpc-js";
import { rm } from "node:fs/promises";

import type { GrpcMessage, GrpcPackage } from "./grpc-client.ts";

/** One service, by method name; a rejection with a grpc status `code` reaches the caller with that code. */
export interface GrpcService {
  readonly package: GrpcPackage;
  readonly name: string;
  readonly handle: (method: string, request: GrpcMessage) => Promise<GrpcMessage>;
}

/** Serves unary methods at a Unix socket, which is made anew. Disposing waits for calls under way and removes the socket. */
export async function startGrpcServer(socketPath: string, services: readonly GrpcService[]): Promise<AsyncDisposable> {
  const server = new grpc.Server();
  for (const { package: own, name, handle } of services) {
    const definition = own.service(name);
    const handlers = Object.keys(definition).map((method) => [method, unary((request) => handle(method, request))]);
    server.addService(definition, Object.fromEntries(handlers) as grpc.UntypedServiceImplementation);
  }
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socketPath}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await rm(socketPath, { force: true });
    },
  };
}

function unary(handle: (request: GrpcMessage) => Promise<GrpcMessage>): grpc.handleUnaryCall<GrpcMessage, GrpcMessage> {
  return (call, callback) => {
    handle(call.request).then(
      (response) => callback(null, response),
      (error: Partial<grpc.ServiceError>) =>
        callback({ code: error.code ?? grpc.status.UNKNOWN, details: error.details ?? String(error.message) }),
    );
  };
}
