import { Transform, type Duplex } from "node:stream";

// A client that does not close after its target has gone is cut off.
const lingerMs = 10_000;

/**
 * Copies bytes both ways until one side is gone, then takes the other down. Resolves when both are closed.
 *
 * What the target said last must reach the client: a runtime reports how a command ended and closes, often with input
 * still unread, so that the next byte written to it fails and takes the unread report with it. Therefore
 * 1. bytes for the target wait until everything that has arrived from it is read (`afterReads`);
 * 2. a failed target ends the client's connection instead of destroying it, which sends what is queued;
 * 3. what the client still sends then is read and dropped: closing with input unread would reset the connection.
 */
export async function splice(client: Duplex, target: Duplex): Promise<void> {
  let linger: NodeJS.Timeout | undefined;
  const toTarget = afterReads();
  const clientClosed = closed(client, () => {
    clearTimeout(linger);
    toTarget.destroy();
    target.end(() => target.destroy());
  });
  const targetClosed = closed(target, () => {
    if (client.closed) return;
    linger = setTimeout(() => client.destroy(), lingerMs);
    client.unpipe(toTarget);
    client.resume();
    client.end();
  });
  client.pipe(toTarget).pipe(target);
  target.pipe(client, { end: false });
  await Promise.all([clientClosed, targetClosed]);
}

/** Resolves after `onClosed`. Errors need no handling of their own: a stream that has one closes. */
function closed(stream: Duplex, onClosed: () => void): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      onClosed();
      resolve();
    };
    stream.on("error", () => {});
    if (stream.closed) finish();
    else {
      stream.once("close", finish);
      // A side that only half-closes has said all it will: nothing that uses these connections goes on after that.
      stream.once("end", () => stream.end());
    }
  });
}

/** Passes chunks on in the loop's check phase, which comes after all sockets that are readable have been read. */
function afterReads(): Transform {
  const stream = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      setImmediate(() => done(null, chunk));
    },
  });
  return stream.on("error", () => {});
}
