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

/**
 * Converts between messages as the protocol has them and as `cri-api` has them, for every message type alike:
 * - a message that boxes one value is that value;
 * - an integer field whose name ends in `AtMs` or `timestampMs` counts nanoseconds on the wire;
 * - an absent message is an absent property, never null.
 */
export class MessageCodec {
  readonly #schema: ProtoSchema;

  constructor(schema: ProtoSchema) {
    this.#schema = schema;
  }

  toWire(type: string, message: Plain): Plain {
    return this.#convert(type, message, (field, value) => this.#valueToWire(field, value));
  }

  fromWire(type: string, message: Plain): Plain {
    return this.#convert(type, message, (field, value) => this.#valueFromWire(field, value));
  }

  #convert(type: string, message: Plain, convert: (field: FieldSchema, value: unknown) => unknown): Plain {
    const out: Record<string, unknown> = {};
    for (const field of this.#schema.messages.get(type) ?? []) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      out[field.name] =
        field.rule === "repeated" ? (value as readonly unknown[]).map((v) => convert(field, v)) : convert(field, value);
    }
    return out;
  }

  #valueToWire(field: FieldSchema, value: unknown): unknown {
    if (isTime(field)) return String(BigInt(Math.round((value as number) * 1000)) * BigInt(nsPerMs / 1000));
    const box = boxes[field.type];
    if (box !== undefined) return { [box]: value };
    return this.#schema.messages.has(field.type) ? this.toWire(field.type, value as Plain) : value;
  }

  #valueFromWire(field: FieldSchema, value: unknown): unknown {
    // A number is exact to 256 ns here, far below a millisecond.
    if (isTime(field)) return (value as number) / nsPerMs;
    const box = boxes[field.type];
    if (box !== undefined) return (value as Plain)[box];
    return this.#schema.messages.has(field.type) ? this.fromWire(field.type, value as Plain) : value;
  }
}

function isTime(field: FieldSchema): boolean {
  return field.type === "int64" && (field.name.endsWith("AtMs") || field.name === "timestampMs");
}
