/** What is counted and traced: calls of the API, commands to the vault, jobs, statements of the database, calls to nodes.
 *
 *  Prometheus reads the figures as text. Traces go to whatever OpenTelemetry SDK the process was started with, which may be
 *  none. */
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { codeOf } from "./fault.ts";

export type Work = "call" | "vault" | "job" | "database" | "chain";

export type Metrics = {
  /** Runs `work` in a span, and counts it with its length and how it ended. `name` is one of few, such as an endpoint or a kind
   *  of job: each makes a series of its own. */
  readonly measure: <T>(work: Work, name: string, run: () => Promise<T>) => Promise<T>;
  /** Counts work that was done already. */
  readonly note: (work: Work, name: string, done: { readonly ms: number; readonly outcome: string }) => void;
  /** A figure that is asked for when somebody reads the metrics. */
  readonly gauge: (name: string, help: string, read: () => number | Promise<number>) => void;
  /** All of it in Prometheus's text form, and that form's media type. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
};

/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const lengths = new Histogram({
    name: "strongroom_work_seconds",
    help: "Work by its kind, name and outcome: ok, the code of a failure, or BUG.",
    labelNames: ["work", "name", "outcome"],
    buckets: BUCKETS,
    registers: [registry],
  });
  const tracer = trace.getTracer("strongroom");
  const note: Metrics["note"] = (work, name, { ms, outcome }) => lengths.observe({ work, name, outcome }, ms / 1_000);

  const measure: Metrics["measure"] = (work, name, run) =>
    tracer.startActiveSpan(`${work} ${name}`, async (span) => {
      const since = performance.now();
      let outcome = "ok";
      try {
        return await run();
      } catch (error) {
        outcome = codeOf(error) === "" ? "BUG" : codeOf(error);
        span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
        throw error;
      } finally {
        note(work, name, { ms: performance.now() - since, outcome });
        span.end();
      }
    });

  const gauge: Metrics["gauge"] = (name, help, read) => {
    const options = { name, help, registers: [registry] };
    new Gauge({
      ...options,
      async collect() {
        this.set(await read());
      },
    });
  };
  return { measure, note, gauge, text: () => registry.metrics(), contentType: registry.contentType };
}
