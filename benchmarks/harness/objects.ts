import { answer } from "./api-server.ts";
import { utf8Encode } from "../../src/component-base/bytes.ts";
import type { Transport } from "../../src/component-base/http.ts";

/** A ConfigMap of about 2 KB. */
export function configMap(name: string): Uint8Array {
  const data = { text: "x".repeat(1800) };
  return utf8Encode(JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data }));
}

/** A pod that is about 2 KB when stored, with its defaults, status and managed fields. */
export function pod(name: string): Uint8Array {
  const env = Array.from({ length: 6 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of setting ${i}` }));
  return utf8Encode(
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { app: "web", tier: "front" }, annotations: { note: "x".repeat(620) } },
      spec: { automountServiceAccountToken: false, containers: [{ name: "main", image: "example.com/web:1", env }] },
    }),
  );
}

/** Sends what `next` gives until it gives no more, so many at a time. Resolves to each request's milliseconds. */
export async function sendAll(
  transport: Transport,
  inFlight: number,
  next: () => { readonly method: string; readonly path: string; readonly body: Uint8Array } | undefined,
  headers: Readonly<Record<string, string>> = { "content-type": "application/json" },
): Promise<readonly number[]> {
  const latenciesMs: number[] = [];
  const worker = async (): Promise<void> => {
    for (let request = next(); request; request = next()) {
      const start = performance.now();
      const { status } = await answer(await transport.send({ ...request, headers }));
      if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status}`);
      latenciesMs.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return latenciesMs;
}
