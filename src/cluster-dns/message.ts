/** The part of the DNS wire format (RFC 1035) a server of A, AAAA, SRV, CNAME, PTR, TXT and SOA records needs. */

export const recordTypes = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, ANY: 255 } as const;

export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export interface Question {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question section as received: answers repeat it to the letter (0x20 case randomisation). */
  readonly bytes: Uint8Array;
  /** The UDP size the client accepts, from EDNS; 512 without. */
  readonly udpSizeMax: number;
  readonly hasEdns: boolean;
}

export type ResourceRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: "A"; readonly address: string }
  | { readonly type: "CNAME" | "PTR" | "NS"; readonly target: string }
  | {
      readonly type: "SRV";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly type: "TXT"; readonly text: string }
  | {
      readonly type: "SOA";
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      readonly minimumTtl: number;
    }
);

export interface Answer {
  readonly code: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

const headerBytes = 12;
const optType = 41;
const labelBytesMax = 63;
const nameBytesMax = 255;
// What is advertised and never exceeded over UDP: fits any path without fragmentation (DNS flag day 2020).
const udpSizeServer = 1232;

/** Reads a query. Undefined when it is too broken to answer, or is itself a response. */
export function parseQuery(packet: Uint8Array): Question | undefined {
  if (packet.length < headerBytes) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const flags = view.getUint16(2);
  if (flags & 0x8000 || view.getUint16(4) !== 1) return undefined;
  let at = headerBytes;
  const labels: string[] = [];
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > labelBytesMax) return undefined;
    at++;
    if (length === 0) break;
    if (at + length > packet.length || at - headerBytes > nameBytesMax) return undefined;
    let label = "";
    for (let i = at; i < at + length; i++) label += String.fromCharCode(packet[i] ?? 0);
    labels.push(label.toLowerCase());
    at += length;
  }
  if (at + 4 > packet.length) return undefined;
  const end = at + 4;
  const edns = findEdns(view, end);
  return {
    id: view.getUint16(0),
    opcode: (flags >> 11) & 0xf,
    recursionDesired: (flags & 0x0100) !== 0,
    name: labels.join("."),
    type: view.getUint16(at),
    class: view.getUint16(at + 2),
    bytes: packet.subarray(headerBytes, end),
    udpSizeMax: Math.max(512, edns ?? 512),
    hasEdns: edns !== undefined,
  };
}

/** The OPT record stands right behind the question in every stub resolver's query. */
function findEdns(view: DataView, at: number): number | undefined {
  const additionalCount = view.getUint16(10);
  if (additionalCount === 0 || at + 11 > view.byteLength) return undefined;
  if (view.getUint8(at) !== 0 || view.getUint16(at + 1) !== optType) return undefined;
  return view.getUint16(at + 3);
}

/** Writes the answer. Over UDP, what does not fit is cut and marked so that the client asks again over TCP. */
export function formatAnswer(question: Question, answer: Answer, transport: "udp" | "tcp"): Uint8Array {
  const sizeMax = transport === "tcp" ? 0xffff : Math.min(question.udpSizeMax, Math.max(udpSizeServer, 512));
  const writer = new Writer(sizeMax);
  const ednsBytes = question.hasEdns ? 11 : 0;
  writer.header(question, answer.code);
  writer.raw(question.bytes);
  writer.name(question.name, headerBytes);
  let truncated = false;
  const counts = [0, 0, 0];
  for (const [section, records] of [answer.answers, answer.authority, answer.additional].entries()) {
    for (const record of records) {
      const start = writer.length;
      writer.record(record);
      if (writer.length + ednsBytes > sizeMax) {
        writer.length = start;
        // Leaving out additional records is no loss the client has to know of.
        if (section < 2) truncated = true;
        break;
      }
      counts[section] = (counts[section] ?? 0) + 1;
    }
  }
  if (question.hasEdns) {
    writer.edns(udpSizeServer);
    counts[2] = (counts[2] ?? 0) + 1;
  }
  return writer.finish(counts, truncated);
}

class Writer {
  length = 0;
  #bytes: Uint8Array;
  /** Where names were written, for compression pointers. */
  readonly #names = new Map<string, number>();

  constructor(sizeMax: number) {
    // Room for one record too many, which is how an overflow shows.
    this.#bytes = new Uint8Array(Math.min(sizeMax, 4096) + 1024);
  }

  header(question: Question, code: number): void {
    const recursion = question.recursionDesired ? 0x0100 : 0;
    this.#u16(question.id);
    // Response, authoritative, recursion available: glibc and musl warn or retry when the last is missing.
    this.#u16(0x8000 | (question.opcode << 11) | 0x0400 | recursion | 0x0080 | code);
    this.#u16(1);
    for (let i = 0; i < 3; i++) this.#u16(0);
  }

  raw(bytes: Uint8Array): void {
    for (const b of bytes) this.#u8(b);
  }

  /** Writes a name, or with `at` only remembers that it stands there. */
  name(name: string, at?: number): void {
    let rest = name;
    let position = at;
    while (rest !== "") {
      const known = this.#names.get(rest);
      if (known !== undefined) {
        if (at === undefined) this.#u16(0xc000 | known);
        return;
      }
      const here = position ?? this.length;
      if (here < 0x4000) this.#names.set(rest, here);
      const dot = rest.indexOf(".");
      const label = dot < 0 ? rest : rest.slice(0, dot);
      if (position !== undefined) position += label.length + 1;
      else {
        this.#u8(label.length);
        for (let i = 0; i < label.length; i++) this.#u8(label.charCodeAt(i) & 0xff);
      }
      rest = dot < 0 ? "" : rest.slice(dot + 1);
    }
    if (at === undefined) this.#u8(0);
  }

  record(record: ResourceRecord): void {
    this.name(record.name);
    this.#u16(recordTypes[record.type]);
    this.#u16(1);
    this.#u32(record.ttl);
    const lengthAt = this.length;
    this.#u16(0);
    switch (record.type) {
      case "A":
        for (const part of record.address.split(".")) this.#u8(Number(part));
        break;
      case "CNAME":
      case "PTR":
      case "NS":
        this.name(record.target);
        break;
      case "SRV":
        this.#u16(record.priority);
        this.#u16(record.weight);
        this.#u16(record.port);
        // RFC 2782: the target is not compressed.
        this.#plainName(record.target);
        break;
      case "TXT":
        this.#u8(record.text.length);
        for (let i = 0; i < record.text.length; i++) this.#u8(record.text.charCodeAt(i));
        break;
      case "SOA":
        this.name(record.primary);
        this.name(record.mailbox);
        for (const n of [record.serial, 7200, 1800, 86_400, record.minimumTtl]) this.#u32(n);
        break;
    }
    this.#set16(lengthAt, this.length - lengthAt - 2);
  }

  edns(udpSize: number): void {
    this.#u8(0);
    this.#u16(optType);
    this.#u16(udpSize);
    this.#u32(0);
    this.#u16(0);
  }

  finish(counts: readonly number[], truncated: boolean): Uint8Array {
    for (const [i, count] of counts.entries()) this.#set16(6 + 2 * i, count);
    if (truncated) this.#set16(2, this.#get16(2) | 0x0200);
    return this.#bytes.slice(0, this.length);
  }

  #plainName(name: string): void {
    for (const label of name.split(".")) {
      this.#u8(label.length);
      for (let i = 0; i < label.length; i++) this.#u8(label.charCodeAt(i) & 0xff);
    }
    this.#u8(0);
  }

  #u8(value: number): void {
    if (this.length === this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.length++] = value;
  }

  #u16(value: number): void {
    this.#u8(value >> 8);
    this.#u8(value & 0xff);
  }

  #u32(value: number): void {
    this.#u16(Math.floor(value / 0x10000) & 0xffff);
    this.#u16(value & 0xffff);
  }

  #set16(at: number, value: number): void {
    this.#bytes[at] = value >> 8;
    this.#bytes[at + 1] = value & 0xff;
  }

  #get16(at: number): number {
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }
}
