/** The first process of every command: `node tools/boot.mjs <start|test|bench|cli> [arguments]`.
 *
 *  It looks only at the age of the Node that runs it, in words that a very old one still understands, and hands over to
 *  `boot/main.mjs`. It is not the product: nothing here decides, signs or reads a key. */

import process from "node:process";

const OLDEST = { major: 18, minor: 19 };

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
  process.stderr.write(
    `strongroom: this is Node ${process.versions.node}, and ${OLDEST.major}.${OLDEST.minor} or newer is needed to go on\n` +
      "strongroom: on Debian 12 and newer type: sudo apt-get install -y nodejs npm\n",
  );
  process.exitCode = 1;
} else {
  import("./boot/main.mjs").then((boot) => boot.main(process.argv.slice(2)));
}
