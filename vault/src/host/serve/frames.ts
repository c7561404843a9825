/** Frames on a byte stream: u32 big-endian length, then that many bytes. Pure apart from the bytes it keeps. */
import { limits } from "../limits.ts";

export type Frames = {
  /** Takes the next bytes and gives the frames that are now whole; null when one announces nothing or more than the limit. */
  take(chunk: Buffer): Buffer[] | null;
  /** Bytes of a frame that has begun and is not whole. */
  held(): number;
};

export function frameReader(max: number = limits.frameBytes): Frames {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  return {
    take(chunk) {
      chunks.push(chunk);
      size += chunk.length;
      if (size < wanted) return [];
      const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, size);
      const frames: Buffer[] = [];
      let at = 0;
      wanted = 4;
      while (bytes.length - at >= 4) {
        const length = bytes.readUInt32BE(at);
        if (length === 0 || length > max) return null;
        wanted = 4 + length;
        if (bytes.length - at < wanted) break;
        // A copy, because the chunk it lies in may be far larger than the frame that is kept.
        frames.push(Buffer.from(bytes.subarray(at + 4, at + wanted)));
        at += wanted;
        wanted = 4;
      }
      chunks = at === bytes.length ? [] : [bytes.subarray(at)];
      size = bytes.length - at;
      return frames;
    },
    held: () => size,
  };
}

/** The bytes of one frame. */
export function frameOf(payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + payload.length);
  bytes.writeUInt32BE(payload.length);
  bytes.set(payload, 4);
  return bytes;
}
