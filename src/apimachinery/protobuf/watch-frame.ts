import { bytesKey } from "./envelope.ts";
import { WireWriter } from "./wire-writer.ts";

/**
 * One event of a watch as `application/vnd.kubernetes.protobuf;stream=watch` has it: four bytes of length, then a bare
 * meta.v1.WatchEvent, whose object is `body`: the object's own envelope and message.
 */
export function watchFrame(type: string, body: Uint8Array): Uint8Array {
  const writer = new WireWriter(type.length + body.length + 32);
  writer.lengthAndBytes(body);
  writer.varint(bytesKey(1));
  writer.closeMessage(0);
  writer.varint(bytesKey(2));
  writer.string(type);
  writer.varint(bytesKey(1));
  writer.uint32(writer.length);
  return writer.take();
}
