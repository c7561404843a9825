/** Searches one world in a thread of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { PRODUCTION } from "./plants.ts";
import { search } from "./search.ts";
import { worlds } from "./worlds.ts";

const { name, deep } = workerData as { name: string; deep: boolean };
const world = worlds(deep).find((one) => one.name === name);
if (world === undefined) throw new Error(`there is no world ${name}`);
parentPort?.postMessage(search(PRODUCTION, world));
