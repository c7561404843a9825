/** Ids that grow with time: UUID version 7.   Source: RFC 9562, section 5.7. */
import { randomFillSync } from "node:crypto";
import type { Brand } from "@strongroom/core/bytes";

export type Uuid = Brand<string, "Uuid">;

let last = 0;
let counter = 0;

/** A fresh id. Within a process later ids are greater: the 12 bits after the time count within a millisecond. */
export function uuid(now: number = Date.now()): Uuid {
  if (now > last) [last, counter] = [now, 0];
  else if (++counter > 0xfff) [last, counter] = [last + 1, 0];
  const bytes = Buffer.alloc(16);
  randomFillSync(bytes, 8);
  bytes.writeUIntBE(last, 0, 6);
  bytes.writeUInt16BE(0x7000 | counter, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-") as Uuid;
}
