/** A server of the API as a process of its own, on a database that is there: `serving.ts URL`. Prints where it listens, and
 *  ends with its standard input. */
import process from "node:process";
import { openDatabase } from "../../server/src/db/open.ts";
import { openHttp } from "../../server/src/http/http.ts";
import { handlersOf, houseOf, PEOPLE } from "./api.ts";

const { db, close } = openDatabase({ url: process.argv[2] ?? "", connections: 8 });
const http = await openHttp(houseOf(db), handlersOf(PEOPLE), { host: "127.0.0.1", port: 0 });
console.log(http.url);
process.stdin.resume().once("end", async () => {
  await http.close();
  await close();
  process.exit(0);
});
