import { defined } from "../../component-base/assert.ts";

export type ImageArchitecture = "amd64" | "arm64";

// Linux's numbers, the same on both architectures.
const sigInt = 2;
const sigTerm = 15;
const sigChld = 17;
const signalSetBytes = 8;
const wnohang = 1;
const waited = [sigInt, sigTerm, sigChld].reduce((mask, signal) => mask | (1 << (signal - 1)), 0);

/**
 * The program of a pod's sandbox container, without libc or linker:
 *
 *     block SIGINT, SIGTERM, SIGCHLD
 *     loop:  switch (rt_sigtimedwait(those signals)) {
 *              SIGCHLD:          reap: while (wait4(-1, 0, WNOHANG, 0) > 0);
 *              SIGINT, SIGTERM:  exit(0)
 *            }
 *
 * Signals are blocked and waited for instead of handled, so that they reach it as process 1 too.
 */
export function pauseElf(architecture: ImageArchitecture): Uint8Array {
  return architecture === "amd64" ? elf(62, amd64Code()) : elf(183, arm64Code());
}

/** A static ELF executable of one segment. */
function elf(machine: number, code: Buffer): Uint8Array {
  const headerBytes = 64;
  const segmentHeaderBytes = 56;
  const codeOffset = headerBytes + segmentHeaderBytes;
  const base = 0x400000;
  const size = codeOffset + code.length;
  const out = Buffer.alloc(codeOffset);
  out.write("\x7fELF\x02\x01\x01", 0, "latin1"); // 64 bit, little endian, version 1
  out.writeUInt16LE(2, 16); // executable
  out.writeUInt16LE(machine, 18);
  out.writeUInt32LE(1, 20);
  out.writeBigUInt64LE(BigInt(base + codeOffset), 24); // entry
  out.writeBigUInt64LE(BigInt(headerBytes), 32); // where the segment headers are
  out.writeUInt16LE(headerBytes, 52);
  out.writeUInt16LE(segmentHeaderBytes, 54);
  out.writeUInt16LE(1, 56); // one segment
  const segment = out.subarray(headerBytes);
  segment.writeUInt32LE(1, 0); // loaded
  segment.writeUInt32LE(5, 4); // readable and executable
  for (const offset of [16, 24]) segment.writeBigUInt64LE(BigInt(base), offset);
  for (const offset of [32, 40]) segment.writeBigUInt64LE(BigInt(size), offset);
  segment.writeBigUInt64LE(0x10000n, 48); // aligned to the largest page size of arm64
  return Buffer.concat([out, code]);
}

function amd64Code(): Buffer {
  const code: number[] = [];
  const labels = new Map<string, number>();
  const jumps: { readonly at: number; readonly label: string }[] = [];
  const emit = (...bytes: number[]): void => void code.push(...bytes);
  const label = (name: string): void => void labels.set(name, code.length);
  const jump = (opcode: number, to: string): void => {
    emit(opcode, 0);
    jumps.push({ at: code.length - 1, label: to });
  };
  const [jmp, je, jne, jg] = [0xeb, 0x74, 0x75, 0x7f];
  const syscall = [0x0f, 0x05];
  const compareEax = (value: number): void => emit(0x83, 0xf8, value);

  emit(0x68, waited & 255, (waited >> 8) & 255, (waited >> 16) & 255, 0); // push the signal set
  emit(0x48, 0x89, 0xe6); // mov rsi, rsp
  emit(0x31, 0xff); // xor edi, edi: SIG_BLOCK
  emit(0x31, 0xd2); // xor edx, edx
  emit(0x6a, signalSetBytes, 0x41, 0x5a); // r10 = size of the set
  emit(0x6a, 14, 0x58, ...syscall); // rt_sigprocmask
  label("loop");
  emit(0x48, 0x89, 0xe7); // mov rdi, rsp
  emit(0x31, 0xf6, 0x31, 0xd2); // no info wanted, no timeout
  emit(0x6a, signalSetBytes, 0x41, 0x5a);
  emit(0xb8, 128, 0, 0, 0, ...syscall); // rt_sigtimedwait
  compareEax(sigChld);
  jump(je, "reap");
  compareEax(sigInt);
  jump(je, "exit");
  compareEax(sigTerm);
  jump(jne, "loop");
  label("exit");
  emit(0x31, 0xff, 0x6a, 60, 0x58, ...syscall); // exit(0)
  label("reap");
  emit(0x6a, 0xff, 0x5f); // rdi = -1: any child
  emit(0x31, 0xf6); // no status wanted
  emit(0x6a, wnohang, 0x5a); // rdx = WNOHANG
  emit(0x45, 0x31, 0xd2); // no usage wanted
  emit(0x6a, 61, 0x58, ...syscall); // wait4
  emit(0x85, 0xc0); // test eax, eax
  jump(jg, "reap");
  jump(jmp, "loop");

  // A short jump counts from the byte after its operand.
  for (const { at, label: to } of jumps) code[at] = (defined(labels.get(to), to) - (at + 1)) & 255;
  return Buffer.from(code);
}

function arm64Code(): Buffer {
  const words: number[] = [];
  const labels = new Map<string, number>();
  const branches: { readonly at: number; readonly label: string; readonly condition: number | undefined }[] = [];
  const emit = (word: number): void => void words.push(word >>> 0);
  const label = (name: string): void => void labels.set(name, words.length);
  const branch = (to: string, condition?: number): void => {
    branches.push({ at: words.length, label: to, condition });
    emit(0);
  };
  const [equal, notEqual, greater] = [0, 1, 12];
  const set = (register: number, value: number): void => emit(0xd2800000 | (value << 5) | register); // movz
  const syscall = (number: number): void => {
    set(8, number);
    emit(0xd4000001); // svc 0
  };
  const compareW0 = (value: number): void => emit(0x7100001f | (value << 10));

  set(9, waited & 0xffff);
  emit(0xf2a00000 | ((waited >>> 16) << 5) | 9); // movk x9, the upper half, lsl 16
  emit(0xf81f0fe9); // str x9, [sp, #-16]!
  set(0, 0); // SIG_BLOCK
  emit(0x910003e1); // mov x1, sp
  set(2, 0);
  set(3, signalSetBytes);
  syscall(135); // rt_sigprocmask
  label("loop");
  emit(0x910003e0); // mov x0, sp
  set(1, 0);
  set(2, 0);
  set(3, signalSetBytes);
  syscall(137); // rt_sigtimedwait
  compareW0(sigChld);
  branch("reap", equal);
  compareW0(sigInt);
  branch("exit", equal);
  compareW0(sigTerm);
  branch("loop", notEqual);
  label("exit");
  set(0, 0);
  syscall(93); // exit
  label("reap");
  emit(0x92800000); // x0 = -1: any child
  set(1, 0);
  set(2, wnohang);
  set(3, 0);
  syscall(260); // wait4
  emit(0xf100001f); // cmp x0, 0
  branch("reap", greater);
  branch("loop");

  for (const { at, label: to, condition } of branches) {
    const distance = defined(labels.get(to), to) - at;
    const word =
      condition === undefined
        ? 0x14000000 | (distance & 0x3ffffff)
        : 0x54000000 | ((distance & 0x7ffff) << 5) | condition;
    words[at] = word >>> 0;
  }
  const out = Buffer.alloc(words.length * 4);
  for (const [i, word] of words.entries()) out.writeUInt32LE(word, i * 4);
  return out;
}
