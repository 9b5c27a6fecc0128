import { type ChildProcess, execFileSync, spawn } from "node:child_process";

const id = `sb${process.pid % 100_000}`;

/**
 * Two hosts, each behind a symmetric NAT of its own, and a host in the open between them: network namespaces of this machine.
 *
 *     left 10.1.0.2 ─ 10.1.0.1 NAT 11.0.0.11 ─┐
 *                                             open 11.0.0.1
 *     right 10.2.0.2 ─ 10.2.0.1 NAT 11.0.0.12 ┘
 */
export class NatNetwork {
  static readonly openAddress = "11.0.0.1";
  readonly #spaces: string[] = [];

  /** Undefined, with the reason on standard error, where this can't be had. */
  static make(): NatNetwork | undefined {
    const network = new NatNetwork();
    try {
      execFileSync("nft", ["--version"], { stdio: "pipe" });
      network.#build();
      return network;
    } catch (error) {
      network.remove();
      console.error(`no network namespaces with NAT here: ${(error as Error).message.split("\n")[0]}`);
      return undefined;
    }
  }

  /** Starts a program on one of the hosts. */
  start(host: "left" | "right" | "open", program: string, args: readonly string[]): ChildProcess {
    return spawn("ip", ["netns", "exec", `${id}${host}`, program, ...args], {
      stdio: ["pipe", "pipe", "ignore"],
    });
  }

  remove(): void {
    for (const space of this.#spaces.splice(0))
      execFileSync("ip", ["netns", "del", space], { stdio: "pipe" });
  }

  #build(): void {
    for (const name of ["open", "left", "right", "leftnat", "rightnat"]) {
      ip("netns", "add", `${id}${name}`);
      this.#spaces.push(`${id}${name}`);
      inside(name, "ip", "link", "set", "lo", "up");
    }
    inside("open", "ip", "link", "add", "br0", "type", "bridge");
    inside("open", "ip", "addr", "add", `${NatNetwork.openAddress}/24`, "dev", "br0");
    inside("open", "ip", "link", "set", "br0", "up");
    this.#side("left", 1);
    this.#side("right", 2);
  }

  #side(name: "left" | "right", number: number): void {
    const nat = `${name}nat`;
    ip(
      "link",
      "add",
      "wan",
      "netns",
      `${id}${nat}`,
      "type",
      "veth",
      "peer",
      "name",
      name,
      "netns",
      `${id}open`,
    );
    ip(
      "link",
      "add",
      "lan",
      "netns",
      `${id}${nat}`,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      `${id}${name}`,
    );
    inside("open", "ip", "link", "set", name, "master", "br0", "up");
    for (const [space, device, address] of [
      [nat, "wan", `11.0.0.1${number}/24`],
      [nat, "lan", `10.${number}.0.1/24`],
      [name, "eth0", `10.${number}.0.2/24`],
    ] as const) {
      inside(space, "ip", "addr", "add", address, "dev", device);
      inside(space, "ip", "link", "set", device, "up");
    }
    inside(name, "ip", "route", "add", "default", "via", `10.${number}.0.1`);
    inside(nat, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    // Another port for each destination, and only that destination may answer: what is called a symmetric NAT.
    inside(nat, "nft", "add table ip nat");
    inside(nat, "nft", "add chain ip nat post { type nat hook postrouting priority 100 ; }");
    inside(nat, "nft", "add rule ip nat post oifname wan masquerade fully-random");
    inside(nat, "nft", "add table ip filter");
    inside(nat, "nft", "add chain ip filter through { type filter hook forward priority 0 ; }");
    inside(nat, "nft", "add rule ip filter through iifname wan ct state new drop");
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}

function inside(space: string, program: string, ...args: string[]): void {
  execFileSync("ip", ["netns", "exec", `${id}${space}`, program, ...args], { stdio: "pipe" });
}
