import { http } from "./http-module.ts";

const timeoutMs = 10_000;
// As upstream's limit of a manifest.
const bytesMax = 10 << 20;

/** Reads the manifest of static pods from an `http:` address. Rejects on anything but a 200 with some content. */
export async function fetchManifest(url: string): Promise<Uint8Array> {
  const response = await new Promise<InstanceType<typeof http.IncomingMessage>>((resolve, reject) => {
    http.get(url, { signal: AbortSignal.timeout(timeoutMs) }, resolve).on("error", reject);
  });
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`${url}: ${response.statusCode} ${response.statusMessage}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    // A response without an encoding gives bytes.
    const data = chunk as Uint8Array;
    bytes += data.length;
    if (bytes > bytesMax) throw new Error(`${url}: more than ${bytesMax} bytes`);
    chunks.push(data);
  }
  if (bytes === 0) throw new Error(`zero-length data received from ${url}`);
  return Buffer.concat(chunks);
}
