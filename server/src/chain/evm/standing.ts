/** Whether a node counts, and how one that was set aside comes back: by answering as the others do, several times in a row. One
 *  that lied has to do so on the very question that it lied about. Pure. */
import { limits } from "../../host/limits.ts";

export type State = "good" | "lagging" | "lying" | "forked" | "unreachable";
/** `about`: the question on which it failed; `agreed`: how often it has answered well since. */
export type Standing = {
  readonly state: State;
  readonly reason: string;
  readonly about: string;
  readonly since: number;
  readonly agreed: number;
};

/** What one answer says of a node; `good`: it is what enough others say. */
export type Verdict = { readonly state: State; readonly reason: string; readonly about: string };

export function newStanding(now: number): Standing {
  return { state: "good", reason: "", about: "", since: now, agreed: 0 };
}

/** What was seen lying stays so, whatever else it fails in, until it has told the truth often enough. */
export function judge(standing: Standing, verdict: Verdict, now: number): Standing {
  if (verdict.state === "good") return agree(standing, verdict.about, now);
  const { reason, about } = verdict;
  if (standing.state === "lying" && verdict.state !== "lying") return { ...standing, agreed: 0 };
  const since = standing.state === verdict.state ? standing.since : now;
  return { state: verdict.state, reason, about, since, agreed: 0 };
}

function agree(standing: Standing, about: string, now: number): Standing {
  if (standing.state === "good") return standing;
  const isLiar = standing.state === "lying";
  if (isLiar && about !== standing.about) return standing;
  const agreed = standing.agreed + 1;
  const needed = isLiar ? limits.nodeReturnsAfterLie : limits.nodeReturns;
  return agreed >= needed ? newStanding(now) : { ...standing, agreed };
}
