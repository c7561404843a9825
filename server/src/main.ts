#!/usr/bin/env node
/** The server's own program: what it serves is put together in `host/start.ts`, what it can be told is here. */
import { program } from "./host/program.ts";

process.exit(await program(process.argv.slice(2)));
