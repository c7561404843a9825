/** What one would write instead, in a process of its own: the same Fastify and pg, a call that inserts a row with what it was
 *  sent, and one that gives a page of 50. Nothing is checked: no token, no signature, no state, no event, no job. */
import process from "node:process";
import Fastify from "fastify";
import { Pool } from "pg";

type Sent = { readonly intent: string; readonly approval: string };

const pool = new Pool({ connectionString: process.env.BENCH_DATABASE ?? "", max: 16 });
await pool.query(`create table if not exists plain (
  id bigint generated always as identity primary key,
  intent bytea not null,
  approval bytea not null,
  created_at timestamptz not null default now()
)`);
const app = Fastify({ logger: false });

app.post("/v1/requests", async (request, reply) => {
  const { intent, approval } = request.body as Sent;
  const values = [Buffer.from(intent, "base64"), Buffer.from(approval, "base64")];
  const { rows } = await pool.query("insert into plain (intent, approval) values ($1, $2) returning id, created_at", values);
  return reply.code(201).send({ ...rows[0], intent, approval });
});

app.get("/v1/requests", async () => {
  const { rows } = await pool.query("select * from plain order by id desc limit 50");
  const text = (bytes: Buffer) => bytes.toString("base64");
  return { items: rows.map((row) => ({ ...row, intent: text(row.intent), approval: text(row.approval) })) };
});

process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`);
process.stdin.once("close", () => process.exit(0)).resume();
