// Runs in a pod's network namespace: serves its name to whoever asks, and asks others when told to. Commands are JSON lines
// on standard input, `{ id, op, … }`, answers JSON lines on standard output, `{ id, … }`.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

export interface Probe {
  readonly protocol: "tcp" | "udp";
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** Fixed, so that two probes are one flow. */
  readonly sourcePort?: number;
  readonly sourceHost?: string;
}

export type Command =
  | {
      readonly op: "serve";
      readonly name: string;
      readonly protocol: "tcp" | "udp";
      readonly port: number;
      readonly host?: string;
    }
  | ({ readonly op: "probe" } & Probe);

/** What was answered (`name client-address`), or how it failed: an error code, or `timeout`. */
export type Outcome = { readonly answer: string } | { readonly error: string };

function serve({ name, protocol, port, host }: Command & { readonly op: "serve" }): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => resolve({ error: error.code ?? error.message });
    if (protocol === "udp") {
      const socket = createSocket("udp4");
      socket.on("error", failed);
      socket.on("message", (_, { address, port: to }) => socket.send(`${name} ${address}`, to, address));
      socket.bind(port, host, () => resolve({ answer: "" }));
      return;
    }
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(`${name} ${socket.remoteAddress?.replace("::ffff:", "")}`);
    });
    server.on("error", failed);
    server.listen({ port, host, backlog: 511 }, () => resolve({ answer: "" }));
  });
}

function probe(options: Probe): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end({ error: "timeout" }), options.timeoutMs);
    let close = (): void => {};
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      close();
      close = (): void => {};
      resolve(outcome);
    };
    const failed = (error: NodeJS.ErrnoException): void => end({ error: error.code ?? error.message });
    const { host, port, sourcePort, sourceHost } = options;
    if (options.protocol === "udp") {
      const socket = createSocket("udp4");
      close = () => void socket.close();
      socket.on("error", failed);
      socket.on("message", (answer) => end({ answer: answer.toString() }));
      const sent = (error: NodeJS.ErrnoException | null): void => {
        if (error) failed(error);
      };
      // Connected, so that a refusal by ICMP is an error of this socket.
      socket.bind(sourcePort, sourceHost, () => socket.connect(port, host, () => socket.send("?", sent)));
      return;
    }
    const local = {
      ...(sourcePort === undefined ? {} : { localPort: sourcePort }),
      ...(sourceHost === undefined ? {} : { localAddress: sourceHost }),
    };
    const socket = connect({ host, port, ...local });
    close = () => void socket.destroy();
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.on("end", () => end({ answer }));
    socket.on("error", failed);
  });
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ...command } = JSON.parse(line) as Command & { readonly id: number };
    const outcome = command.op === "serve" ? serve(command) : probe(command);
    void outcome.then((result) => process.stdout.write(`${JSON.stringify({ id, ...result })}\n`));
  }
}
