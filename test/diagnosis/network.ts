import { execFileSync, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { NatNetwork } from "../turn/support/nat-network.ts";

/** Where this process is when it runs inside of the network: how programs get to the other hosts. */
const names = process.env.DIAGNOSIS_NETWORK?.split(",");

/** The open host's address. The server runs there, and so does this process. */
export const openAddress = NatNetwork.openAddress;
/** True inside of the network. */
export const isInside = names !== undefined;

/**
 * Runs this program again on the open host of a network of namespaces with two hosts behind NATs, with the same arguments. Undefined where
 * this machine has no namespaces; else its exit code.
 */
export async function runInside(): Promise<number | undefined> {
  const network = NatNetwork.make();
  if (network === undefined) return undefined;
  try {
    const [program = "", ...args] = network.inside("open", process.execPath, ...process.argv.slice(1));
    const spaces = ["left", "right", "leftnat", "rightnat"].map((host) => network.inside(host)[3]);
    const env = { ...process.env, DIAGNOSIS_NETWORK: spaces.join(",") };
    const child = spawn(program, args, { stdio: "inherit", env });
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    return await new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  } finally {
    network.remove();
  }
}

const spaceOf = (host: Host | "leftnat" | "rightnat"): string =>
  names?.[["left", "right", "leftnat", "rightnat"].indexOf(host)] ?? "";

export type Host = "left" | "right";

/** A program that starts another one on a host. `file`: where it is written. */
export function onHost(host: Host, program: string, file: string): string {
  writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${spaceOf(host)} ${program} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

/** What a host's NAT lets through no longer, in the words of nftables, such as `meta l4proto udp drop`. It looks at both directions. */
export function block(host: Host, ...rules: readonly string[]): void {
  for (const rule of rules) nft(host, `insert rule ip filter through ${rule}`);
}

/** Lets everything through again that a NAT lets through. */
export function unblock(host: Host): void {
  nft(host, "flush chain ip filter through");
  nft(host, "add rule ip filter through iifname wan ct state new drop");
}

function nft(host: Host, rule: string): void {
  execFileSync("ip", ["netns", "exec", spaceOf(`${host}nat`), "nft", rule], { stdio: "pipe" });
}
