/** Answers every request with 1 KB, for ingress.ts, at as little cost as a program of Node's can: it says its port. */
import { createServer, type AddressInfo } from "node:net";

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n${"x".repeat(1024)}`,
);
const end = Buffer.from("\r\n\r\n");

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  // Requests have no body, and one comes at a time.
  socket.on("data", (chunk) => {
    if (chunk.subarray(-end.length).equals(end)) socket.write(answer);
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
process.stdin.on("end", () => process.exit(0)).resume();
