import { ProtobufError, WireReader } from "./wire-reader.ts";

const magic = [0x6b, 0x38, 0x73, 0x00];

/** What surrounds an object in `application/vnd.kubernetes.protobuf`: `k8s\0` and a runtime.Unknown. */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's own message. */
  readonly raw: Uint8Array;
}

/** Throws ProtobufError when the bytes do not begin as upstream's do. */
export function readEnvelope(bytes: Uint8Array): ProtobufEnvelope {
  if (magic.some((byte, i) => bytes[i] !== byte))
    throw new ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  let apiVersion = "";
  let kind = "";
  let raw = new Uint8Array();
  const reader = new WireReader(bytes, magic.length);
  while (!reader.done) {
    const key = reader.key();
    switch (key >> 3) {
      case 1: {
        const typeMeta = reader.message();
        while (!typeMeta.done) {
          const inner = typeMeta.key();
          if (inner >> 3 === 1) apiVersion = typeMeta.string();
          else if (inner >> 3 === 2) kind = typeMeta.string();
          else typeMeta.skip(inner & 7);
        }
        break;
      }
      case 2:
        raw = new Uint8Array(reader.bytes());
        break;
      default:
        reader.skip(key & 7);
    }
  }
  return { apiVersion, kind, raw };
}

export function hasEnvelope(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}
