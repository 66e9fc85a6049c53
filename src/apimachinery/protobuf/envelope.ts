import { ProtobufError, WireReader, wireTypes } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

const magic = [0x6b, 0x38, 0x73, 0x00];

/** What surrounds an object in `application/vnd.kubernetes.protobuf`: `k8s\0` and a runtime.Unknown. */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's own message: a view of the bytes it was read from. */
  readonly raw: Uint8Array;
}

/** Throws ProtobufError when the bytes do not begin as upstream's do. */
export function readEnvelope(bytes: Uint8Array): ProtobufEnvelope {
  if (!hasEnvelope(bytes))
    throw new ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  let apiVersion = "";
  let kind = "";
  let raw: Uint8Array = new Uint8Array();
  const reader = new WireReader(bytes, magic.length);
  while (!reader.done) {
    const key = reader.key();
    if (key === bytesKey(1)) {
      const outer = reader.enter();
      while (!reader.done) {
        const inner = reader.key();
        if (inner === bytesKey(1)) apiVersion = reader.string();
        else if (inner === bytesKey(2)) kind = reader.string();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else if (key === bytesKey(2)) raw = reader.bytes();
    else reader.skip(key & 7);
  }
  return { apiVersion, kind, raw };
}

export function hasEnvelope(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** Writes an envelope around the message that `writeMessage` writes. */
export function writeEnvelope(writer: WireWriter, apiVersion: string, kind: string, writeMessage: () => void): void {
  writeEnvelopeEnd(writer);
  const end = writer.length;
  writeMessage();
  writeEnvelopeStart(writer, apiVersion, kind, writer.length - end);
}

/** What follows the message: both fields are there although they are empty, contentEncoding and contentType. */
export function writeEnvelopeEnd(writer: WireWriter): void {
  writer.string("");
  writer.varint(bytesKey(4));
  writer.string("");
  writer.varint(bytesKey(3));
}

/** What precedes a message of so many bytes. */
export function writeEnvelopeStart(writer: WireWriter, apiVersion: string, kind: string, messageLength: number): void {
  writer.varint(messageLength);
  writer.varint(bytesKey(2));
  const typeMetaEnd = writer.length;
  writer.string(kind);
  writer.varint(bytesKey(2));
  writer.string(apiVersion);
  writer.varint(bytesKey(1));
  writer.closeMessage(typeMetaEnd);
  writer.varint(bytesKey(1));
  writer.bytes(magic);
}

/** The key of a length-delimited field. */
export function bytesKey(number: number): number {
  return number * 8 + wireTypes.bytes;
}
