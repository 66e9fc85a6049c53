import { once } from "node:events";
import { Duplex } from "node:stream";

import { SpdyHeaderCodec, uint32, type SpdyHeaders } from "./spdy-headers.ts";

const version = 0x8003;
const controlTypes = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8 } as const;
const flagFin = 1;
const frameHeaderBytes = 8;
const resetCancel = 5;
// A port-forward opens two streams per connection; a peer with more than this open at once is broken or hostile.
const streamsMax = 4096;

export interface SpdyConnectionOptions {
  readonly role: "client" | "server";
  /** Bytes that were read behind the upgrade's headers. */
  readonly head?: Buffer;
  /** A stream the peer has opened. */
  readonly onStream?: (stream: SpdyStream) => void;
  readonly onClose?: () => void;
}

/**
 * SPDY/3.1 as Kubernetes uses it for exec, attach and port-forward, over a socket after its upgrade.
 *
 * Differs from the protocol: no flow control by WINDOW_UPDATE, which the implementations at the other end (moby/spdystream)
 * neither send nor heed. A stream nobody reads therefore stops the connection, not only itself.
 */
export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #options: SpdyConnectionOptions;
  readonly #codec = new SpdyHeaderCodec();
  readonly #streams = new Map<number, SpdyStream>();
  #nextId: number;
  #input: Buffer[] = [];
  #inputBytes = 0;
  #isReading = false;
  #isSocketGone = false;
  #isClosed = false;
  // Frames with headers are packed asynchronously; what is sent meanwhile queues behind them.
  #outgoing: Promise<void> = Promise.resolve();
  #packing = 0;

  constructor(socket: Duplex, options: SpdyConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#nextId = options.role === "client" ? 1 : 2;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    for (const event of ["end", "close", "error"]) socket.on(event, () => this.#onSocketGone());
    if (options.head && options.head.length > 0) this.#receive(options.head);
    socket.resume();
  }

  /** Opens a stream. It can be written at once; `stream.accepted` tells what the peer says to it. */
  open(headers: SpdyHeaders): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(this.#port, id, headers);
    if (this.#isClosed) stream.onPeerReset(new Error("SPDY connection is closed"));
    else {
      this.#streams.set(id, stream);
      const prefix = Buffer.concat([uint32(id, 0), Buffer.alloc(2)]);
      this.#sendPacked(controlTypes.synStream, prefix, headers);
    }
    return stream;
  }

  /** Says that no more streams will come, then ends the socket when all that was written to ended streams is out. */
  async close(): Promise<void> {
    this.#sendControl(controlTypes.goAway, uint32(0, 0));
    const unfinished = [...this.#streams.values()].filter(
      (s) => s.writableEnded && !s.writableFinished && !s.destroyed,
    );
    await Promise.all(unfinished.map((stream) => once(stream, "finish").catch(() => {})));
    await this.#outgoing;
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#closed();
  }

  /** What streams need of the connection. */
  readonly #port = {
    send: (id: number, data: Buffer, isLast: boolean, done: () => void): void => this.#sendData(id, data, isLast, done),
    reset: (id: number): void => {
      if (this.#streams.delete(id)) this.#sendControl(controlTypes.rstStream, uint32(id, resetCancel));
    },
    resume: (): void => void this.#socket.resume(),
    forget: (id: number): void => void this.#streams.delete(id),
  };

  #receive(chunk: Buffer): void {
    this.#input.push(chunk);
    this.#inputBytes += chunk.length;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#readFrames().catch(() => this.destroy());
  }

  /** What came before the end is still handled first. */
  #onSocketGone(): void {
    this.#isSocketGone = true;
    if (!this.#isReading) this.#closed();
  }

  /**
   * Awaits only where a header block has to be unpacked, so that data passes without leaving the turn. The reading ends
   * in the same turn as its last look for a frame: input that comes in between would be nobody's.
   */
  async #readFrames(): Promise<void> {
    for (let frame = this.#nextFrame(); frame; frame = this.#nextFrame()) {
      const handled = this.#onFrame(frame);
      if (handled) await handled;
    }
    this.#isReading = false;
    if (this.#isSocketGone) this.#closed();
  }

  #nextFrame(): Buffer | undefined {
    if (this.#inputBytes < frameHeaderBytes) return undefined;
    if ((this.#input[0]?.length ?? 0) < this.#inputBytes) this.#joinInput(frameHeaderBytes);
    const first = this.#input[0] ?? Buffer.alloc(0);
    const size = frameHeaderBytes + first.readUIntBE(5, 3);
    if (this.#inputBytes < size) return undefined;
    this.#joinInput(size);
    const joined = this.#input[0] ?? Buffer.alloc(0);
    if (joined.length === size) this.#input.shift();
    else this.#input[0] = joined.subarray(size);
    this.#inputBytes -= size;
    return joined.subarray(0, size);
  }

  /** Makes the first buffer hold at least `size` bytes; each byte of a large frame is copied once. */
  #joinInput(size: number): void {
    if ((this.#input[0]?.length ?? 0) < size) this.#input = [Buffer.concat(this.#input)];
  }

  #onFrame(frame: Buffer): Promise<void> | undefined {
    const isControl = ((frame[0] ?? 0) & 0x80) !== 0;
    const isLast = ((frame[4] ?? 0) & flagFin) !== 0;
    const body = frame.subarray(frameHeaderBytes);
    if (isControl) return this.#onControl(frame.readUInt16BE(2), body, isLast);
    const stream = this.#streams.get(frame.readUInt32BE(0));
    if (stream && !stream.onData(body)) this.#socket.pause();
    if (isLast) stream?.onEnd();
    return undefined;
  }

  #onControl(type: number, body: Buffer, isLast: boolean): Promise<void> | undefined {
    switch (type) {
      case controlTypes.synStream:
        return this.#onSynStream(body, isLast);
      case controlTypes.synReply:
        return this.#onSynReply(body, isLast);
      case controlTypes.headers:
        // Unpacked only to keep the compression state in step.
        return this.#codec.unpack(body.subarray(4)).then(() => {});
      case controlTypes.rstStream: {
        const id = streamId(body);
        const stream = this.#streams.get(id);
        this.#streams.delete(id);
        stream?.onPeerReset(new Error(`SPDY stream was reset by the peer (status ${body.readUInt32BE(4)})`));
        return undefined;
      }
      case controlTypes.ping:
        // Even ids are the server's; only the peer's pings are answered, or the two would never stop.
        if ((body.readUInt32BE(0) % 2 === 1) === (this.#options.role === "server")) this.#sendControl(type, body);
        return undefined;
      default:
        // Settings, goaway, window updates: nothing here depends on them.
        return undefined;
    }
  }

  async #onSynStream(body: Buffer, isLast: boolean): Promise<void> {
    const id = streamId(body);
    const headers = await this.#codec.unpack(body.subarray(10));
    if (this.#streams.size >= streamsMax) throw new Error("too many SPDY streams");
    const stream = new SpdyStream(this.#port, id, headers);
    this.#streams.set(id, stream);
    this.#sendPacked(controlTypes.synReply, uint32(id), {});
    this.#options.onStream?.(stream);
    if (isLast) stream.onEnd();
  }

  async #onSynReply(body: Buffer, isLast: boolean): Promise<void> {
    const stream = this.#streams.get(streamId(body));
    await this.#codec.unpack(body.subarray(4));
    stream?.onAccepted();
    if (isLast) stream?.onEnd();
  }

  #sendControl(type: number, body: Buffer): void {
    this.#send(Buffer.concat([controlHeader(type, body.length), body]));
  }

  #sendPacked(type: number, prefix: Buffer, headers: SpdyHeaders): void {
    this.#packing++;
    this.#outgoing = this.#outgoing.then(async () => {
      try {
        const body = Buffer.concat([prefix, await this.#codec.pack(headers)]);
        this.#write(Buffer.concat([controlHeader(type, body.length), body]), () => {});
      } catch {
        this.destroy();
      } finally {
        this.#packing--;
      }
    });
  }

  #sendData(id: number, data: Buffer, isLast: boolean, done: () => void): void {
    const header = uint32(id, data.length);
    header[4] = isLast ? flagFin : 0;
    this.#send(data.length === 0 ? header : Buffer.concat([header, data]), done);
  }

  #send(frame: Buffer, done: () => void = () => {}): void {
    if (this.#packing === 0) this.#write(frame, done);
    else this.#outgoing = this.#outgoing.then(() => this.#write(frame, done));
  }

  /** `done` is called when the bytes have left or never will. */
  #write(frame: Buffer, done: () => void): void {
    if (this.#socket.writable) this.#socket.write(frame, () => done());
    else done();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.onPeerReset(new Error("SPDY connection closed"));
    this.#codec.close();
    this.#options.onClose?.();
  }
}

interface StreamPort {
  send(id: number, data: Buffer, isLast: boolean, done: () => void): void;
  reset(id: number): void;
  resume(): void;
  forget(id: number): void;
}

/** One stream. Ending the writable side half-closes it; the readable side ends when the peer half-closes or goes. */
export class SpdyStream extends Duplex {
  readonly headers: SpdyHeaders;
  /** Resolves when the peer has accepted the stream; rejects when it refused, or is gone. */
  readonly accepted: Promise<void>;
  readonly #port: StreamPort;
  readonly #id: number;
  #accept: () => void = () => {};
  #refuse: (error: Error) => void = () => {};
  #peerEnded = false;
  #wasCut = false;
  #ended = false;

  constructor(port: StreamPort, id: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true });
    this.#port = port;
    this.#id = id;
    this.headers = headers;
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#refuse = reject;
    });
    // Not everybody asks; a refusal also shows as the stream's end.
    this.accepted.catch(() => {});
    // A reader that was behind at the end asks for no more, and would leave the connection stopped.
    this.on("end", () => port.resume());
  }

  /** True when the stream ended because the peer or the connection went, not by a half-close. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  override _read(): void {
    this.#port.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#wasCut) done();
    else this.#port.send(this.#id, chunk, false, done);
  }

  override _final(done: () => void): void {
    this.#ended = true;
    if (this.#wasCut) done();
    else this.#port.send(this.#id, Buffer.alloc(0), true, done);
    this.#forgetWhenDone();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!(this.#ended && this.#peerEnded)) this.#port.reset(this.#id);
    this.#port.resume();
    done(error);
  }

  /** False when the reader is behind. */
  onData(data: Buffer): boolean {
    if (this.#peerEnded || this.destroyed || data.length === 0) return true;
    return this.push(data);
  }

  onEnd(): void {
    if (this.#peerEnded) return;
    this.#peerEnded = true;
    this.push(null);
    this.#forgetWhenDone();
  }

  onAccepted(): void {
    this.#accept();
  }

  onPeerReset(error: Error): void {
    this.#wasCut = !this.#peerEnded;
    this.#refuse(error);
    this.onEnd();
  }

  #forgetWhenDone(): void {
    if (this.#ended && this.#peerEnded) this.#port.forget(this.#id);
  }
}

function controlHeader(type: number, length: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt16BE(version, 0);
  header.writeUInt16BE(type, 2);
  header.writeUInt32BE(length, 4);
  return header;
}

function streamId(body: Buffer): number {
  return body.readUInt32BE(0) & 0x7fffffff;
}
