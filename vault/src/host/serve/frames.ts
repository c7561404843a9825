/** Frames on a byte stream: u32 big-endian length, then that many bytes. Pure apart from the bytes it keeps: as many as have
 *  come and were not taken, in one buffer of at most twice their size, however small the pieces were. */
import { limits } from "../limits.ts";

export type Frames = {
  /** Takes the next bytes and copies them. */
  add(chunk: Buffer): void;
  /** The next frame, null when it is not whole yet, "unfit" when it announces nothing or more than the limit. */
  next(): Buffer | "unfit" | null;
  /** Whether `next` has something to say. */
  ready(): boolean;
  /** Bytes that have come and were not taken. */
  held(): number;
};

const HEAD_BYTES = 4;

export function frameReader(max: number = limits.frameBytes): Frames {
  let bytes = Buffer.alloc(0);
  let start = 0;
  let end = 0;
  const held = () => end - start;
  const announced = () => (held() < HEAD_BYTES ? null : bytes.readUInt32BE(start));
  const isUnfit = (length: number) => length === 0 || length > max;

  /** Goes on in a buffer of `size` bytes, which has room for what is held. */
  function move(size: number): void {
    const target = Buffer.allocUnsafeSlow(size);
    bytes.copy(target, 0, start, end);
    end -= start;
    start = 0;
    bytes = target;
  }

  return {
    held,
    ready() {
      const length = announced();
      return length !== null && (isUnfit(length) || held() >= HEAD_BYTES + length);
    },
    add(chunk) {
      if (end + chunk.length > bytes.length) move(Math.max(held() + chunk.length, 2 * held()));
      end += chunk.copy(bytes, end);
    },
    next() {
      const length = announced();
      if (length === null) return null;
      if (isUnfit(length)) return "unfit";
      if (held() < HEAD_BYTES + length) return null;
      // A copy, because the buffer goes on to be written.
      const frame = Buffer.from(bytes.subarray(start + HEAD_BYTES, start + HEAD_BYTES + length));
      start += HEAD_BYTES + length;
      if (2 * held() < bytes.length) move(held());
      return frame;
    },
  };
}

/** The bytes of one frame. */
export function frameOf(payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + payload.length);
  bytes.writeUInt32BE(payload.length);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}
