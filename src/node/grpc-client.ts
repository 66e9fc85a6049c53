import * as grpc from "@grpc/grpc-js";
import { fromJSON, type MessageTypeDefinition, type PackageDefinition } from "@grpc/proto-loader";

import { defined } from "../component-base/assert.ts";
import { parseProto, toJsonDescriptor, type ProtoSchema } from "./proto/proto-schema.ts";

/** A message as a plain object: field names in camel case, 64-bit integers as numbers, enum values by name, bytes as Buffer. */
export type GrpcMessage = Readonly<Record<string, unknown>>;

export interface GrpcCallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

const messageBytesMax = 16 << 20;

// grpc-js waits a second before its first new attempt unless told otherwise, which would dominate every start.
const channelOptions: grpc.ChannelOptions = {
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.max_send_message_length": messageBytesMax,
  "grpc.initial_reconnect_backoff_ms": 20,
  "grpc.min_reconnect_backoff_ms": 20,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc.enable_http_proxy": 0,
};

/** Protobuf source text made ready for calls. */
export class GrpcPackage {
  readonly schema: ProtoSchema;
  readonly #definition: PackageDefinition;

  constructor(protoText: string) {
    this.schema = parseProto(protoText);
    this.#definition = fromJSON(toJsonDescriptor(this.schema), { longs: Number, enums: String, defaults: true });
  }

  /** Decodes a message that travelled as bytes inside another one. */
  decode(messageType: string, bytes: Uint8Array): GrpcMessage {
    const type = defined(this.#definition[`${this.schema.package}.${messageType}`], messageType);
    return (type as MessageTypeDefinition<object, object>).deserialize(Buffer.from(bytes)) as GrpcMessage;
  }

  /** What a server of the service has to know. */
  service(name: string): grpc.ServiceDefinition {
    return defined(this.#definition[`${this.schema.package}.${name}`], name) as grpc.ServiceDefinition;
  }

  /** A client of one service. `target` is `unix:///path` or `host:port`; the connection is made with the first call. */
  client(service: string, target: string, options: { readonly userAgent?: string } = {}): GrpcClient {
    const definition = this.service(service);
    const all = options.userAgent === undefined ? {} : { "grpc.primary_user_agent": options.userAgent };
    return new GrpcClient(
      definition,
      new grpc.Client(target, grpc.credentials.createInsecure(), { ...channelOptions, ...all }),
    );
  }
}

/** Calls of one service over one connection. Failed calls reject with grpc.ServiceError. */
export class GrpcClient {
  readonly #definition: grpc.ServiceDefinition;
  readonly #client: grpc.Client;

  constructor(definition: grpc.ServiceDefinition, client: grpc.Client) {
    this.#definition = definition;
    this.#client = client;
  }

  call(method: string, request: GrpcMessage, options: GrpcCallOptions): Promise<GrpcMessage> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize as (bytes: Buffer) => GrpcMessage,
        request,
        toMetadata(options.metadata),
        { deadline: Date.now() + options.timeoutMs },
        (error, response) => {
          options.signal?.removeEventListener("abort", cancel);
          if (error) reject(error);
          else resolve(response ?? {});
        },
      );
      const cancel = (): void => call.cancel();
      if (options.signal?.aborted) cancel();
      else options.signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Without options there is no deadline. */
  serverStream(
    method: string,
    request: GrpcMessage,
    options?: GrpcCallOptions,
  ): grpc.ClientReadableStream<GrpcMessage> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    const deserialize = responseDeserialize as (bytes: Buffer) => GrpcMessage;
    const metadata = toMetadata(options?.metadata);
    const settings = options ? { deadline: Date.now() + options.timeoutMs } : {};
    return this.#client.makeServerStreamRequest(path, requestSerialize, deserialize, request, metadata, settings);
  }

  duplexStream(method: string, options: GrpcCallOptions): grpc.ClientDuplexStream<GrpcMessage, GrpcMessage> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    const deserialize = responseDeserialize as (bytes: Buffer) => GrpcMessage;
    const deadline = Date.now() + options.timeoutMs;
    return this.#client.makeBidiStreamRequest(path, requestSerialize, deserialize, toMetadata(options.metadata), {
      deadline,
    });
  }

  close(): void {
    this.#client.close();
  }

  #method(name: string): grpc.MethodDefinition<object, object> {
    return defined(this.#definition[name], `method ${name}`);
  }
}

function toMetadata(entries: Readonly<Record<string, string>> = {}): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}
