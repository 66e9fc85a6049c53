import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:net";

import type { DnsService, Forwarder } from "../cluster-dns/dns-service.ts";
import type { Logger } from "../component-base/logger.ts";

const tcpIdleMs = 10_000;
const tcpConnectionsMax = 256;
const forwardTimeoutMs = 2_000;

export interface DnsServerOptions {
  readonly service: DnsService;
  readonly host: string;
  /** 0 picks one free for both UDP and TCP. */
  readonly port: number;
  readonly logger: Logger;
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves DNS over UDP and TCP on one port. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const tcp = await listenTcp(options);
  const address = tcp.address();
  const port = address !== null && typeof address === "object" ? address.port : options.port;
  let udp: Socket;
  try {
    udp = await listenUdp(options, port);
  } catch (error) {
    tcp.close();
    throw error;
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      await new Promise<void>((resolve) => {
        tcp.close(() => resolve());
        tcp.emit("k8ts:close");
      });
    },
  };
}

function listenUdp({ service, host, logger }: DnsServerOptions, port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (packet, remote) => {
    const send = (answer: Uint8Array): void => {
      socket.send(answer, remote.port, remote.address, (error) => {
        if (error) logger.debug("DNS answer not sent", { error });
      });
    };
    const answer = service.handle(packet, "udp");
    if (answer instanceof Promise) void answer.then(send);
    else if (answer) send(answer);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, () => {
      socket.off("error", reject);
      socket.on("error", (error) => logger.error("DNS socket error", { error }));
      resolve(socket);
    });
  });
}

function listenTcp({ service, host, port, logger }: DnsServerOptions): Promise<Server> {
  const server = createServer((socket) => {
    const close = (): void => void socket.destroy();
    server.once("k8ts:close", close);
    socket.on("close", () => server.off("k8ts:close", close));
    socket.setTimeout(tcpIdleMs, close);
    socket.on("error", (error) => logger.debug("DNS connection error", { error }));
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        void respond(pending.subarray(2, end));
        pending = pending.subarray(end);
      }
    });
    async function respond(packet: Buffer): Promise<void> {
      const answer = await service.handle(packet, "tcp");
      if (!answer || socket.destroyed) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
  server.maxConnections = tcpConnectionsMax;
  server.setMaxListeners(tcpConnectionsMax + 8);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      server.on("error", (error) => logger.error("DNS server error", { error }));
      resolve(server);
    });
  });
}

/** Forwards over UDP to the first of `servers` that answers. Answers must come from the server asked and carry the query's id. */
export function createForwarder(servers: readonly string[]): Forwarder {
  return async (query) => {
    let failure: unknown = new Error("no upstream DNS server is configured");
    for (const server of servers) {
      try {
        return await ask(server, query);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
}

function ask(server: string, query: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // A socket of its own for each query: its random port is what protects against forged answers.
    const socket = createSocket(server.includes(":") ? "udp6" : "udp4");
    const end = (result: Uint8Array | Error): void => {
      clearTimeout(timer);
      socket.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(() => end(new Error(`${server} did not answer`)), forwardTimeoutMs);
    socket.on("error", end);
    socket.on("message", (answer) => {
      if (answer.length > 2 && answer[0] === query[0] && answer[1] === query[1]) end(answer);
    });
    socket.connect(53, server, (error?: Error) => {
      // Without a route, say; the types do not tell that the callback hears of it.
      if (error) end(error);
      else socket.send(query);
    });
  });
}
