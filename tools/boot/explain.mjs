/** Reads npm's output: how far it has come, and, when it has failed, what a person can do about it. Pure. */

/** npm's code for "no answer", and what it means. */
const NO_NETWORK = /** @type {const} */ ({
  ENOTFOUND: "its name is unknown to this machine's name server",
  EAI_AGAIN: "the name server does not answer",
  ECONNREFUSED: "it refused the connection",
  ECONNRESET: "the connection was cut",
  ENETUNREACH: "there is no route to it",
  EHOSTUNREACH: "there is no route to it",
  ETIMEDOUT: "it did not answer in time",
  ERR_SOCKET_TIMEOUT: "it did not answer in time",
  ENOTCACHED: "npm is set to work offline and a package is not in its cache",
});

const OTHER = /** @type {const} */ ([
  ["ENOSPC", "the disk is full; about 700 MB are needed"],
  ["EDQUOT", "the disk quota is used up; about 700 MB are needed"],
  [
    "EINTEGRITY",
    "a package does not match the hash in the lockfile; nothing of it was used. Suspect a proxy or a broken cache",
  ],
  ["EUSAGE", "package.json and package-lock.json disagree; restore both with: git checkout package.json package-lock.json"],
  ["E401", "the registry wants a login; see the settings in your .npmrc"],
  ["E403", "the registry refused a package; see the settings in your .npmrc"],
  ["E407", "the proxy wants a login; see HTTPS_PROXY"],
  [
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "the registry's certificate is not trusted; name your authority in NODE_EXTRA_CA_CERTS",
  ],
  ["SELF_SIGNED_CERT_IN_CHAIN", "the registry's certificate is not trusted; name your authority in NODE_EXTRA_CA_CERTS"],
  ["EACCES", "a file or folder may not be written by this user"],
  ["EPERM", "a file or folder may not be written by this user"],
  ["EROFS", "the file system is read-only"],
]);

/** Lines for a person about a failed installation. @param {string} log @returns {string[]} */
export function explain(log) {
  const code = /npm (?:error|ERR!) code (\w+)/.exec(log)?.[1] ?? "";
  const fromCode = Object.entries(NO_NETWORK).find(([name]) => name === code);
  const fromText = code === "" ? lastFault(log) : undefined;
  const network = fromCode ?? fromText;
  if (network !== undefined) {
    return [
      `the package registry could not be reached: ${network[1]} (${network[0]})`,
      "check the network, or HTTPS_PROXY, and type the same command again: what is downloaded already is kept",
    ];
  }
  const other = OTHER.find(([name]) => name === code) ?? OTHER.find(([name]) => log.includes(name));
  const reason = other === undefined ? [] : [`npm could not install the packages: ${other[1]} (${other[0]})`];
  return reason.length > 0 ? reason : ["npm could not install the packages; the end of its output:", ...tail(log)];
}

/** True when npm failed on its cache and another cache would help. @param {string} log */
export function isCacheFault(log) {
  const fault = /npm (?:error|ERR!) code (EACCES|EROFS|EPERM|ENOTDIR|EINTEGRITY)/.exec(log);
  return fault !== null && /_cacache|cache folder|cache mode|EINTEGRITY/.test(log);
}

/** What npm is doing, from its lines about requests. @param {string} log @param {readonly string[]} names of all packages */
export function parseProgress(log, names) {
  const fault = lastFault(log);
  if (fault !== undefined) return `no answer from the package registry (${fault[0]}: ${fault[1]}), trying again`;
  const fetched = [...log.matchAll(/npm http (?:fetch GET 200|cache) (\S+)\/-\/\S+\.tgz/g)].map((match) => match[1] ?? "");
  const open = names.filter((name) => !fetched.some((address) => address.endsWith(`/${name}`)));
  if (fetched.length === 0) return "asking the package registry";
  if (open.length === 0) return `fetched all ${names.length} packages, unpacking them`;
  const rest = open.length > 4 ? "" : `, still on the way: ${open.join(", ")}`;
  return `fetched ${names.length - open.length} of ${names.length} packages${rest}`;
}

/** The last refused request, unless a later one has succeeded. @param {string} log */
function lastFault(log) {
  const attempts = log.split("\n").filter((line) => /npm http fetch GET|attempt \d+ failed with/.test(line));
  const last = attempts.at(-1) ?? "";
  return Object.entries(NO_NETWORK).find(([name]) => last.includes(`failed with ${name}`));
}

/** @param {string} log */
function tail(log) {
  const lines = log.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("npm http"));
  return lines.slice(-12);
}
