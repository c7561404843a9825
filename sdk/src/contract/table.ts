/** All endpoints. Routes, the OpenAPI document, the SDK's client and the CLI are made from this table. */
import { BOOKS } from "./books.ts";
import { CHAINS } from "./chains.ts";
import { CUSTODY } from "./custody.ts";
import { GOVERNANCE } from "./governance.ts";
import { LOG } from "./log.ts";
import { OPERATIONS } from "./operations.ts";
import { PEOPLE } from "./people.ts";
import { REQUESTS } from "./requests.ts";

export const ENDPOINTS = {
  ...PEOPLE,
  ...CUSTODY,
  ...REQUESTS,
  ...GOVERNANCE,
  ...BOOKS,
  ...CHAINS,
  ...LOG,
  ...OPERATIONS,
};
export type Endpoints = typeof ENDPOINTS;
export type EndpointName = keyof Endpoints;
