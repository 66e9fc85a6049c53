import type * as Http from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";

import { responseHeaders } from "../ingress/forwarded-headers.ts";
import {
  ForwardError,
  type Endpoint,
  type ForwardedHead,
  type InboundRequest,
  type RawHeaders,
} from "../ingress/ports.ts";
import { http } from "./http-module.ts";
import type { IngressUpstreams, UpstreamAnswer } from "./ingress-upstreams.ts";
import { splice } from "./streaming/splice.ts";

// A WebSocket may be quiet for long; one whose peer has vanished must not stay for ever.
const upgradedIdleMs = 3_600_000;

/** What the three ways in have in common: Node's compatibility API for HTTP/2 makes them one. */
interface Exchange {
  readonly request: Http.IncomingMessage | Http2ServerRequest;
  readonly response: Http.ServerResponse | Http2ServerResponse;
  readonly upstreams: IngressUpstreams;
  readonly hasBody: boolean;
  /** The body's length is not known before its end. */
  readonly isChunked: boolean;
  /** Begins the answer; `isLast`: no other request may come on the connection, where it is one request's at a time. */
  begin(status: number, message: string | undefined, headers: RawHeaders, isLast: boolean): void;
  /** Ends the answer so that it cannot be taken for whole. */
  cut(): void;
}

/** Whether the client wants a WebSocket; other protocols are not offered. */
export function isWebSocket({ method, headers }: Http.IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

export function inboundHttp1(
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  upstreams: IngressUpstreams,
): InboundRequest {
  const isChunked = request.headers["transfer-encoding"] !== undefined;
  const hasBody = isChunked || Number(request.headers["content-length"] ?? 0) > 0;
  const exchange: Exchange = { request, response, upstreams, hasBody, isChunked, ...overHttp1(request, response) };
  return inbound(exchange, request.socket, request.rawHeaders, false, (endpoint, head) =>
    forward(exchange, endpoint, head),
  );
}

export function inboundHttp2(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  upstreams: IngressUpstreams,
): InboundRequest {
  const { stream, authority, rawHeaders } = request;
  const hasBody = !stream.endAfterHeaders;
  const isChunked = hasBody && request.headers["content-length"] === undefined;
  const exchange: Exchange = {
    request,
    response,
    upstreams,
    hasBody,
    isChunked,
    begin: (status, _message, headers) => response.writeHead(status, fieldsOf(headers)),
    cut: () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  };
  const headers: string[] = authority ? ["Host", authority] : [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = "", value = ""] = [rawHeaders[i], rawHeaders[i + 1]];
    if (!name.startsWith(":") && !(authority && name === "host")) headers.push(name, value);
  }
  const socket = stream.session?.socket;
  return inbound(exchange, socket, headers, false, (endpoint, head) => forward(exchange, endpoint, head));
}

/** Without an agreement the client is answered as if it had not asked, and the connection ends. */
export function inboundUpgrade(
  request: Http.IncomingMessage,
  socket: Socket,
  head: Buffer,
  upstreams: IngressUpstreams,
): InboundRequest {
  const response = new http.ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on("finish", () => socket.end());
  const plain = { hasBody: false, isChunked: false };
  const exchange: Exchange = { request, response, upstreams, ...plain, ...overHttp1(request, response) };
  return inbound(exchange, socket, request.rawHeaders, true, async (endpoint, forwarded) => {
    const { outgoing, answer } = upstreams.request(endpoint, forwarded, {
      isUpgrade: true,
      sendBody: (out) => out.end(),
    });
    const onClose = (): void => void outgoing.destroy();
    socket.once("close", onClose);
    try {
      const answered = await answer;
      if (answered.kind === "response") return await relay(exchange, outgoing, answered.incoming);
      response.detachSocket(socket);
      await join(socket, head, answered);
      return 101;
    } catch (error) {
      throw socket.destroyed && !isBroken(error) ? new ForwardError("client", { cause: error }) : error;
    } finally {
      socket.off("close", onClose);
    }
  });
}

function overHttp1(request: Http.IncomingMessage, response: Http.ServerResponse): Pick<Exchange, "begin" | "cut"> {
  return {
    begin: (status, message, headers, isLast) =>
      response.writeHead(status, message, isLast ? [...headers, "Connection", "close"] : [...headers]),
    cut: () => request.socket.destroy(),
  };
}

function inbound(
  exchange: Exchange,
  socket: Socket | undefined,
  headers: RawHeaders,
  isUpgrade: boolean,
  forwardTo: InboundRequest["forward"],
): InboundRequest {
  const { request, response, hasBody } = exchange;
  return {
    method: request.method ?? "GET",
    target: request.url ?? "/",
    headers,
    isTls: socket !== undefined && "encrypted" in socket,
    peer: (socket?.remoteAddress ?? "").replace(/^::ffff:/, ""),
    localPort: socket?.localPort ?? 0,
    hasBody,
    isUpgrade,
    answer(status, text) {
      if (response.destroyed || response.headersSent) return;
      const body = Buffer.from(`${status} ${http.STATUS_CODES[status] ?? ""}: ${text}\n`);
      const fields = ["Content-Type", "text/plain; charset=utf-8", "X-Content-Type-Options", "nosniff"];
      // What is left of a body would be read as the next request.
      exchange.begin(status, undefined, [...fields, "Content-Length", String(body.length)], hasBody);
      response.end(body);
      request.resume();
    },
    forward: forwardTo,
  };
}

async function forward(exchange: Exchange, endpoint: Endpoint, head: ForwardedHead): Promise<number> {
  const { request, response, upstreams, hasBody, isChunked } = exchange;
  if (response.destroyed) throw new ForwardError("client");
  const framed = isChunked ? { ...head, headers: [...head.headers, "Transfer-Encoding", "chunked"] } : head;
  const { outgoing, answer } = upstreams.request(endpoint, framed, {
    isUpgrade: false,
    sendBody: (out) => {
      if (hasBody) request.pipe(out);
      else out.end();
    },
  });
  const onClose = (): void => void outgoing.destroy();
  response.once("close", onClose);
  try {
    const answered = await answer;
    if (answered.kind === "upgrade") {
      answered.socket.destroy();
      throw new ForwardError("invalid");
    }
    return await relay(exchange, outgoing, answered.incoming);
  } catch (error) {
    throw response.destroyed && !isBroken(error) ? new ForwardError("client", { cause: error }) : error;
  } finally {
    response.off("close", onClose);
    if (hasBody) {
      request.unpipe(outgoing);
      // Of a body that nobody wants the rest is read and dropped; the answer has told the client to stop.
      if (outgoing.destroyed || response.writableEnded) request.resume();
    }
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof ForwardError && error.failure === "broken";
}

/** Passes the answer on. Resolves to its status when it has all gone out. */
function relay(exchange: Exchange, outgoing: Http.ClientRequest, incoming: Http.IncomingMessage): Promise<number> {
  const { request, response, hasBody } = exchange;
  const status = incoming.statusCode ?? 502;
  return new Promise((resolve, reject) => {
    response.on("finish", () => resolve(status));
    response.on("close", () => {
      if (!response.writableFinished) reject(new ForwardError("client"));
    });
    const cut = (error?: Error): void => {
      if (response.writableFinished || response.destroyed) return;
      reject(new ForwardError("broken", error ? { cause: error } : {}));
      // An end would look like the end of the answer.
      exchange.cut();
    };
    outgoing.on("error", cut);
    incoming.on("error", cut);
    incoming.on("close", () => {
      if (!incoming.complete) cut();
    });
    const isEarly = hasBody && !request.readableEnded;
    exchange.begin(status, incoming.statusMessage, responseHeaders(incoming.rawHeaders), isEarly);
    incoming.pipe(response as Http.ServerResponse);
  });
}

/** Repeated fields as lists, which is how HTTP/2 takes them. */
function fieldsOf(headers: RawHeaders): Http.OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [(headers[i] ?? "").toLowerCase(), headers[i + 1] ?? ""];
    const before = fields[name];
    fields[name] = before === undefined ? value : [before, value].flat();
  }
  return fields;
}

/** Both have agreed: from here on it is their bytes. */
async function join(client: Socket, clientHead: Buffer, answer: UpstreamAnswer & { kind: "upgrade" }): Promise<void> {
  const { incoming, socket, head } = answer;
  const fields = [...responseHeaders(incoming.rawHeaders), "Connection", "Upgrade", "Upgrade", "websocket"];
  let text = `HTTP/1.1 101 ${incoming.statusMessage ?? "Switching Protocols"}\r\n`;
  for (let i = 0; i + 1 < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  client.write(`${text}\r\n`, "latin1");
  if (head.length > 0) client.write(head);
  if (clientHead.length > 0) socket.write(clientHead);
  client.setNoDelay(true);
  client.setKeepAlive(true, 30_000);
  client.setTimeout(upgradedIdleMs, () => client.destroy());
  await splice(client, socket);
}
