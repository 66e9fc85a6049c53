import { bytesKey, readEnvelope, writeEnvelopeEnd, writeEnvelopeStart } from "./envelope.ts";
import { WireWriter } from "./wire-writer.ts";

// Every list of the API has its items under this number, after its metadata.
const itemsKey = bytesKey(2);

/**
 * A list of objects that are in protobuf already: chunks that together are the list's envelope and message. `empty` is
 * the same list without items. Both it and `items` are in envelopes, which the items lose. Their bytes are handed on,
 * not copied. Throws ProtobufError for what is in no envelope.
 */
export function protobufList(empty: Uint8Array, items: readonly Uint8Array[]): Uint8Array[] {
  const { apiVersion, kind, raw } = readEnvelope(empty);
  const chunks = [raw];
  let size = raw.length;
  const writer = new WireWriter();
  for (const item of items) {
    const message = readEnvelope(item).raw;
    writer.varint(message.length);
    writer.varint(itemsKey);
    const head = writer.take();
    chunks.push(head, message);
    size += head.length + message.length;
  }
  writeEnvelopeEnd(writer);
  chunks.push(writer.take());
  writeEnvelopeStart(writer, apiVersion, kind, size);
  chunks.unshift(writer.take());
  return chunks;
}
