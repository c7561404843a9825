/** Transactions over the database in memory. A process may die before one begins, while it waits for the vault in one, before
 *  its commit and after it. */
import type * as own from "../../../server/src/db/transact.ts";
import { handleOf, txOf } from "./database.ts";

export const transact: typeof own.transact = async (db, work) => {
  const { base, owner } = handleOf(db);
  const { time } = base;
  await time.pause(time.chance.between(0, 3), owner);
  await base.idle(owner);
  base.begin(owner);
  try {
    const result = await work(txOf({ base, owner, inside: true }));
    base.commit();
    await time.pause(time.chance.between(0, 3), owner);
    return result;
  } catch (error) {
    if (!owner.isDead) base.rollback();
    throw error;
  }
};
