/** Root gives the vault's user his folders, and is not led to give away anything else.
 *
 *  Whoever may write in a folder can put a second name of root's own file there, or swap a folder for a link between a look
 *  and a change of owner. So only what is root's alone is given, the innermost first; folders are held by descriptors, since
 *  those above may be swapped; and what is the vault's already is left as it is. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { Fault, systemCode } from "../fault.ts";

export type Account = { readonly uid: number; readonly gid: number };

/** Makes a vault's data folder, and all in it, `owner`'s and private. Nothing is changed when anything in it is neither his
 *  nor root's alone. Fails: DATA_OWNER. */
export function giveData(data: string, owner: Account): void {
  const refuse = (why: string): never => {
    throw new Fault("DATA_OWNER", `${data}: ${why}.`);
  };
  withFolder(data, refuse, (folder) => {
    const { uid } = fstatSync(folder);
    if (uid !== owner.uid) {
      if (!readdirSync(inside(folder)).includes("keystore")) refuse("it is no vault's folder");
      demandRoots(folder, owner, refuse);
      hand(folder, owner, refuse);
    }
    fchmodSync(folder, 0o700);
  });
}

/** Makes the socket's folder if need be, and the vault's: his, and open to the group of whoever starts him.
 *  Fails: SOCKET_FAILED when it is somebody else's, or holds other files. */
export function giveSocketFolder(path: string, socket: string, owner: Account): void {
  const refuse = (why: string): never => {
    throw new Fault("SOCKET_FAILED", `${path}: ${why}; give the socket a folder of its own.`);
  };
  mkdirSync(path, { recursive: true, mode: 0o750 });
  withFolder(path, refuse, (folder) => {
    const found = fstatSync(folder);
    if (found.uid !== owner.uid) {
      if (!isRoots(found)) refuse("it belongs to others, or they may write in it");
      if (readdirSync(inside(folder)).some((name) => name !== socket)) refuse("it holds other files");
    }
    fchownSync(folder, owner.uid, process.getegid?.() ?? 0);
    // Whatever is made in it gets the folder's group, so that the starter's group may ask.
    fchmodSync(folder, 0o2750);
  });
}

type Refuse = (why: string) => never;

/** Opens a folder, never by way of a link, and calls `use` with its descriptor. */
function withFolder(path: string, refuse: Refuse, use: (folder: number) => void): void {
  let folder: number;
  try {
    folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (["ELOOP", "ENOTDIR"].includes(systemCode(error))) refuse("it is no folder");
    throw error;
  }
  try {
    use(folder);
  } finally {
    closeSync(folder);
  }
}

/** The folder that is open, whatever its name leads to by now. */
const inside = (folder: number) => `/proc/self/fd/${folder}`;

/** Whether something is root's, and nobody else can change it. */
function isRoots(found: Stats): boolean {
  const isOpen = !found.isSymbolicLink() && (found.mode & 0o022) !== 0;
  return found.uid === 0 && !isOpen && (found.isDirectory() || found.nlink === 1);
}

/** Refuses unless a folder and all in it is root's alone. What is the owner's already was given by a start that was cut off. */
function demandRoots(folder: number, owner: Account, refuse: Refuse): void {
  if (!isRoots(fstatSync(folder))) refuse("it is not root's alone");
  for (const name of readdirSync(inside(folder))) {
    const path = join(inside(folder), name);
    const found = lstatSync(path);
    if (found.uid === owner.uid) continue;
    if (!isRoots(found)) refuse(`${name} in it is not root's alone`);
    if (found.isDirectory()) withFolder(path, refuse, (below) => demandRoots(below, owner, refuse));
  }
}

/** Gives what `demandRoots` has let pass; nobody but root could have changed it since. */
function hand(folder: number, owner: Account, refuse: Refuse): void {
  for (const name of readdirSync(inside(folder))) {
    const path = join(inside(folder), name);
    const found = lstatSync(path);
    if (found.uid === owner.uid) continue;
    if (found.isDirectory()) withFolder(path, refuse, (below) => hand(below, owner, refuse));
    else lchownSync(path, owner.uid, owner.gid);
  }
  fchownSync(folder, owner.uid, owner.gid);
}
