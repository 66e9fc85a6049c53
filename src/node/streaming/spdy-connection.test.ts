import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { buffer, text } from "node:stream/consumers";

import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";
import { spdyDictionary } from "./spdy-dictionary.ts";

function pair(onStream: (stream: SpdyStream) => void) {
  const [a, b] = duplexPair();
  const server = new SpdyConnection(b, { role: "server", onStream });
  const client = new SpdyConnection(a, { role: "client" });
  return { client, server, clientSocket: a };
}

test("the dictionary is the protocol's, byte by byte", () => {
  const dictionary = spdyDictionary();
  assert.equal(dictionary.length, 1423);
  assert.equal(dictionary.toString("latin1", 0, 11), "\0\0\0\x07options");
});

test("a stream carries its headers, and data both ways until each side half-closes", async () => {
  const { client } = pair((stream) => {
    assert.deepEqual(stream.headers["streamtype"], ["stdin"]);
    assert.deepEqual(stream.headers["port"], ["80", "81"]);
    stream.pipe(stream);
  });
  const stream = client.open({ streamType: ["stdin"], port: ["80", "81"] });
  const data = randomBytes(3 << 20);
  stream.end(data);
  await stream.accepted;
  const echoed = await buffer(stream);
  assert.equal(createHash("sha1").update(echoed).digest("hex"), createHash("sha1").update(data).digest("hex"));
  assert.equal(stream.wasCut, false);
});

test("many streams at once stay apart", async () => {
  const { client } = pair((stream) => void text(stream).then((all) => stream.end(`${all}!`)));
  const answers = Array.from({ length: 200 }, async (_, i) => {
    const stream = client.open({ n: [String(i)] });
    stream.end(`data of ${i}`);
    return text(stream);
  });
  assert.deepEqual(
    await Promise.all(answers),
    Array.from({ length: 200 }, (_, i) => `data of ${i}!`),
  );
});

test("input that arrives in pieces within one turn is read to its end", async () => {
  const [a, b] = duplexPair();
  const client = new SpdyConnection(a, { role: "client" });
  const stream = client.open({});
  const dataFrame = (flags: number, data: string): Buffer =>
    Buffer.concat([Buffer.from([0, 0, 0, 1, flags, 0, 0, data.length]), Buffer.from(data)]);
  // Both pieces are delivered one after the other, without anything else in between.
  a.emit("data", dataFrame(0, "one "));
  a.emit("data", dataFrame(1, "two"));
  assert.equal(await text(stream), "one two");
  b.destroy();
});

test("a reset stream ends cut, and its opener is told", async () => {
  const { client } = pair((stream) => stream.destroy());
  const stream = client.open({});
  assert.equal(await text(stream), "");
  assert.equal(stream.wasCut, true);
});

test("a lost connection ends every stream as cut", async () => {
  const { client, clientSocket } = pair(() => {});
  const stream = client.open({});
  await stream.accepted;
  clientSocket.destroy();
  assert.equal(await text(stream), "");
  assert.equal(stream.wasCut, true);
  await assert.rejects(client.open({}).accepted, /closed/);
});

test("garbage ends the connection instead of the process", async () => {
  const [a, b] = duplexPair();
  const closed = new Promise<void>((resolve) => {
    const connection = new SpdyConnection(b, { role: "server", onClose: resolve });
    assert.ok(connection);
  });
  // A SYN_STREAM whose header block is not zlib.
  a.write(Buffer.from("800300010000001000000001000000000000ffffffffffff", "hex"));
  await closed;
});
