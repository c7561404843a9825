/** `strongroom journal verify`: the vault's own program reads the whole journal and checks its chain. Nothing is changed. */
import { readConfig } from "../config.ts";
import { verifyJournal } from "../demo/vault.ts";
import { columns } from "../screen.ts";
import { named, type Verb } from "../verb.ts";

export const journalVerify: Verb = {
  name: "journal verify",
  takes: "",
  what: "read the whole journal of this folder's vault and check its chain, from the first record to the last",
  options: {},
  async run(context) {
    named(context);
    await readConfig(context.home);
    const { records, head, segments, ms } = await verifyJournal(context.home);
    const facts = [
      ["records", String(records)],
      ["segments", String(segments)],
      ["head", head],
      ["time", `${ms} ms`],
    ];
    return { text: `the journal is whole\n${columns(facts)}`, json: { records, segments, head, ms } };
  },
};
