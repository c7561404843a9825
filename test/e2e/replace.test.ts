/** Straight to the vault: payments that the chain does not take; one is paid with higher fees, another is cancelled; each
 *  place is used once. */
import { join } from "node:path";
import { after, before } from "node:test";
import { ask, makeFolder, waitForNone } from "./command.ts";
import { type Direct, startDirect } from "./direct.ts";
import { testStuck } from "./stuck.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let direct: Direct;
before(async () => {
  direct = await startDirect(home);
});

testStuck({
  strongroom: (...args) => ask(home, ...args),
  node: (method, ...params) => direct.node.rpc(method, ...params),
  states: ({ request, block }) => [`mined in block ${block}`, `never mined: ${request.slice(0, 12)} took its place`],
});

after(async () => {
  await direct.end();
  await waitForNone(place.folder);
  await place.remove();
});
