import type { ServePlainHttp } from "../kube-proxy/ports.ts";
import { http } from "./http-module.ts";

const requestTimeoutMs = 5_000;

/** Serves short answers without TLS in this process's network namespace. */
export const servePlainHttp: ServePlainHttp = async (port, answer, host) => {
  const server = http.createServer((request, response) => {
    request.resume();
    const { status, headers, body } = answer(new URL(request.url ?? "/", "http://localhost").pathname);
    response.writeHead(status, headers);
    response.end(body);
  });
  server.requestTimeout = requestTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
};
