import { utf8Encode } from "../component-base/bytes.ts";

/** 32-bit FNV-1a of the text's UTF-8 bytes. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8Encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** The text in the alphabet of generated names, so that a hash forms no word and is valid in names and labels. */
export function safeEncode(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) out += alphabet[text.charCodeAt(i) % alphabet.length];
  return out;
}
