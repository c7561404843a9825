#!/usr/bin/env node
/** The vault's own program. What it decides is in `mind.ts`, what it does on the machine in `host/program.ts`. */
import { program } from "./host/program.ts";
import { mind } from "./mind.ts";

process.exit(await program(process.argv.slice(2), mind));
