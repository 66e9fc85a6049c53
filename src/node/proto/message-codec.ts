import type { FieldSchema, ProtoSchema } from "./proto-schema.ts";

type Plain = Readonly<Record<string, unknown>>;

// Messages that exist to say "absent" or to hold one value: on our side they are that value.
const boxes: Readonly<Record<string, string>> = {
  Int64Value: "value",
  UInt64Value: "value",
  BoolValue: "value",
  PodIp: "ip",
  FilesystemIdentifier: "mountpoint",
  PodSandboxStateValue: "state",
  ContainerStateValue: "state",
};

const nsPerMs = 1_000_000;

interface Conversion {
  readonly name: string;
  readonly isList: boolean;
  /** Of one value; absent when it stays as it is. */
  readonly one: ((value: unknown) => unknown) | undefined;
}

type Conversions = ReadonlyMap<string, readonly Conversion[]>;

/**
 * Converts between messages as the protocol has them and as `cri-api` has them, for every message type alike:
 * - a message that boxes one value is that value;
 * - an integer field whose name ends in `AtMs` or `timestampMs` counts nanoseconds on the wire;
 * - an absent message is an absent property, never null.
 */
export class MessageCodec {
  readonly #schema: ProtoSchema;
  readonly #toWire: Conversions;
  readonly #fromWire: Conversions;

  constructor(schema: ProtoSchema) {
    this.#schema = schema;
    this.#toWire = this.#conversions((field) => this.#valueToWire(field));
    this.#fromWire = this.#conversions((field) => this.#valueFromWire(field));
  }

  toWire(type: string, message: Plain): Plain {
    return convert(this.#toWire.get(type) ?? [], message);
  }

  fromWire(type: string, message: Plain): Plain {
    return convert(this.#fromWire.get(type) ?? [], message);
  }

  /** What is to be done with each field of each message, found out once: a list of containers has thousands of fields. */
  #conversions(ofField: (field: FieldSchema) => Conversion["one"]): Conversions {
    return new Map(
      [...this.#schema.messages].map(([type, fields]) => [
        type,
        fields.map((field) => ({ name: field.name, isList: field.rule === "repeated", one: ofField(field) })),
      ]),
    );
  }

  #valueToWire(field: FieldSchema): Conversion["one"] {
    if (isTime(field)) {
      return (value) => String(BigInt(Math.round((value as number) * 1000)) * BigInt(nsPerMs / 1000));
    }
    const box = boxes[field.type];
    if (box !== undefined) return (value) => ({ [box]: value });
    return this.#schema.messages.has(field.type) ? (value) => this.toWire(field.type, value as Plain) : undefined;
  }

  #valueFromWire(field: FieldSchema): Conversion["one"] {
    // A number is exact to 256 ns here, far below a millisecond.
    if (isTime(field)) return (value) => (value as number) / nsPerMs;
    const box = boxes[field.type];
    if (box !== undefined) return (value) => (value as Plain)[box];
    return this.#schema.messages.has(field.type) ? (value) => this.fromWire(field.type, value as Plain) : undefined;
  }
}

function convert(conversions: readonly Conversion[], message: Plain): Plain {
  const out: Record<string, unknown> = {};
  for (const { name, isList, one } of conversions) {
    const value = message[name];
    if (value === undefined || value === null) continue;
    if (one === undefined) out[name] = value;
    else out[name] = isList ? (value as readonly unknown[]).map(one) : one(value);
  }
  return out;
}

function isTime(field: FieldSchema): boolean {
  return field.type === "int64" && (field.name.endsWith("AtMs") || field.name === "timestampMs");
}
