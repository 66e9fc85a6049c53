import type { LogRecord, Mutation } from "../commit-log.ts";
import { BytesReader } from "./bytes-io.ts";
import type { BytesWriter } from "./bytes-io.ts";
import { recordTypes } from "./record.ts";

const noBytes = new Uint8Array(0);

const isDelete = 0;
const isPut = 1;

/** The payload of a log record; its framing says the type. */
export function writeLogRecord(out: BytesWriter, record: LogRecord): void {
  switch (record.type) {
    case "transaction":
      out.number(record.revision);
      out.uint32(record.mutations.length);
      for (const mutation of record.mutations) writeMutation(out, mutation);
      return;
    case "grant":
      out.number(record.lease.id);
      out.number(record.lease.ttlSeconds);
      return;
    case "revoke":
      out.number(record.id);
      return;
    case "compact":
      out.number(record.revision);
      return;
  }
}

/** Undefined for a type that is no log record. Throws when the payload is malformed. */
export function readLogRecord(type: number, payload: Uint8Array): LogRecord | undefined {
  const reader = new BytesReader(payload);
  const record = readFields(type, reader);
  if (record && !reader.isAtEnd) throw new RangeError("record is longer than its fields");
  return record;
}

function readFields(type: number, reader: BytesReader): LogRecord | undefined {
  switch (type) {
    case recordTypes.transaction: {
      const revision = reader.number();
      const mutations = Array.from({ length: reader.uint32() }, () => readMutation(reader));
      return { type: "transaction", revision, mutations };
    }
    case recordTypes.grant:
      return { type: "grant", lease: { id: reader.number(), ttlSeconds: reader.number() } };
    case recordTypes.revoke:
      return { type: "revoke", id: reader.number() };
    case recordTypes.compact:
      return { type: "compact", revision: reader.number() };
    default:
      return undefined;
  }
}

function writeMutation(out: BytesWriter, { type, current }: Mutation): void {
  out.uint8(type === "put" ? isPut : isDelete);
  out.string(current.key);
  if (type === "delete") return;
  out.number(current.lease);
  out.bytes(current.value);
}

function readMutation(reader: BytesReader): Mutation {
  const kind = reader.uint8();
  const key = reader.string();
  if (kind === isDelete) return { type: "delete", current: { key, value: noBytes, lease: 0 } };
  if (kind !== isPut) throw new RangeError(`unknown mutation ${kind}`);
  const lease = reader.number();
  return { type: "put", current: { key, value: reader.bytes(), lease } };
}
