import { base64Decode, utf8Encode } from "../../component-base/bytes.ts";
import { JsonError } from "../json/json-error.ts";
import { parseJson } from "../json/parse.ts";
import { stringifyJson } from "../json/stringify.ts";
import { formatDuration, parseDuration } from "../time.ts";
import { scalarZero } from "../schema/scalars.ts";
import type { ResolvedType, ScalarName } from "../schema/type-registry.ts";
import { bytesKey, hasEnvelope } from "./envelope.ts";
import { ProtobufError, type WireReader, wireTypes } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

/** How a scalar of JSON stands in a message, both ways; the key is not its business. */
export interface ScalarCodec {
  readonly wireType: number;
  readonly read: (reader: WireReader) => unknown;
  /** The value is in normal form. */
  readonly write: (writer: WireWriter, value: unknown) => void;
}

const { varint, fixed64, bytes } = wireTypes;

const text: ScalarCodec = {
  wireType: bytes,
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(value as string),
};

const integer = {
  wireType: varint,
  write: (writer: WireWriter, value: unknown) => writer.varint(value as number | bigint),
};

const nanosPerMs = 1e6;

/** A message of one string of bytes, which holds JSON text. */
const json: ScalarCodec = {
  wireType: bytes,
  read: (reader) => {
    const raw = singleField(reader, bytes, () => reader.bytes());
    if (raw === undefined || raw.length === 0) return null;
    if (hasEnvelope(raw)) throw new ProtobufError("an embedded object must be JSON");
    try {
      return parseJson(raw).value;
    } catch (cause) {
      if (cause instanceof JsonError) throw new ProtobufError(`an embedded object is no JSON: ${cause.message}`);
      throw cause;
    }
  },
  write: (writer, value) =>
    writeMessage(writer, () => {
      if (value === null) return;
      writer.lengthAndBytes(utf8Encode(stringifyJson(value)));
      writer.varint(bytesKey(1));
    }),
};

export const scalarCodecs: Readonly<Record<ScalarName, ScalarCodec>> = {
  string: text,
  bool: {
    wireType: varint,
    read: (reader) => reader.bool(),
    write: (writer, value) => writer.bool(value as boolean),
  },
  int32: { ...integer, read: (reader) => reader.int32() },
  int64: { ...integer, read: (reader) => reader.int64() },
  double: {
    wireType: fixed64,
    read: (reader) => reader.double(),
    write: (writer, value) => writer.double(value as number),
  },
  bytes: {
    wireType: bytes,
    read: (reader) => reader.base64(),
    write: (writer, value) => writer.lengthAndBytes(base64Decode(value as string)),
  },
  Quantity: {
    wireType: bytes,
    read: (reader) => singleField(reader, bytes, () => reader.string()) ?? "0",
    write: (writer, value) =>
      writeMessage(writer, () => {
        writer.string(value as string);
        writer.varint(bytesKey(1));
      }),
  },
  IntOrString: { wireType: bytes, read: readIntOrString, write: writeIntOrString },
  Time: {
    wireType: bytes,
    read: (reader) => {
      const time = readTimestamp(reader);
      return time && `${secondsText(time.seconds)}Z`;
    },
    write: (writer, value) => {
      writeTimestamp(writer, value as string | null, 0);
    },
  },
  MicroTime: {
    wireType: bytes,
    read: (reader) => {
      const time = readTimestamp(reader);
      if (!time) return null;
      return `${secondsText(time.seconds)}.${String(Math.floor(time.nanos / 1000)).padStart(6, "0")}Z`;
    },
    write: (writer, value) => {
      const written = value as string | null;
      writeTimestamp(writer, written, written === null ? 0 : Number(written.slice(20, 26)) * 1000);
    },
  },
  RawExtension: json,
  FieldsV1: json,
  JSON: json,
  any: withoutMessage("values of any type"),
  Duration: {
    wireType: bytes,
    read: (reader) => formatDuration(Number(singleField(reader, varint, () => reader.int64()) ?? 0) / nanosPerMs),
    write: (writer, value) =>
      writeMessage(writer, () => {
        writer.varint(Math.round(parseDuration(value as string) * nanosPerMs));
        writer.varint(varintKey(1));
      }),
  },
};

export function wireTypeOf(type: ResolvedType): number {
  return type.kind === "scalar" ? scalarCodecs[type.scalar].wireType : wireTypes.bytes;
}

/** What a value that is not written stands for, where it cannot be absent. */
export function absentScalar(scalar: ScalarName): unknown {
  return scalar === "bytes" ? "" : scalarZero[scalar];
}

function withoutMessage(what: string): ScalarCodec {
  const refuse = (): never => {
    throw new ProtobufError(`${what} have no protobuf form`);
  };
  return { wireType: bytes, read: refuse, write: refuse };
}

function writeMessage(writer: WireWriter, writeContent: () => void): void {
  const end = writer.length;
  writeContent();
  writer.closeMessage(end);
}

/** The field 1 of a message of one field. */
function singleField<T>(reader: WireReader, wireType: number, read: () => T): T | undefined {
  const outer = reader.enter();
  let value: T | undefined;
  while (!reader.done) {
    const key = reader.key();
    if (key === 8 + wireType) value = read();
    else reader.skip(key & 7);
  }
  reader.leave(outer);
  return value;
}

/** The key of a field that holds a varint. */
function varintKey(number: number): number {
  return number * 8 + varint;
}

function readIntOrString(reader: WireReader): number | string {
  const outer = reader.enter();
  let isString = false;
  let int = 0;
  let string = "";
  while (!reader.done) {
    const key = reader.key();
    if (key === varintKey(1)) isString = reader.int64() === 1;
    else if (key === varintKey(2)) int = reader.int32();
    else if (key === bytesKey(3)) string = reader.string();
    else reader.skip(key & 7);
  }
  reader.leave(outer);
  return isString ? string : int;
}

function writeIntOrString(writer: WireWriter, value: unknown): void {
  const isString = typeof value === "string";
  const end = writer.length;
  writer.string(isString ? value : "");
  writer.varint(bytesKey(3));
  writer.varint(isString ? 0 : (value as number));
  writer.varint(varintKey(2));
  writer.bool(isString);
  writer.varint(varintKey(1));
  writer.closeMessage(end);
}

interface Timestamp {
  readonly seconds: number;
  /** From 0 to below a second. */
  readonly nanos: number;
}

/** Null for the zero time, which is an empty message. */
function readTimestamp(reader: WireReader): Timestamp | null {
  const outer = reader.enter();
  if (reader.done) {
    reader.leave(outer);
    return null;
  }
  let seconds = 0;
  let nanos = 0;
  while (!reader.done) {
    const key = reader.key();
    if (key === varintKey(1)) seconds = Number(reader.int64());
    else if (key === varintKey(2)) nanos = reader.int32();
    else reader.skip(key & 7);
  }
  reader.leave(outer);
  const carry = Math.floor(nanos / 1e9);
  return { seconds: seconds + carry, nanos: nanos - carry * 1e9 };
}

/** 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the years that four digits can tell. */
const secondsMin = -62_167_219_200;
const secondsMax = 253_402_300_799;

/**
 * `2026-01-01T00:00:00`. A pod has a dozen times, and Date takes ten times as long for each. Years are counted from March,
 * so that the leap day is the last of its year, in eras of 400 years of 146,097 days.
 */
function secondsText(seconds: number): string {
  if (seconds < secondsMin || seconds > secondsMax) throw new ProtobufError("year outside of range [0,9999]");
  const days = Math.floor(seconds / 86_400);
  const second = seconds - days * 86_400;
  const sinceEra0 = days + 719_468;
  const era = Math.floor(sinceEra0 / 146_097);
  const dayOfEra = sinceEra0 - era * 146_097;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // 153 days in five months, from March on.
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const year = era * 400 + yearOfEra + (month >= 10 ? 1 : 0);
  const date = `${String(year).padStart(4, "0")}-${twoDigits(month < 10 ? month + 3 : month - 9)}-${twoDigits(day)}`;
  const minute = Math.floor(second / 60);
  return `${date}T${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}:${twoDigits(second % 60)}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function writeTimestamp(writer: WireWriter, value: string | null, nanos: number): void {
  const end = writer.length;
  if (value !== null) {
    writer.varint(nanos);
    writer.varint(varintKey(2));
    writer.varint(Math.floor(Date.parse(value) / 1000));
    writer.varint(varintKey(1));
  }
  writer.closeMessage(end);
}
