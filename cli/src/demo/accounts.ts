/** What a demonstration shows at the end: that the books equal the chain, that the log verifies offline, that all is well. */
import { join } from "node:path";
import { exportLog } from "../audit/export.ts";
import { placeOf } from "../audit/place.ts";
import { verifyLog } from "../audit/verify.ts";
import { balanceOf, tokenBalanceOf } from "../chain/evm.ts";
import { fault } from "../faults.ts";
import { amountOf, nameOf } from "../verbs/server/books.ts";
import { fetchProtections } from "../verbs/status.ts";
import { TOKEN } from "./rulebook.ts";
import { addressesOf } from "./setting.ts";
import { type Stage, until } from "./stage.ts";

/** Balances by the books, each wallet's compared with its address on the chain. */
export async function showBalances(stage: Stage): Promise<void> {
  const { server, session, steps, node } = stage;
  await steps.take("balances", "books equal the chain", async () => {
    const addresses = await addressesOf(stage);
    const { items } = await server.call("accounts.list", {});
    for (const { wallet, address } of addresses) {
      for (const asset of ["eth", "usdx"] as const) {
        const onChain = await (asset === "eth" ? balanceOf(node, address) : tokenBalanceOf(node, TOKEN, address));
        const account = items.find((one) => one.type === "wallet" && one.subject === wallet && one.asset === asset);
        const booked = account?.posted ?? 0n;
        if (booked !== onChain)
          fault("STEP_FAILED", wallet, `booked are ${booked} base units of ${asset}, the chain has ${onChain}`);
      }
    }
    const { assets } = await server.call("ledger.check");
    const wrong = assets.find(({ balanced, backed }) => !balanced || !backed);
    if (wrong !== undefined) fault("STEP_FAILED", wrong.asset, "its sums are not zero, or what clients have is not backed");
    const positions = items.filter(({ type, posted }) => type !== "wallet" && posted > 0n);
    const words = positions.map((one) => `${nameOf(one)} ${amountOf(session.book(), one.asset, one.posted)} ${one.asset}`);
    return { detail: words.join(", ") };
  });
}

/** The audit log in files, and verified from them alone. */
export async function showLog(stage: Stage): Promise<void> {
  const { home, server, session, steps } = stage;
  const folder = join(home, "log");
  await steps.take("audit-export", "audit log exported", async () => {
    await server.call("audit.sign", { body: {} });
    const { size, fetched } = await exportLog(server, folder);
    return { detail: `${size} leaves, ${fetched} tiles, checkpoint signed by the vault` };
  });
  await steps.take("audit", "audit log verified offline", async () => {
    const { size, root } = await verifyLog(placeOf(folder), { pin: session.deployment, genesis: null, since: null });
    return { detail: `checkpoint of ${size} leaves holds`, hash: root };
  });
}

/** Health once all is well. Fails: STEP_FAILED. */
export async function showHealth({ server, steps }: Stage): Promise<void> {
  await steps.take("health", "all is well", async () => {
    const checks = await until("all is well", async () => {
      const health = await server.call("health.get");
      return health.ok ? health.checks : null;
    });
    return { detail: checks.map(({ name }) => name).join(", ") };
  });
}

export type Protections = Awaited<ReturnType<typeof fetchProtections>>;

export async function showProtections({ session, steps }: Stage): Promise<Protections> {
  let protections: Protections = [];
  await steps.take("protections", "protections measured", async () => {
    await session.refresh();
    protections = await fetchProtections(session);
    const off = protections.filter((item) => !item.on).map((item) => item.name);
    const words = off.length === 0 ? "" : `; off: ${off.join(", ")}`;
    return { detail: `${protections.length - off.length} of ${protections.length} on${words}` };
  });
  return protections;
}
