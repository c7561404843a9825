/** A window onto a file that is read from front to back in bounded memory. */
import type { FileHandle } from "node:fs/promises";

/** `bytes[start..end)` are read and not yet used; `offset` is the file offset of `bytes[0]`. */
export type Window = { readonly handle: FileHandle; readonly bytes: Buffer; start: number; end: number; offset: number };

/** A window of `size` bytes at the beginning of a file. */
export async function openWindow(handle: FileHandle, size: number): Promise<Window> {
  const window: Window = { handle, bytes: Buffer.allocUnsafe(size), start: 0, end: 0, offset: 0 };
  await fill(window);
  return window;
}

/** Reads on until the window is full or the file ends. */
export async function fill(window: Window): Promise<void> {
  window.bytes.copyWithin(0, window.start, window.end);
  window.offset += window.start;
  window.end -= window.start;
  window.start = 0;
  while (window.end < window.bytes.length) {
    const room = window.bytes.length - window.end;
    const { bytesRead } = await window.handle.read(window.bytes, window.end, room, window.offset + window.end);
    if (bytesRead === 0) return;
    window.end += bytesRead;
  }
}
